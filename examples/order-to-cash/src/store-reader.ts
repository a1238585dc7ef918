import type { openSqliteReader } from "holdfast/sqlite";

/** What another process may do with a store: read its projections and leave commands. */
export type StoreReader = Awaited<ReturnType<typeof openSqliteReader>>;
export type ExceptionRow = Awaited<ReturnType<StoreReader["exceptions"]>>[number];
export type EffectRow = Awaited<ReturnType<StoreReader["effects"]>>[number];
export type ReviewRow = Awaited<ReturnType<StoreReader["reviews"]>>[number];
export type RunRow = NonNullable<Awaited<ReturnType<StoreReader["run"]>>>;
