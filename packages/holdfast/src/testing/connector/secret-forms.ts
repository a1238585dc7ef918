/** Whether a text holds a secret, as it is or as it is written on its way. */

export function holdsSecret(text: string, secret: string): boolean {
  return formsOf(secret).some((form) => text.includes(form));
}

function formsOf(secret: string): readonly string[] {
  const forms = [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)];
  // In the middle of a longer text Base64 has three forms of it, by where it begins.
  for (const before of [0, 1, 2]) {
    const bytes = Buffer.from("x".repeat(before) + secret);
    for (const encoding of ["base64", "base64url"] as const) {
      const encoded = bytes.toString(encoding).replaceAll("=", "");
      // The first characters hold bits of what is before, the last one of what is behind.
      forms.push(encoded.slice(before === 0 ? 0 : before + 1, -1));
    }
  }
  return forms;
}
