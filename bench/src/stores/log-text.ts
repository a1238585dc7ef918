import type { RecordColumns } from "holdfast/testing";

/** The records of a flush as one text, each behind its length. */
export function logText(records: RecordColumns): string {
  const { run, seq, kind, attempt, name, atMs, head, data } = records;
  let text = "";
  for (let i = 0; i < run.length; i += 1) {
    const numbers = `${run[i]}|${seq[i]}|${kind[i]}|${attempt[i]}|${atMs[i]}`;
    const record = `${numbers}|${name[i]}|${head[i] ?? ""}|${data[i] ?? ""}`;
    text += `${record.length}:${record}`;
  }
  return text;
}
