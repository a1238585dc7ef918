import { fileURLToPath } from "node:url";

/** Everything that a run of the example leaves behind is in here; made anew at each start. */
export const VAR_DIR = fileURLToPath(new URL("../../../var/order-to-cash", import.meta.url));

export const STORE_FILE = "holdfast.db";
/** The key of a store on PostgreSQL, which is never in the database. */
export const KEY_FILE = "holdfast.key";
export const AUDIT_FILE = "audit.db";
export const SUMMARY_FILE = "summary.json";
