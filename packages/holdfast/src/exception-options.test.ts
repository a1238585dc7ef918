import { describe, expect, test } from "vitest";
import { z } from "zod";
import { exceptionPolicy, type ExceptionOptions } from "./exception-options.ts";
import { effect } from "./workflow/effect.ts";
import { integration } from "./workflow/integration.ts";
import { workflow } from "./workflow/workflow.ts";

const input = z.object({ id: z.string() });
const order = workflow(
  "order",
  { input, output: z.string(), key: ({ id }) => id, owner: "team-sales" },
  async ({ id }) => id,
);
const owners = { app: "operators", workflows: [order] };
const policyOf = (options: ExceptionOptions) => exceptionPolicy(options, owners);

describe("what an app says of exceptions", () => {
  test("becomes a policy", () => {
    const policy = policyOf({
      calendars: { office: { zone: "UTC", hours: { mon: "08:00-17:00" } } },
      due: [{ class: "data", within: "8h", calendar: "office" }],
      teams: { "team-sales": { lead: "ana" }, operators: {} },
      large: { EUR: "10000" },
      escalateAfter: "2h",
    });
    expect(policy.due[0]).toMatchObject({ name: "due[0]", class: "data", withinMs: 28_800_000 });
    expect(policy.due[0]?.calendar?.name).toBe("office");
    expect(policy.teams?.get("team-sales")).toEqual({ lead: "ana", manager: null });
    expect(policy).toMatchObject({
      large: [{ currency: "EUR", amount: "10000" }],
      escalateAfterMs: 7_200_000,
    });
  });

  test.each([
    [{ colours: {} }, /no option "colours"/u],
    [{ due: [{ within: "soon" }] }, /within of due\[0\]/u],
    [{ due: [{ within: "1h", class: "dat" }] }, /class of due\[0\]|due\[0\].*class/u],
    [{ due: [{ within: "1h", calendar: "ofice" }] }, /calendar "ofice", which there is not/u],
    [{ calendars: { office: { zone: "Mars", hours: { mon: "08:00-09:00" } } } }, /time zone/u],
    [{ large: { EUR: "much" } }, /large\.EUR/u],
    [{ teams: { operators: {} } }, /workflow "order", "team-sales", is not among the teams/u],
    [{ teams: { "team-sales": {} } }, /the app, "operators"/u],
    [{ teams: { "team-sales": { boss: "x" }, operators: {} } }, /no option "boss"/u],
  ])("is refused where it is not valid: %#", (options, message) => {
    // In JavaScript anything can be given.
    expect(() => policyOf(options as ExceptionOptions)).toThrow(message);
  });
});

test("owners by class are refused for a class that there is not", () => {
  const options = {
    on: integration("erp", { owner: "team-erp" }),
    repeat: "read",
    input,
    output: z.string(),
    run: async () => "",
  } as const;
  const typo = { dta: "stewards" } as object;
  expect(() => effect("look", { ...options, owners: typo })).toThrow(/there is no class "dta"/u);
  const nobody = { data: "" };
  expect(() => effect("look", { ...options, owners: nobody })).toThrow(/owners\.data/u);
});
