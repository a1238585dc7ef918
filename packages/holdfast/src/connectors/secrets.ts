/** Credentials, as other systems repeat them in what they say: they are masked before that is kept. */

/** Fields of a request whose value is a scheme and a credential. */
const WITH_SCHEME = ["authorization", "proxy-authorization"];

/** Each value, and the credential that is behind its scheme. */
export function secretsOf(headers: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(headers).flatMap(([name, value]) => {
    if (!WITH_SCHEME.includes(name.toLowerCase())) return [value];
    const [, scheme = "", credential = ""] = /^(\S+)\s+(\S.*)$/u.exec(value) ?? [];
    if (credential === "") return [value];
    return scheme.toLowerCase() === "basic"
      ? [value, credential, passwordIn(credential)].filter((text) => text !== "")
      : [value, credential];
  });
}

/** "user:password", as RFC 7617 writes it. */
function passwordIn(basic: string): string {
  const text = Buffer.from(basic, "base64").toString("utf8");
  return text.slice(text.indexOf(":") + 1);
}

/** The longest first: of two that begin alike the shorter would leave the rest of the longer. */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
  return secrets
    .filter((secret) => secret !== "")
    .toSorted((a, b) => b.length - a.length)
    .reduce((masked, secret) => masked.replaceAll(secret, "***"), text);
}
