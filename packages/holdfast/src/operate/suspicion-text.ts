/** What the timeline says of a run that was at work when its worker crashed. */
import type { SuspectedHead } from "../core/suspicion.ts";

export function suspicionText(head: SuspectedHead): string {
  if (head.event === "passed") return "it has come through: nothing speaks against it any more";
  const { size, crashes } = head;
  const others = size === 1 ? "alone" : `with ${String(size - 1)} more`;
  const before = crashes === 0 ? "" : `; alone it has crashed ${workers(crashes)} before`;
  return `was at work when its worker crashed; another one brings it back, ${others}${before}`;
}

function workers(count: number): string {
  return count === 1 ? "one" : String(count);
}
