/** Receiving messages over HTTP: each is taken once, whatever its sender repeats. */
export { ingressFor } from "./ingress.ts";
export type { Ingress, IngressOptions } from "./ingress.ts";
export type { AboutMessage, Principal, Sender } from "./sender.ts";
