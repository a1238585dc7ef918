/** A CloudEvent 1.0 in an HTTP request: binary (attributes are headers) or structured (all is JSON). */
import type { IncomingMessage as Request } from "node:http";
import { isPlain } from "../core/json-value.ts";
import { Refusal } from "./refusal.ts";

export const STRUCTURED = "application/cloudevents+json";

export interface CloudEvent {
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly subject: string | null;
  /** As its sender says. */
  readonly time: string | null;
  readonly data: unknown;
}

const REQUIRED = ["specversion", "id", "source", "type"] as const;

/** @throws {Refusal} HF4109 (400) if it is none. */
export function structuredEvent(body: unknown): CloudEvent {
  if (typeof body !== "object" || body === null || Array.isArray(body) || !isPlain(body))
    throw noEvent("its body is no object");
  if (Object.hasOwn(body, "data_base64")) throw noEvent("its data is not JSON");
  const attribute = (name: string): unknown =>
    Object.hasOwn(body, name) ? Reflect.get(body, name) : undefined;
  return eventOf(attribute, attribute("data") ?? null);
}

/** @throws {Refusal} HF4109 (400) if it is none. */
export function binaryEvent(headers: Request["headers"], data: unknown): CloudEvent {
  return eventOf((name) => {
    const value = headers[`ce-${name}`];
    return typeof value === "string" ? decoded(value, name) : undefined;
  }, data);
}

function eventOf(attribute: (name: string) => unknown, data: unknown): CloudEvent {
  const [version, id, source, type] = REQUIRED.map((name) => {
    const value = attribute(name);
    if (typeof value === "string" && value !== "") return value;
    throw noEvent(`its ${name} is missing`);
  }) as [string, string, string, string];
  if (version !== "1.0") throw noEvent("its specversion is not 1.0");
  return {
    id,
    source,
    type,
    subject: optional(attribute, "subject"),
    time: optional(attribute, "time"),
    data,
  };
}

function optional(attribute: (name: string) => unknown, name: string): string | null {
  const value = attribute(name) ?? null;
  if (value === null || typeof value === "string") return value;
  throw noEvent(`its ${name} is no text`);
}

/** Header values are quoted or not, and what is no printable ASCII is percent-encoded UTF-8. */
function decoded(value: string, name: string): string {
  const quoted = /^"((?:[^"\\]|\\.)*)"$/su.exec(value)?.[1];
  const text = quoted === undefined ? value : quoted.replaceAll(/\\(.)/gsu, "$1");
  try {
    return decodeURIComponent(text.replaceAll(/%(?![0-9A-Fa-f]{2})/gu, "%25"));
  } catch {
    throw noEvent(`its ${name} is not encoded as UTF-8`);
  }
}

function noEvent(why: string): Refusal {
  return new Refusal(
    400,
    "HF4109",
    `The request is no CloudEvent that can be taken: ${why}.`,
    "Send a CloudEvent 1.0 with JSON data, binary (headers ce-*) or structured.",
  );
}
