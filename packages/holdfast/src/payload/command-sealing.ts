/** Commands on their way into the inbox of a store whose payloads are sealed. */
import { assertNever } from "../core/assert.ts";
import { parseJson } from "../core/json-text.ts";
import type { PayloadOwner } from "../core/payload-owner.ts";
import { parseRunId } from "../core/run-number.ts";
import { DeclaredFields } from "../store/declared-fields.ts";
import type { InboxRow } from "../store/rows.ts";
import type { StoreReader } from "../store/store.ts";
import type { KeyRing } from "./key-ring.ts";
import { commandPlace } from "./place.ts";
import { isSealedStore, keysOnRecord, requireRing } from "./requirements.ts";
import { Sealer } from "./sealing.ts";

type Command = Omit<InboxRow, "answer">;
/** Written by whoever posts: each member is looked at where it is used. */
type Body = Readonly<Record<string, unknown>>;

/** Member of a command's data that is a payload. */
const PAYLOAD_MEMBER: Partial<Record<InboxRow["topic"], string>> = {
  start: "input",
  send: "payload",
  answer: "decision",
  settle: "value",
  complete: "outcome",
  handle: "input",
  repair: "value",
};

/** Rows of one run that are looked through. */
const ROWS_MAX = 10_000;

const ID_HEX_LENGTH = 32;

/**
 * Ids of commands are digests of their words, so that the same command joins the one that waits.
 * In a sealed store they are keyed: else whoever has the database could test guesses of a short
 * decision. With the oldest key on record, because the same words keep their id over a rotation.
 */
export class CommandIds {
  readonly #reader: StoreReader;
  readonly #ring: KeyRing | null;
  #keyId: Promise<string | null> | null = null;

  constructor(reader: StoreReader, ring: KeyRing | null) {
    this.#reader = reader;
    this.#ring = ring;
  }

  /** The id under which the command is kept. */
  async stored(id: string): Promise<string> {
    if (this.#ring === null) return id;
    this.#keyId ??= this.#oldestKey(this.#ring);
    const keyId = await this.#keyId;
    if (keyId === null) return id;
    const text = `holdfast/command/1 ${this.#reader.storeId} ${id}`;
    return `cmd_${this.#ring.digest(keyId, text)?.slice(0, ID_HEX_LENGTH) ?? ""}`;
  }

  /** Null if the store is not sealed, or only with keys that are not at hand. */
  async #oldestKey(ring: KeyRing): Promise<string | null> {
    const keys = keysOnRecord(await this.#reader.declarations());
    return keys.find((id) => ring.key(id) !== null) ?? null;
  }
}

/**
 * The command with what is sensitive in its payload sealed, if the store is on record as sealed.
 *
 * @param own - what whoever posts declares sensitive in it, who may know more than is on record.
 * @throws {HoldfastError} HF5020 if there is something to seal and the ring is not given, or is not
 *   the store's.
 */
export async function sealedCommand(
  reader: StoreReader,
  command: Command,
  ring: KeyRing | null,
  own: readonly string[] = [],
): Promise<Command> {
  const member = PAYLOAD_MEMBER[command.topic];
  if (member === undefined) return command;
  const declarations = await reader.declarations();
  if (!isSealedStore(declarations)) return command;
  const body = parseJson(command.data) as Body;
  if ((body[member] ?? null) === null) return command;
  const owner = await ownerOf(reader, command.topic, body);
  const known = new DeclaredFields(declarations).pointersOf(owner) ?? [""];
  const pointers = [...new Set([...known, ...own])];
  if (pointers.length === 0) return command;
  requireRing(declarations, ring, reader.storeId);
  // Required just now: the store is sealed.
  const sealer = new Sealer(ring as KeyRing, reader.storeId);
  const inside = pointers.map((pointer) => `/${member}${pointer}`);
  return { ...command, data: sealer.seal(command.data, inside, commandPlace(command.id)) };
}

/** Null where nobody knows: all of the payload is sealed then. */
async function ownerOf(
  reader: StoreReader,
  topic: InboxRow["topic"],
  body: Body,
): Promise<PayloadOwner | null> {
  switch (topic) {
    case "start":
      return { definition: "workflow", name: String(body["workflow"]) };
    case "send":
      return { definition: "event", name: String(body["event"]) };
    case "answer": {
      const rows = await reader.reviews({ ...ofRun(body), all: true });
      const review = rows.find(({ seq }) => seq === body["seq"])?.review;
      return review === undefined ? null : { definition: "review", name: review };
    }
    case "settle": {
      const rows = await reader.effects(ofRun(body));
      const effect = rows.find(({ operation }) => operation === body["operation"])?.effect;
      return effect === undefined ? null : { definition: "effect", name: effect };
    }
    // What is answered late is known to the engine alone; the others have no payload.
    case "complete":
    case "resume":
    case "cancel":
    case "pause":
    case "close":
    case "group":
    case "route":
    case "rule":
    case "archive":
    case "park":
    case "unpark":
    case "decide":
    case "handUp":
    case "skipHead":
    // A result, an input, or changes of one: sealed whole.
    case "repair":
    case "handle":
    // Between workers: sealed whole, see sealed-shards.ts.
    case "returned":
    case "deliver":
    case "offer":
    case "outcome":
    case "asked":
    case "beside":
    case "receive":
      return null;
    default:
      return assertNever(topic);
  }
}

/** @throws {HoldfastError} HF6001 if it names no run. */
function ofRun(body: Body) {
  const run = parseRunId(String(body["run"]));
  return { afterRun: run - 1, run, limit: ROWS_MAX };
}
