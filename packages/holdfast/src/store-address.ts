/** Which driver serves an address, and what it is given: the only place that knows the forms. */
export type StorePlace =
  | { readonly kind: "sqlite"; readonly path: string }
  | { readonly kind: "postgres"; readonly url: string };

const SQLITE = "sqlite:";
const POSTGRES = /^postgres(?:ql)?:\/\/[^/]/u;

/** For a message: without a user's password. */
export function shownAddress(address: string): string {
  return JSON.stringify(address.replace(/\/\/[^@/]*@/u, "//...@"));
}

/** Null for an address of no known form. */
export function placeOf(address: string): StorePlace | null {
  if (POSTGRES.test(address)) return { kind: "postgres", url: address };
  const path = address.slice(SQLITE.length);
  return address.startsWith(SQLITE) && path !== "" ? { kind: "sqlite", path } : null;
}
