import { describe, expect, test } from "vitest";
import { httpClient } from "./http-client.ts";

/** As a caller that no compiler tells. */
const made = (options: object) => () => httpClient({ baseUrl: "https://erp.example", ...options });

describe("an option of httpClient", () => {
  test.each([
    [{ baseURL: "https://erp.example" }, 'httpClient has no option "baseURL"', "baseUrl"],
    [{ authorise: () => Promise.resolve({}) }, 'has no option "authorise"', "authorize"],
    [{ retries: 3 }, 'has no option "retries"', "It takes: baseUrl"],
    [{ tls: { CA: "pem" } }, 'tls of httpClient has no option "CA"', "ca"],
  ])(
    "that is not known is refused, with the one that was meant: %j",
    (options, message, remedy) => {
      expect(made(options)).toThrow(
        expect.objectContaining({
          code: "HF1001",
          message: expect.stringContaining(message) as unknown,
          remedy: expect.stringContaining(remedy) as unknown,
        }),
      );
    },
  );

  test.each([
    { authorize: "token" },
    { headers: { "x-retries": 3 } },
    { headers: ["a"] },
    { keyHeader: true },
    { keyHeader: "" },
    { redirectOrigins: "https://other.example" },
    { connectTimeoutMs: "5s" },
    { errorCode: "code" },
    { tls: true },
  ])("of another kind is refused: %j", (options) => {
    expect(made(options)).toThrow(expect.objectContaining({ code: "HF1001" }));
  });

  test("that is undefined counts as not given", async () => {
    const client = made({ headers: undefined, tls: undefined, keyHeader: undefined })();
    await expect(client.close()).resolves.toBeUndefined();
  });
});
