/**
 * The laws that the compiler keeps (api.md 3.3, items of the prototype). Nothing here is run: a law
 * that is broken makes `tsc` report an unused `@ts-expect-error` or a false equality.
 */
import { type } from "arktype";
import * as v from "valibot";
import { expectTypeOf } from "vitest";
import { z } from "zod";
import {
  done,
  effect,
  integration,
  localDatabase,
  notDone,
  pending,
  review,
  workflow,
  type App,
  type PostgresDatabaseOptions,
  type Run,
  type SqliteDatabaseOptions,
} from "../index.ts";

const sys = integration("x", { owner: "t" });
const empty = z.object({});

const placeOrder = workflow(
  "place-order",
  {
    input: z.object({ orderId: z.string(), cents: z.number().int() }),
    output: z.object({ invoiceId: z.string() }),
    key: (order) => order.orderId,
    owner: "team-orders",
  },
  (order) => Promise.resolve({ invoiceId: order.orderId }),
);

/** 1. The result's type flows to whoever starts the run. */
export async function law1(app: App): Promise<void> {
  const handle = await app.start(placeOrder, { orderId: "1", cents: 1 });
  const result = await handle.result();
  expectTypeOf(result).toEqualTypeOf<{ invoiceId: string }>();
}

/** 2. An input that does not fit is refused. */
export async function law2(app: App): Promise<void> {
  // @ts-expect-error cents is missing
  await app.start(placeOrder, { orderId: "1" });
  // @ts-expect-error cents must be a number
  await app.start(placeOrder, { orderId: "1", cents: "1" });
}

// 3. A probeable effect that cannot be probed is refused.
// @ts-expect-error probe is required
effect("a", {
  on: sys,
  repeat: "probeable",
  input: empty,
  output: empty,
  run: () => Promise.resolve({}),
});
effect("a", {
  on: sys,
  repeat: "probeable",
  input: empty,
  output: z.object({ id: z.string() }),
  // @ts-expect-error what it finds must be an answer of this effect
  probe: () => Promise.resolve(done({ id: 7 })),
  run: () => Promise.resolve({ id: "7" }),
});
effect("a", {
  on: sys,
  repeat: "probeable",
  input: empty,
  output: z.object({ id: z.string() }),
  probe: (_input, attempt) =>
    Promise.resolve(attempt.sentAt === null ? notDone() : done({ id: attempt.key })),
  run: () => Promise.resolve({ id: "7" }),
});

// 4. A retry on an effect that must not be repeated is refused.
effect("a", {
  on: sys,
  repeat: "once",
  // @ts-expect-error once is never retried
  retry: { attempts: 3 },
  input: empty,
  output: empty,
  run: () => Promise.resolve({}),
});

// 5. An effect that does not say how it may be repeated is refused, and so is one that says it wrong.
// @ts-expect-error repeat is required
effect("a", { on: sys, input: empty, output: empty, run: () => Promise.resolve({}) });
effect("a", {
  on: sys,
  // @ts-expect-error no such contract
  repeat: "twice",
  input: empty,
  output: empty,
  run: () => Promise.resolve({}),
});

/** 6. Any library that speaks Standard Schema will do: here Valibot in, ArkType out. */
const mixed = effect("b", {
  on: sys,
  repeat: "read",
  input: v.object({ n: v.number() }),
  output: type({ s: "string" }),
  run: (input) => Promise.resolve({ s: input.n.toFixed() }),
});
export async function law6(run: Run): Promise<void> {
  const result = await run.do(mixed, { n: 1 });
  expectTypeOf(result).toEqualTypeOf<{ s: string }>();
  // @ts-expect-error n must be a number
  await run.do(mixed, { n: "1" });
}
const threeLibraries = review("r", {
  subject: type({ total: "number" }),
  decision: v.object({ ok: v.boolean() }),
  by: "finance",
});
export async function law6b(run: Run): Promise<void> {
  const decision = await run.ask(threeLibraries, { total: 1 });
  expectTypeOf(decision).toEqualTypeOf<{ ok: boolean }>();
  // @ts-expect-error total must be a number
  await run.ask(threeLibraries, { total: "1" });
}

/** 8. A schema that transforms: the journal keeps what goes in, the code sees what comes out. */
const transforming = workflow(
  "t",
  {
    input: z.object({ at: z.string().transform((text) => text.length) }),
    output: z.object({ n: z.number() }),
    key: (input) => input.at.toFixed(),
    owner: "x",
  },
  (input) => Promise.resolve({ n: input.at }),
);
const lengthOf = effect("length", {
  on: sys,
  repeat: "read",
  input: z.object({ at: z.string().transform((text) => text.length) }),
  output: z.object({ n: z.string().transform(Number) }),
  run: (input) => Promise.resolve({ n: input.at.toFixed() }),
});
export async function law8(app: App, run: Run): Promise<void> {
  const handle = await app.start(transforming, { at: "2026-01-01" });
  expectTypeOf(await handle.result()).toEqualTypeOf<{ n: number }>();
  // @ts-expect-error the input side is a text
  await app.start(transforming, { at: 10 });
  const got = await run.do(lengthOf, { at: "abc" });
  expectTypeOf(got).toEqualTypeOf<{ n: number }>();
  // @ts-expect-error the input side is a text
  await run.do(lengthOf, { at: 3 });
}

/** 9. A switch over the families of a failure is complete with these five. */
export async function law9(run: Run): Promise<string> {
  const outcome = await run.try(mixed, { n: 1 });
  if (outcome.ok) {
    expectTypeOf(outcome.value).toEqualTypeOf<{ s: string }>();
    return outcome.value.s;
  }
  switch (outcome.failure.family) {
    case "transient":
    case "permanent":
    case "data":
    case "policy":
    case "ambiguous":
      return outcome.failure.because;
    default: {
      const never: never = outcome.failure.family;
      return never;
    }
  }
}

// 10. A keyed effect must say for how long the other system remembers its key.
// @ts-expect-error keyWindow is required
effect("k", {
  on: sys,
  repeat: "keyed",
  input: empty,
  output: empty,
  run: () => Promise.resolve({}),
});
effect("k", {
  on: sys,
  repeat: "keyed",
  // @ts-expect-error a duration has a unit
  keyWindow: "24",
  input: empty,
  output: empty,
  run: () => Promise.resolve({}),
});
// @ts-expect-error why is required: "idempotent" alone is a hope
effect("i", {
  on: sys,
  repeat: "idempotent",
  input: empty,
  output: empty,
  run: () => Promise.resolve({}),
});

// A request that is accepted now and done later is an answer too; anything else must fit.
effect("p", {
  on: sys,
  repeat: "once",
  input: empty,
  output: z.object({ id: z.string() }),
  run: () => Promise.resolve(pending({ ref: "r", within: "1h" })),
});
// @ts-expect-error a duration has a unit
pending({ ref: "r", within: "soon" });
effect("p", {
  on: sys,
  repeat: "once",
  input: empty,
  output: z.object({ id: z.string() }),
  // @ts-expect-error id is missing
  run: () => Promise.resolve({}),
});

/** A local transaction's result, input and undoing have one type each. */
declare const pool: PostgresDatabaseOptions["postgres"];
declare const handle: SqliteDatabaseOptions["sqlite"];
const stock = localDatabase("stock", { owner: "t", postgres: pool });
const books = localDatabase("books", { owner: "t", sqlite: handle });
// @ts-expect-error a database has an owner
localDatabase("x", { postgres: pool });
// @ts-expect-error one of postgres and sqlite
localDatabase("x", { owner: "t" });
// @ts-expect-error not both
localDatabase("x", { owner: "t", postgres: pool, sqlite: handle });
export async function transacted(run: Run): Promise<void> {
  const left = await run.transact(
    "a",
    stock,
    async (tx, { sku }) => {
      expectTypeOf(sku).toEqualTypeOf<string>();
      const { rows } = await tx.query<{ left: number }>("select 1 as left");
      return { left: rows[0]?.left ?? 0 };
    },
    {
      input: { sku: "x" },
      compensate: async (tx, input, result) => {
        expectTypeOf(input).toEqualTypeOf<{ sku: string }>();
        expectTypeOf(result).toEqualTypeOf<{ left: number }>();
        await tx.query("select 1");
      },
    },
  );
  expectTypeOf(left).toEqualTypeOf<{ left: number }>();
  const booked = await run.transact("b", books, (tx) => Number(tx.prepare("x").run().changes));
  expectTypeOf(booked).toEqualTypeOf<number>();
  // @ts-expect-error work on SQLite may not wait
  await run.transact("c", books, async (tx) => {
    await Promise.resolve();
    return tx.prepare("x").all().length;
  });
  // @ts-expect-error a step has a name
  await run.transact(stock, async () => 1);
  // @ts-expect-error a transaction needs a database, not an integration
  await run.transact("d", sys, () => Promise.resolve(1));
}

/** A second way to answer: an event that was awaited may not come. */
export async function awaited(run: Run): Promise<void> {
  const event = { name: "paid", schema: z.object({ cents: z.number() }) };
  const got = await run.wait(event, { key: "k", within: "1h" });
  expectTypeOf(got).toEqualTypeOf<{ cents: number } | "timeout">();
  const child = await run.call(transforming, { at: "x" });
  expectTypeOf(child).toEqualTypeOf<{ n: number }>();
  // @ts-expect-error the child's input must fit
  await run.call(transforming, { at: 1 });
}
