/**
 * OAuth 2.0: what an error of a token endpoint or a protected resource means (failure model 2.10).
 * A refused token request changes nothing, and what it refuses is a setting or a consent: trying
 * again and again with what was refused locks accounts.
 */
import type { FailureClass, FailureScope } from "../failure.ts";
import { protocolTable, type ProtocolRow } from "../protocol-table.ts";

type Row = ProtocolRow<"sent" | "answered", never>;

const TOKEN = "RFC 6749 5.2";
const AUTHORIZE = "RFC 6749 4.1.2.1";
const DEVICE = "RFC 8628 3.5";
const BEARER = "RFC 6750 3.1";

function row(
  id: string,
  code: readonly string[],
  failureClass: FailureClass,
  scope: FailureScope,
  source: string,
  note?: string,
): Row {
  const said = note === undefined ? {} : { note };
  return { id, when: { code }, effect: "never", class: failureClass, scope, source, ...said };
}

export const OAUTH_TABLE = protocolTable<"sent" | "answered">({
  id: "oauth",
  title: "OAuth 2.0",
  prefix: "oauth",
  version: 1,
  pick: "first",
  reason: { domain: "OAUTH", by: "code" },
  origin: "remote",
  phases: {
    sent: { evidence: "sent", means: "no answer came" },
    answered: { evidence: "answered", means: "an answer with this error came" },
  },
  phaseAssumed: "answered",
  rows: [
    row("client", ["invalid_client", "unauthorized_client"], "misconfigured", "dependency", TOKEN),
    row(
      "grant",
      ["invalid_grant"],
      "misconfigured",
      "dependency",
      TOKEN,
      "a refresh token that was revoked, has expired or was used twice: somebody has to consent anew",
    ),
    row("scope", ["invalid_scope"], "misconfigured", "dependency", TOKEN),
    row("target", ["invalid_target"], "misconfigured", "dependency", "RFC 8707 2"),
    row("request", ["invalid_request"], "defect", "item", TOKEN),
    row(
      "grant-type",
      ["unsupported_grant_type", "unsupported_response_type"],
      "misconfigured",
      "dependency",
      TOKEN,
    ),
    row(
      "denied",
      ["access_denied"],
      "policy",
      "item",
      AUTHORIZE,
      "the owner of the account said no",
    ),
    row("server-error", ["server_error"], "transient", "dependency", AUTHORIZE),
    row("unavailable", ["temporarily_unavailable"], "transient", "dependency", AUTHORIZE),
    row("pending", ["authorization_pending"], "throttled", "item", DEVICE),
    row("slow-down", ["slow_down"], "throttled", "dependency", DEVICE, "5 s more between polls"),
    row("device-expired", ["expired_token"], "expired", "item", DEVICE),
    row(
      "token",
      ["invalid_token"],
      "misconfigured",
      "dependency",
      BEARER,
      "after at most one refresh of the token",
    ),
    row("insufficient-scope", ["insufficient_scope"], "misconfigured", "dependency", BEARER),
    row(
      "consent",
      ["interaction_required", "login_required", "consent_required", "account_selection_required"],
      "misconfigured",
      "dependency",
      "OpenID Connect Core 3.1.2.6",
      "a person has to sign in",
    ),
    row("proof", ["invalid_dpop_proof"], "defect", "item", "RFC 9449 5"),
    row(
      "nonce",
      ["use_dpop_nonce"],
      "transient",
      "item",
      "RFC 9449 8",
      "once, with the nonce given",
    ),
  ],
});
