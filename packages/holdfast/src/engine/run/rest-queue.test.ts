import { AsyncLocalStorage } from "node:async_hooks";
import { expect, test } from "vitest";
import { RestQueue } from "./rest-queue.ts";

/** Resolves when everything that was asked for has been done. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

test("calls back in order, after all microtasks, those asked for meanwhile included", async () => {
  const queue = new RestQueue();
  const said: string[] = [];
  const chain = async (name: string) => {
    for (let i = 0; i < 5; i += 1) await Promise.resolve();
    said.push(name);
  };
  queue.add(() => said.push("first"));
  queue.add(() => {
    said.push("second");
    void chain("microtasks of the second");
    queue.add(() => said.push("third"));
  });
  void chain("microtasks before");
  await turn();
  expect(said).toEqual([
    "microtasks before",
    "first",
    "second",
    "microtasks of the second",
    "third",
  ]);
});

test("waits for the microtasks of a tick that comes before its own", async () => {
  const queue = new RestQueue();
  const said: string[] = [];
  process.nextTick(() => {
    void Promise.resolve().then(() => said.push("microtask"));
    queue.add(() => said.push("at rest"));
  });
  await turn();
  expect(said).toEqual(["microtask", "at rest"]);
});

test("calls back in no run's asynchronous context", async () => {
  const context = new AsyncLocalStorage<string>();
  const queue = new RestQueue();
  const seen: (string | undefined)[] = [];
  const look = () => seen.push(context.getStore());
  context.run("one", () => {
    queue.add(look);
  });
  context.run("two", () => {
    queue.add(look);
  });
  await turn();
  expect(seen).toEqual([undefined, undefined]);
});
