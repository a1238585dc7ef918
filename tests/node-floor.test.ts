import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const packageUrl = new URL("../packages/holdfast/", import.meta.url);
const { engines } = JSON.parse(readFileSync(new URL("package.json", packageUrl), "utf8")) as {
  // The manifest is ours; a wrong shape fails the first expectation below.
  engines: { node: string };
};
const floors = engines.node.match(/\d+\.\d+\.\d+/gu) ?? [];

/** Starts the program on this Node, which is made to believe that it is another one. */
function startOn(version: string): { status: number | null; stderr: string } {
  const versions = `{ ...process.versions, node: ${JSON.stringify(version)} }`;
  const disguise = `Object.defineProperty(process, "versions", { value: ${versions} });`;
  const program = fileURLToPath(new URL("bin/holdfast.mjs", packageUrl));
  const preload = `data:text/javascript,${encodeURIComponent(disguise)}`;
  return spawnSync(process.execPath, ["--import", preload, program, "--version"], {
    encoding: "utf8",
    timeout: 30_000,
  });
}

describe("the door of the command line", () => {
  test("names the floors that package.json names", () => {
    expect(floors).toHaveLength(3);
    const { stderr } = startOn("20.20.2");
    for (const floor of floors) expect(stderr).toContain(floor);
  });

  test.each(["14.0.0", "20.20.2", "22.22.2", "23.11.1", "24.14.1", "25.8.2"])(
    "refuses Node %s in one sentence, with exit code 2",
    (version) => {
      const { status, stderr } = startOn(version);
      expect(status).toBe(2);
      expect(stderr).toMatch(/^HF5001 {2}holdfast needs Node\.js .*\n$/u);
      expect(stderr).toContain(`but this is ${version} (`);
    },
  );

  test.each([...floors, "22.23.0", "24.100.0", "26.0.0", "30.1.0"])(
    "lets Node %s in",
    (version) => {
      expect(startOn(version).stderr).not.toContain("HF5001");
    },
  );
});
