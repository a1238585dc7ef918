/** Thrown where a run has left memory while somebody still had something for it. */
import { HoldfastError } from "../../core/error.ts";

/** Its numbers in the journal may be taken by now: writing would break the order. */
export class RunLeft extends HoldfastError {
  override readonly name = "RunLeft";

  constructor(id: string) {
    super(
      "HF6003",
      `Run ${id} has gone on meanwhile.`,
      "Look at it again, and say it again if it still applies.",
    );
  }
}
