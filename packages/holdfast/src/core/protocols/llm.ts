/**
 * Calls of language models (failure model 2.9). The contract is read: a call costs and changes
 * nothing outside; tools that a model calls are effects of their own. The code is the error's type or
 * code, or the reason why the model stopped. The first row that matches counts: what a type says
 * outranks the status that it comes with.
 */
import type { FailureClass, FailureScope } from "../failure.ts";
import { protocolTable, type ProtocolRow } from "../protocol-table.ts";
import type { When } from "../rule-match.ts";

type Phase = "sent" | "answered";
type Row = ProtocolRow<Phase, never>;

const ANTHROPIC = "Anthropic, Errors";
const STOP = "Anthropic, Handling stop reasons";
const OPENAI = "OpenAI, Error codes";
const OPENAI_SPEC = "OpenAI, API reference, Responses";

function row(
  id: string,
  when: Pick<When<Phase, never>, "code" | "status">,
  failureClass: FailureClass | null,
  scope: FailureScope,
  source: string,
  note?: string,
): Row {
  const said = note === undefined ? {} : { note };
  return { id, when, effect: "never", class: failureClass, scope, source, ...said };
}

const STOP_ROWS: readonly Row[] = [
  row(
    "finished",
    { code: ["end_turn", "stop", "stop_sequence", "tool_use", "tool_calls", "pause_turn"] },
    null,
    "item",
    STOP,
    "not a failure: go on",
  ),
  row(
    "truncated",
    { code: ["max_tokens", "length", "max_output_tokens"] },
    "data",
    "item",
    STOP,
    "the output is not whole and so not valid: raise the limit once, or continue it",
  ),
  row(
    "refused",
    {
      code: [
        "refusal",
        "content_filter",
        "content_policy_violation",
        "bio_policy",
        "image_content_policy_violation",
      ],
    },
    "policy",
    "item",
    STOP,
    "a person; never asked again in other words by itself",
  ),
  row(
    "too-long",
    {
      code: ["context_length_exceeded", "model_context_window_exceeded", "request_too_large"],
    },
    "data",
    "item",
    OPENAI,
    "to be cut or summarised as declared, never sent again as it is",
  ),
  row(
    "image",
    { code: ["image_*", "invalid_image*"] },
    "data",
    "item",
    OPENAI_SPEC,
    "too small, too large, cannot be read: the source is to be mended",
  ),
];

const ERROR_ROWS: readonly Row[] = [
  row(
    "quota",
    { code: ["insufficient_quota", "enforced_spend_limit_reached", "billing_error", "billing_*"] },
    "exhausted",
    "dependency",
    OPENAI,
    "no wait helps: money or a calendar does",
  ),
  row("billing", { status: [402] }, "exhausted", "dependency", ANTHROPIC),
  row("overloaded", { code: ["overloaded_error"] }, "throttled", "dependency", ANTHROPIC),
  row(
    "rate",
    { code: ["rate_limit_error", "rate_limit_exceeded"] },
    "throttled",
    "dependency",
    ANTHROPIC,
    "by tokens, not only by requests",
  ),
  row(
    "server",
    { code: ["api_error", "timeout_error", "server_error", "vector_store_timeout"] },
    "transient",
    "item",
    ANTHROPIC,
  ),
  row(
    "no-model",
    { code: ["not_found_error", "model_not_found"] },
    "misconfigured",
    "dependency",
    ANTHROPIC,
    "a model that has been retired, or a wrong name",
  ),
  row(
    "credentials",
    { code: ["authentication_error", "permission_error", "invalid_api_key"] },
    "misconfigured",
    "dependency",
    ANTHROPIC,
  ),
  row(
    "request",
    { code: ["invalid_request_error", "invalid_prompt"] },
    "defect",
    "item",
    ANTHROPIC,
  ),
];

const STATUS_ROWS: readonly Row[] = [
  row("rate-status", { status: [429] }, "throttled", "dependency", OPENAI),
  row("overloaded-status", { status: [529] }, "throttled", "dependency", ANTHROPIC),
  row("server-status", { status: [[500, 504]] }, "transient", "item", OPENAI),
  row("no-model-status", { status: [404] }, "misconfigured", "dependency", ANTHROPIC),
  row("credentials-status", { status: [401, 403] }, "misconfigured", "dependency", OPENAI),
  row("too-long-status", { status: [413] }, "data", "item", ANTHROPIC),
  row("request-status", { status: [400, 422] }, "defect", "item", OPENAI),
];

const OUTPUT_ROWS: readonly Row[] = [
  row(
    "output-invalid",
    { code: ["schema_invalid"] },
    "data",
    "item",
    "our own check of the output",
    "one turn to repair it with the validator's errors, then a person",
  ),
  row(
    "output-unsure",
    { code: ["low_confidence"] },
    "data",
    "item",
    "our own check of the output",
    "below the calibrated limit, or against a rule across fields: reviewed field by field",
  ),
  {
    id: "stream-cut",
    when: { code: ["stream_cut"] },
    effect: "by-phase",
    class: "transient",
    scope: "item",
    origin: "network",
    source: "our own reading of the stream",
    note: "what came is thrown away and asked for again; half a JSON document is never read",
  },
];

export const LLM_TABLE = protocolTable<Phase>({
  id: "llm",
  title: "Language models",
  prefix: "llm",
  version: 1,
  pick: "first",
  reason: { domain: "LLM", by: "id" },
  origin: "remote",
  phases: {
    sent: { evidence: "sent", means: "no whole answer came" },
    answered: { evidence: "answered", means: "an answer came" },
  },
  phaseAssumed: "answered",
  contracts: ["read"],
  examples: {
    "image_*": "image_too_small",
    "invalid_image*": "invalid_image_format",
    "billing_*": "billing_hard_limit_reached",
  },
  rows: [...STOP_ROWS, ...ERROR_ROWS, ...OUTPUT_ROWS, ...STATUS_ROWS],
});
