/** What is on its way to the database when a store is closed: nothing of it outlives the closing. */
import { EventEmitter, once } from "node:events";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Connection, connect } from "./client.ts";
import { Heartbeat } from "./heartbeat.ts";
import { Link } from "./link.ts";
import { Lookout } from "./lookout.ts";
import { OwnedShards } from "./owned-shards.ts";
import { ConnectionLost } from "./postgres-errors.ts";
import { connectTo } from "./open.ts";
import { type TestDatabase, makeDatabase, openStore } from "./test-store.test-support.ts";
import { systemTicks } from "./ticks.ts";

let database: TestDatabase;
let lost: Connection;

beforeEach(async () => {
  database = await makeDatabase();
  // Makes the tables.
  await (await openStore(database.url)).close();
  lost = await connect(database.url);
  lost.destroy();
});

afterEach(() => database.drop());

const LIFE = {
  incarnation: 1,
  leaseMs: 600_000,
  owned: new OwnedShards(),
  onDeath: () => undefined,
  onSilence: () => undefined,
};

/** Begins a beat when `begin` is called. */
const BEATS = {
  heartbeat(open: () => Promise<Connection>) {
    const due: (() => void)[] = [];
    const after = (_delayMs: number, callback: () => void) => {
      due.push(callback);
      return () => undefined;
    };
    const heartbeat = new Heartbeat(lost, 0, { ...LIFE, ticks: { ...systemTicks, after }, open });
    // The beat is set first, before the look at the clock.
    due[0]?.();
    return heartbeat;
  },
  lookout(open: () => Promise<Connection>) {
    const lookout = new Lookout(lost, { ...LIFE, ticks: systemTicks, open });
    lookout.lookSoon();
    return lookout;
  },
};

test.each(["heartbeat", "lookout"] as const)(
  "a connection that a %s gets while it is closed is closed, too",
  async (which) => {
    const network = new EventEmitter();
    const comesBack = once(network, "back");
    let opened: Connection | null = null;
    const beats = BEATS[which](async () => {
      await comesBack;
      opened = await connectTo(database.url);
      return opened;
    });
    const closing = beats.close();
    network.emit("back");
    await closing;
    expect(opened).not.toBeNull();
    expect((opened as Connection | null)?.isAlive()).toBe(false);
  },
);

test("a link that is closed tries no more to connect", async () => {
  let tries = 0;
  const link: Link = new Link(lost, {
    open: () => {
      tries += 1;
      link.destroy();
      return Promise.reject(new ConnectionLost("nobody answers"));
    },
    ticks: { ...systemTicks, nowMs: () => tries * 100, pause: () => Promise.resolve() },
    reconnectMsMax: 1000,
  });
  await expect(link.use((connection) => connection.rows("one", "select 1"))).rejects.toThrow(
    ConnectionLost,
  );
  expect(tries).toBe(1);
});
