export type { Damage, VerifyReport } from "../store/damage.ts";
export { acceptPostgresStore } from "./accept.ts";
export type { KeySource } from "./key.ts";
export { openPostgresStore } from "./open.ts";
export type { PostgresStore, PostgresStoreOptions } from "./open.ts";
export { openPostgresReader } from "./reader.ts";
export type { Ticks } from "./ticks.ts";
export { verifyPostgresStore } from "./verify.ts";
export type { VerifyOptions } from "./verify.ts";
