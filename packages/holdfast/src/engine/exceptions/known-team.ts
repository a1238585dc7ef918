/** Whether an owner that people name is a team of the app, where the app has said which there are. */
import { HoldfastError } from "../../core/error.ts";
import type { ExceptionPolicy } from "../../core/exception-policy.ts";

/** Teams that an error lists. */
const NAMED_MAX = 20;

/**
 * @param what - what gives it to that owner, as the beginning of a sentence.
 * @throws {HoldfastError} HF6001: what it has would be nobody's.
 */
export function requireTeam({ teams }: ExceptionPolicy, owner: string, what: string): void {
  if (teams === null || teams.has(owner)) return;
  throw new HoldfastError(
    "HF6001",
    `${what} ${JSON.stringify(owner.slice(0, 40))}, and there is no such team: what it had would be nobody's. Nothing was changed.`,
    `The teams of this app are: ${[...teams.keys()].slice(0, NAMED_MAX).join(", ")}.`,
  );
}
