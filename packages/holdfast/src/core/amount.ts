/** Amounts as text ("12.50", "1240"), compared and added without floating point. */

/** Digits of an amount; beyond it is no amount of money. */
const DIGITS_MAX = 40;

interface Decimal {
  readonly units: bigint;
  /** Digits behind the point. */
  readonly scale: number;
}

/** Null for what is no decimal number: then nothing is known of it. */
function decimalOf(text: string): Decimal | null {
  const match = /^([-+]?)(\d+)(?:\.(\d+))?$/.exec(text.trim());
  const whole = match?.[2];
  if (whole === undefined) return null;
  const part = match?.[3] ?? "";
  if (whole.length + part.length > DIGITS_MAX) return null;
  const units = BigInt(whole + part);
  return { units: match?.[1] === "-" ? -units : units, scale: part.length };
}

function atScale({ units, scale }: Decimal, wanted: number): bigint {
  return units * 10n ** BigInt(wanted - scale);
}

/** True if `amount` is at least `least`; false also where one of them is no number. */
export function isAtLeast(amount: string, least: string): boolean {
  const left = decimalOf(amount);
  const right = decimalOf(least);
  if (left === null || right === null) return false;
  const scale = Math.max(left.scale, right.scale);
  return atScale(left, scale) >= atScale(right, scale);
}

export function isAmount(text: string): boolean {
  return decimalOf(text) !== null;
}

/** Their sum, in the finest of their units; what is no number is left out. */
export function sumOf(amounts: readonly string[]): string {
  let scale = 0;
  const decimals = amounts.flatMap((text) => {
    const decimal = decimalOf(text);
    if (decimal === null) return [];
    scale = Math.max(scale, decimal.scale);
    return [decimal];
  });
  const units = decimals.reduce((sum, decimal) => sum + atScale(decimal, scale), 0n);
  const digits = (units < 0n ? -units : units).toString().padStart(scale + 1, "0");
  const whole = digits.slice(0, digits.length - scale);
  const sign = units < 0n ? "-" : "";
  return scale === 0 ? `${sign}${whole}` : `${sign}${whole}.${digits.slice(-scale)}`;
}
