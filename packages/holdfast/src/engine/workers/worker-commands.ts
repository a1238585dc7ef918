/** Commands that workers of a shared store leave each other. Each may come twice, after a crash. */
import type { AcceptedEvent, OpenedHead } from "../../core/journal.ts";
import { parseRunId } from "../../core/run-number.ts";
import type { WaitingCommand, WorkerTopic } from "../../store/rows.ts";
import type { Engine } from "../engine.ts";
import type { Message, Unfit } from "../receiving/messages.ts";
import { commandOf } from "../commands/inbox-command.ts";
import type { InboxAnswer } from "../commands/inbox-bodies.ts";

export async function fromWorker(
  engine: Engine,
  row: WaitingCommand & { readonly topic: WorkerTopic },
): Promise<InboxAnswer> {
  const { commands, early } = engine;
  const { beside } = engine.exceptions;
  switch (row.topic) {
    case "returned": {
      const { run, step, child } = commandOf<"returned">({ ...row, topic: "returned" });
      await childReturned(engine, { run: parseRunId(run), step }, parseRunId(child));
      return { ok: true };
    }
    case "deliver": {
      const { run, kept, sent, data } = commandOf<"deliver">({ ...row, topic: "deliver" });
      // Written by the keeper, in this form.
      const offer = { kept, sent: sent as AcceptedEvent, data };
      return { ok: true, taken: await commands.events.takeOffered(parseRunId(run), offer) };
    }
    case "offer": {
      await commands.events.offerKept(commandOf<"offer">({ ...row, topic: "offer" }));
      return { ok: true };
    }
    case "outcome": {
      const { run, operation, ref, outcome } = commandOf<"outcome">({ ...row, topic: "outcome" });
      await commands.completeAt(parseRunId(run), operation, ref, outcome);
      return { ok: true };
    }
    case "asked": {
      const { integration, ref } = commandOf<"asked">({ ...row, topic: "asked" });
      early.asked(integration, ref);
      return { ok: true };
    }
    case "receive": {
      const { message } = commandOf<"receive">({ ...row, topic: "receive" });
      // Written by a worker, in this form.
      return { ok: true, receipt: await commands.receiving.take(message as Message | Unfit) };
    }
    case "beside": {
      const { run, subject, head, data } = commandOf<"beside">({ ...row, topic: "beside" });
      await beside.openAt(parseRunId(run), { subject, head: head as OpenedHead, data });
      return { ok: true };
    }
  }
}

/** A child has ended, or needs a person: the run that waits for it looks. */
async function childReturned(
  engine: Engine,
  parent: { readonly run: number; readonly step: string },
  child: number,
): Promise<void> {
  const end = await engine.childEnd(child);
  if (end === null) engine.wakes.add([parent.run]);
  else engine.commands.childEnded(parent, child, end);
}
