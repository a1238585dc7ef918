import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { watchSmtp, type RequestPhase } from "./smtp-watch.ts";

/** Says the text in pieces of the given sizes; the phases it went through, without repeats. */
function say(
  watch: ReturnType<typeof watchSmtp>,
  text: string,
  sizes: readonly number[],
): RequestPhase[] {
  const phases: RequestPhase[] = [];
  let start = 0;
  for (const size of [...sizes, text.length]) {
    const piece = text.slice(start, start + size);
    start += size;
    if (piece === "") break;
    const phase = watch.client(Buffer.from(piece, "latin1"));
    if (phases.at(-1) !== phase) phases.push(phase);
  }
  return phases;
}

const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 20 });
const OPENING = "EHLO x\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nDATA\r\n";

describe("watchSmtp", () => {
  test("a message is whole with its final dot, however it is split, and not with any other dot", () => {
    fc.assert(
      fc.property(sizes, sizes, sizes, (first, second, third) => {
        const watch = watchSmtp();
        expect(say(watch, OPENING, first)).toEqual(["quiet"]);
        watch.server(Buffer.from("354 go\r\n"));
        expect(say(watch, "Subject: MAIL FROM:<c@x>\r\n\r\n..\r\n. \r\nend.\r\n", second)).toEqual([
          "begun",
        ]);
        expect(say(watch, "bye\r\n.\r\n", third).at(-1)).toBe("whole");
        expect(watch.client(Buffer.from("QUIT\r\n"))).toBe("quiet");
      }),
    );
  });

  test("a message may be nothing but its dot", () => {
    const watch = watchSmtp();
    watch.client(Buffer.from(OPENING));
    watch.server(Buffer.from("354 go\r\n"));
    expect(watch.client(Buffer.from(".\r\n"))).toBe("whole");
  });

  test("content counts only after the server has invited it", () => {
    const watch = watchSmtp();
    watch.client(Buffer.from(OPENING));
    watch.server(Buffer.from("503 no\r\n"));
    expect(watch.client(Buffer.from("\r\n.\r\n"))).toBe("quiet");
  });

  test("the next message begins with its MAIL command", () => {
    const watch = watchSmtp();
    expect(watch.client(Buffer.from(OPENING))).toBe("quiet");
    watch.server(Buffer.from("354 go\r\n"));
    expect(watch.client(Buffer.from("hello\r\n.\r\n"))).toBe("whole");
    expect(watch.client(Buffer.from("mail fr"))).toBe("quiet");
    expect(watch.client(Buffer.from("om:<a@x>\r\n"))).toBe("next");
  });
});
