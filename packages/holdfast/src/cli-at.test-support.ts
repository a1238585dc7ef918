/** The command line on a store, as a person would use it. */
import { runCommandLine } from "./cli/program.ts";
import { outside } from "./command-line.ts";

interface Said {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface CliAt {
  /** What it prints and how it ends. */
  readonly say: (...words: readonly string[]) => Promise<Said>;
  /** What it prints as JSON. Fails where it does not end well. */
  readonly json: <Document>(...words: readonly string[]) => Promise<Document>;
}

export function cliAt(store: string, userName = "ana"): CliAt {
  const say = async (...words: readonly string[]): Promise<Said> => {
    let out = "";
    let err = "";
    const terminal = {
      env: { HOLDFAST_STORE: store },
      hasFile: () => false,
      userName: () => userName,
      width: null,
      out: (text: string) => {
        out += text;
      },
      err: (text: string) => {
        err += text;
      },
    };
    const code = await runCommandLine(words, terminal, outside);
    return { code, out, err };
  };
  return {
    say,
    json: async <Document>(...words: readonly string[]) => {
      const { code, out, err } = await say(...words, "--json");
      if (code !== 0) throw new Error(`${words.join(" ")} ended with ${String(code)}: ${err}`);
      return JSON.parse(out) as Document;
    },
  };
}
