/** Asks the very function that would refuse a start. */
import { HoldfastError } from "../error.ts";
import { type Finding, refused, well } from "./finding.ts";

/** @param requirement - throws what it refuses, else says how it is. */
export function checking(check: string, requirement: () => string): Finding {
  try {
    return well(check, requirement());
  } catch (error) {
    if (error instanceof HoldfastError) return refused(check, error);
    throw error;
  }
}

/** @param translated - gives what is no error of ours a code, as the start-up does. */
export async function checkingLater(
  check: string,
  look: () => Promise<Finding | string>,
  translated: (error: unknown) => unknown,
): Promise<Finding> {
  try {
    const found = await look();
    return typeof found === "string" ? well(check, found) : found;
  } catch (thrown) {
    const error = translated(thrown);
    if (error instanceof HoldfastError) return refused(check, error);
    throw error;
  }
}
