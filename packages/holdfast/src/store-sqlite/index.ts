export { openSqliteStore } from "./open.ts";
export type { SqliteStore, SqliteStoreOptions } from "./open.ts";
export type { StoreNotice } from "./notice.ts";
export { openSqliteReader } from "./reader.ts";
