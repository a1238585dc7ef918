/** Listening on a free port of 127.0.0.1, and ending that. */
import type { AddressInfo, Server } from "node:net";

export function listening(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      server.off("error", reject);
      resolve();
    });
  });
}

export function portOf(server: Server): number {
  // A server that listens on a host and a port has an AddressInfo; strings are for pipes.
  return (server.address() as AddressInfo).port;
}

/** Its connections have to end by themselves. */
export function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
  });
}
