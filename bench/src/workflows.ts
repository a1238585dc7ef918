/** The workflows that are measured. They count what they do, so that nothing has to be looked up. */
import { effect, integration, workflow, type Schema } from "holdfast";

const STEPS_PER_RUN = 10;

/** A result of 300 B of JSON, as in storage.md, section 3. */
export const RESULT = { text: "x".repeat(300 - '{"text":""}'.length) };

/** Accepts everything: the cost of a schema library is not what is measured here. */
const anything: Schema = {
  "~standard": { version: 1, vendor: "holdfast-bench", validate: (value) => ({ value }) },
};

/** Steps that have given their code an answer, in all runs together. */
export const counted = { steps: 0 };

/** The key of every workflow here is its input. */
export const keyed = {
  input: anything,
  output: anything,
  owner: "bench",
  key: (input: unknown) => String(input),
};

const receiver = integration("null-receiver", { owner: "bench", limit: { concurrency: 4096 } });

/** A keyed effect to a receiver that answers at once. */
export const post = effect("post", {
  on: receiver,
  repeat: "keyed",
  keyWindow: "24h",
  input: anything,
  output: anything,
  run: async () => RESULT,
});

/** Ten steps, each durable before the next one starts. */
export const durableSteps = workflow("durable-steps", keyed, async (_input, run) => {
  for (let step = 0; step < STEPS_PER_RUN; step += 1) {
    await run.step(`step-${step}`, () => RESULT, { durable: true });
    counted.steps += 1;
  }
  return null;
});

/** Ten steps whose results are used before they are durable. */
export const speculativeSteps = workflow("speculative-steps", keyed, async (_input, run) => {
  for (let step = 0; step < STEPS_PER_RUN; step += 1) {
    await run.step(`step-${step}`, () => RESULT);
    counted.steps += 1;
  }
  return null;
});

/** Ten effects, each with an intent that is durable before it leaves. */
export const effectSteps = workflow("effect-steps", keyed, async (_input, run) => {
  for (let step = 0; step < STEPS_PER_RUN; step += 1) {
    await run.do(post, { step }, { as: `${step}` });
    counted.steps += 1;
  }
  return null;
});
