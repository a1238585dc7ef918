/** Who has which class of exceptions, declared beside the code that can cause them. */
import { HoldfastError } from "../core/error.ts";
import { FAILURE_CLASSES, type FailureClass } from "../core/failure.ts";
import { didYouMean } from "../core/nearest.ts";

export type ClassOwners = Readonly<Partial<Record<FailureClass, string>>>;

/** @throws {HoldfastError} HF1001 for a class that there is not, or an owner that is no name. */
export function checkClassOwners(what: string, owners: object | undefined): void {
  for (const [name, owner] of Object.entries(owners ?? {})) {
    const isClass = FAILURE_CLASSES.some((one) => one === name);
    if (!isClass) {
      throw new HoldfastError(
        "HF1001",
        `owners of ${what}: there is no class "${name}".`,
        `${didYouMean(name, FAILURE_CLASSES)}The classes are: ${FAILURE_CLASSES.join(", ")}.`,
      );
    }
    if (typeof owner === "string" && owner !== "") continue;
    throw new HoldfastError(
      "HF1001",
      `owners.${name} of ${what} is not valid: expected the name of a team, got ${JSON.stringify(owner) ?? "nothing"}.`,
      "Name who answers for exceptions of that class.",
    );
  }
}
