/** Characters of a place in a sentence. */
const PLACE_CHARS_MAX = 200;

/**
 * Where a kept stack begins in the user's own code, for example `placeOrder (/srv/shop/order.ts:12:7)`;
 * null if it has no frame. What a package has thrown was asked for by the first frame outside of it.
 */
export function firstPlace(stack: string): string | null {
  const frames = stack.split("\n").filter((line) => /^\s+at /.test(line));
  const frame = frames.find((line) => !/[\\/]node_modules[\\/]/.test(line)) ?? frames[0];
  if (frame === undefined) return null;
  return frame
    .trim()
    .replace(/^at (?:async )?/, "")
    .slice(0, PLACE_CHARS_MAX);
}
