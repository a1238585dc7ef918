/** `holdfast rehearse` as a user gives it: a module of his own, and files for others to read. */
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, describe, expect, test, vi } from "vitest";
import { holdfastCli, LIFE_MS_MAX } from "./processes.ts";

vi.setConfig({ testTimeout: LIFE_MS_MAX });

const folder = mkdtempSync(join(tmpdir(), "holdfast-rehearse-"));
const module = fileURLToPath(new URL("order.rehearsal.ts", import.meta.url));

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe("holdfast rehearse", () => {
  test("says what does not hold, why, how to mend it, and writes reports", async () => {
    const [html, junit] = [join(folder, "report.html"), join(folder, "report.xml")];
    const words = ["rehearse", module, "--html", html, "--junit", junit];
    const { code, out } = await holdfastCli(words, { env: {} });
    expect(code).toBe(1);
    expect(out).toContain("broken: nothing is done twice");
    expect(out).toContain("invoice.done-late: invoice lost its answer, and was done when");
    expect(out).toContain("make `settle` longer");
    expect(out).toContain(`holdfast rehearse ${module} --only invoice.done-late`);
    expect(readFileSync(junit, "utf8")).toMatch(
      /<testcase classname="order" name="invoice.done-late">\s*<failure message="nothing is done twice">/u,
    );
    // What came from the input is text in the page, and no markup.
    expect(readFileSync(html, "utf8")).toContain("&quot;order&quot;:&quot;&lt;1&gt;&quot;");
  });

  test("plays one scenario alone, with its journal", async () => {
    const words = ["rehearse", module, "--only", "invoice.refused", "--json"];
    const { code, out } = await holdfastCli(words, { env: {} });
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      rehearsals: [{ workflow: "order", scenarios: ["invoice.refused"], failed: [] }],
    });
    const broken = await holdfastCli(["rehearse", module, "--only", "invoice.done-late"], {
      env: {},
    });
    expect(broken.out).toContain("order <1>: intent invoice");
  });

  test("tells what is known apart from what is broken, each with its reason", async () => {
    const known = join(folder, "known.ts");
    writeFileSync(
      known,
      readFileSync(module, "utf8").replace(
        'crash: "none",',
        `crash: "none",
        known: [{ law: "nothing is done twice", scenario: "invoice.*", reason: "the ERP drops <doubles>" }],`,
      ),
    );
    // Beside the module, so that it finds what that imports.
    const beside = `${module.slice(0, -".ts".length)}.known.ts`;
    renameSync(known, beside);
    const [html, junit] = [join(folder, "known.html"), join(folder, "known.xml")];
    try {
      const { code, out } = await holdfastCli(
        ["rehearse", beside, "--html", html, "--junit", junit],
        { env: {} },
      );
      expect(out).toContain("0 broken, 2 known");
      expect(out).toContain("known: nothing is done twice: the ERP drops <doubles>");
      expect(out).toContain("in invoice.done-late, invoice.slow");
      expect(code).toBe(0);
    } finally {
      rmSync(beside);
    }
    expect(readFileSync(junit, "utf8")).toMatch(
      /failures="0" skipped="2">[^]*name="invoice.done-late">\s*<skipped message="known: nothing is done twice: the ERP/u,
    );
    expect(readFileSync(html, "utf8")).toContain("the ERP drops &lt;doubles&gt;");
  });

  test("plays it in those of several rehearsals that have it", async () => {
    const several = join(folder, "several.mjs");
    writeFileSync(
      several,
      `import one from ${JSON.stringify(pathToFileURL(module).href)};
      const lacks = { kind: "rehearsal", workflow: "other", run: async ({ only, mayLack }) => {
        if (only !== "0" && mayLack !== true) throw new Error("no such scenario");
        return { workflow: "other", seed: 1, scenarios: only === "0" ? ["0"] : [], failed: [], known: [], withPerson: [] };
      } };
      export default [lacks, one];`,
    );
    const played = async (only: string) => {
      const { code, out, err } = await holdfastCli(["rehearse", several, "--only", only, "--json"]);
      if (code === 2) return err;
      const { rehearsals } = JSON.parse(out) as { rehearsals: { workflow: string }[] };
      return rehearsals.map(({ workflow }) => workflow);
    };
    expect(await played("invoice.refused")).toEqual(["order"]);
    expect(await played("0")).toEqual(["other", "order"]);
    expect(await played("no.such")).toContain("None of the 2 rehearsals in");
  });

  test("says what is wrong with a module", async () => {
    const other = join(folder, "other.mjs");
    writeFileSync(other, "export default { workflows: [] };");
    const { code, err } = await holdfastCli(["rehearse", other], { env: {} });
    expect(code).toBe(2);
    expect(err).toContain("exports no rehearsal");
    const none = await holdfastCli(["rehearse", module, "--only", "no.such"], { env: {} });
    expect(none).toMatchObject({ code: 2 });
    expect(none.err).toContain('There is no scenario "no.such"');
  });
});
