/** How the programs that tests start find our packages: bundled in `npm test` (bundle.ts), else from source. */
import { fileURLToPath } from "node:url";

const condition = process.env["HOLDFAST_TEST_CONDITION"] ?? "holdfast-source";

export const CONDITION_FLAG = `--conditions=${condition}`;

/** The program behind `npx holdfast`. */
export const COMMAND_LINE = fileURLToPath(
  new URL(
    condition === "holdfast-bundle" ? ".bundle/main.js" : "src/cli/main.ts",
    new URL("../packages/holdfast/", import.meta.url),
  ),
);
