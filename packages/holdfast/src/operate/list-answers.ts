/** `holdfast answers`: answers of other systems that nobody has asked for yet. */
import type { EarlyAnswerRow } from "../store/rows.ts";
import type { StoreReader } from "../store/store.ts";
import { isoText } from "./views.ts";

interface EarlyAnswerView {
  readonly integration: string;
  readonly ref: string;
  /** For a request that may still come. What nobody asks for in time is an exception. */
  readonly state: EarlyAnswerRow["state"];
  readonly owner: string;
  readonly at: string;
  readonly dueAt: string;
}

export interface EarlyAnswerPage {
  readonly answers: readonly EarlyAnswerView[];
}

/** Oldest first. */
export async function listAnswers(reader: StoreReader, limit: number): Promise<EarlyAnswerPage> {
  const rows = await reader.earlyAnswers(limit);
  return {
    answers: rows.map(({ integration, ref, state, owner, atMs, dueAtMs }) => ({
      integration,
      ref,
      state,
      owner,
      at: isoText(atMs),
      dueAt: isoText(dueAtMs),
    })),
  };
}
