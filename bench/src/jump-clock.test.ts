import { expect, test } from "vitest";
import { JumpClock } from "./jump-clock.ts";

test("calls back what has become due by a jump, and not what was cancelled or is due later", async () => {
  const clock = new JumpClock();
  const called: string[] = [];
  const startMs = clock.nowMs();
  const done = new Promise<void>((resolve) => {
    clock.after(3_600_000, () => {
      called.push("due");
      resolve();
    });
  });
  const cancel = clock.after(3_600_000, () => called.push("cancelled"));
  const cancelLater = clock.after(7_200_000, () => called.push("later"));
  cancel();
  clock.jumpTo(startMs + 3_600_000);
  await done;
  expect(called).toEqual(["due"]);
  expect(clock.nowMs()).toBeGreaterThanOrEqual(startMs + 3_600_000);
  cancelLater();
});
