/** Where a redirect may lead: reads within named origins, writes nowhere (failure model 2.5). */
import { isSafe, type Outgoing } from "./outgoing-request.ts";
import type { HeaderFields } from "./retry-after.ts";

const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/** Headers that hold nothing of ours that another origin must not see. */
const FOREIGN_HEADERS = ["accept", "accept-encoding", "x-attempt", "x-correlation-id"];

/**
 * The request that follows this answer: null if it is no redirect or one of a write, which is never
 * sent on. A 303 to a write is followed by a GET, because it says that the write was done.
 *
 * @throws {Error} with code HTTP_REDIRECT_REFUSED if it leads to an origin that is not allowed.
 */
export function followUp(
  request: Outgoing,
  answer: { readonly status: number; readonly headers: HeaderFields },
  allowedOrigins: ReadonlySet<string>,
): Outgoing | null {
  if (!REDIRECTS.has(answer.status)) return null;
  if (!isSafe(request.method) && answer.status !== 303) return null;
  const location = answer.headers["location"];
  if (typeof location !== "string" || !URL.canParse(location, request.url.href)) {
    throw redirectRefused(`status ${String(answer.status)} without a usable Location`);
  }
  const url = new URL(location, request.url);
  url.hash = "";
  if (!allowedOrigins.has(url.origin)) {
    throw redirectRefused(`status ${String(answer.status)} leads to ${url.origin}`);
  }
  return {
    url,
    method: request.method === "HEAD" ? "HEAD" : "GET",
    headers: headersFor(request, url),
    body: null,
  };
}

export function redirectRefused(why: string): Error {
  return Object.assign(new Error(`redirect not followed: ${why}`), {
    code: "HTTP_REDIRECT_REFUSED",
  });
}

/** Another origin gets no credentials, and a GET no key and no description of a body. */
function headersFor(request: Outgoing, url: URL): Readonly<Record<string, string>> {
  const isForeign = url.origin !== request.url.origin;
  const isRead = isSafe(request.method);
  return Object.fromEntries(
    Object.entries(request.headers).filter(([name]) => {
      if (isForeign) return FOREIGN_HEADERS.includes(name);
      return isRead || name !== "content-type";
    }),
  );
}
