/**
 * Which exceptions have one cause, so that ten thousand of them are one line for the operators.
 * Levels F1 (cause) and F2 (place) of failure model 4.2. The version is part of the text that is
 * hashed: a better algorithm applies to new records only and never regroups old ones.
 */
import type { FailureClass } from "./failure.ts";
import { canonicalText, type Hmac } from "./operation-key.ts";

const FINGERPRINT_VERSION = 1;

export interface Symptoms {
  readonly class: FailureClass;
  readonly reasonCode: string;
  /** Null where no other system is involved. */
  readonly integration: string | null;
  readonly message: string;
  readonly workflow: string;
  /** Step path; which of many alike it was (`as`) does not make another cause. */
  readonly step: string;
}

export interface Fingerprints {
  /** F1: class, reason, integration and message template. */
  readonly cause: string;
  /** F2: the same at one step of one workflow. The default list of issues is by this one. */
  readonly place: string;
}

/** Both as `f1.` or `f2.`, the algorithm's version, and 24 hex digits. */
export function fingerprintsOf(symptoms: Symptoms, hmac: Hmac): Fingerprints {
  const version = String(FINGERPRINT_VERSION);
  const cause = [
    version,
    symptoms.class,
    symptoms.reasonCode,
    symptoms.integration ?? "",
    messageTemplate(symptoms.message),
  ];
  const place = [...cause, symptoms.workflow, symptoms.step.replaceAll(/#[^/]*/g, "")];
  const of = (level: string, parts: readonly string[]) =>
    `${level}.${version}.${hmac(canonicalText(level, parts)).slice(0, 24)}`;
  return { cause: of("f1", cause), place: of("f2", place) };
}

/** Longer messages are cut before they are looked at: the template is for grouping only. */
const MESSAGE_MAX = 500;

/** In this order: a quoted value may hold a date, a date holds numbers. */
const PLACEHOLDERS: readonly (readonly [RegExp, string])[] = [
  [/"[^"]*"|(?<!\w)'[^']*'(?!\w)|`[^`]*`|\u201c[^\u201d]*\u201d/g, "<value>"],
  [/\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b/gi, "<uuid>"],
  [/[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+/g, "<address>"],
  [/\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?/g, "<date>"],
  [/\b\d{1,2}[./]\d{1,2}[./]\d{2,4}\b|\b\d{1,2}:\d\d(?::\d\d)?\b/g, "<date>"],
  // Ids such as INV-7, run_0abc1 or 9f2c11e1: any word that holds a digit.
  [
    /\b(?=[\w-]*\d)[A-Za-z][\w-]*|\b0x[0-9a-f]+\b|\b(?=[0-9a-f]*[a-f])(?=[0-9a-f]*\d)[0-9a-f]{6,}\b/gi,
    "<id>",
  ],
  [/[-+]?\d+(?:[.,:]\d+)*(?:e[-+]?\d+)?/gi, "<number>"],
];

/** The message without what differs from case to case. */
export function messageTemplate(message: string): string {
  let template = message.slice(0, MESSAGE_MAX);
  for (const [pattern, placeholder] of PLACEHOLDERS) {
    template = template.replaceAll(pattern, placeholder);
  }
  return template.replaceAll(/\s+/g, " ").trim();
}

/** One line that names the group. */
export function issueTitle(symptoms: Symptoms): string {
  const at = symptoms.integration === null ? "" : ` (${symptoms.integration})`;
  const template = messageTemplate(symptoms.message);
  const short = template.length > 80 ? `${template.slice(0, 77)}...` : template;
  return `${symptoms.step.replaceAll(/#[^/]*/g, "")}${at}: ${symptoms.reasonCode} ${short}`.trim();
}
