/**
 * Which exceptions have one cause, so that ten thousand of them are one line for the operators.
 * The four levels of failure model 4.2; `place` (F2) is the one that issues are listed by. The version
 * is part of the text that is hashed: a better algorithm applies to new records only and never
 * regroups old ones.
 */
import type { FailureClass } from "./failure.ts";
import { canonicalText, type Hmac } from "./operation-key.ts";

const FINGERPRINT_VERSION = 1;

/** From coarse to fine. `place` holds `cause`; `code` and `data` both hold `place`. */
export const ISSUE_LEVELS = ["cause", "place", "code", "data"] as const;
export type IssueLevel = (typeof ISSUE_LEVELS)[number];

export interface Symptoms {
  readonly class: FailureClass;
  readonly reasonCode: string;
  /** Null where no other system is involved. */
  readonly integration: string | null;
  readonly message: string;
  readonly workflow: string;
  /** Step path; which of many alike it was (`as`) does not make another cause. */
  readonly step: string;
  /** Of the code that threw, outermost last, as `function file`; empty where nobody has kept them. */
  readonly frames: readonly string[];
  readonly codeVersion: string;
  /** JSON pointer of the field that did not fit; null if it is about no field. */
  readonly fieldPath: string | null;
  readonly rule: string;
}

export interface Fingerprints {
  /** Of the algorithm. */
  readonly version: number;
  /** F1: class, reason, integration and message template. */
  readonly cause: string;
  /** F2: the same at one step of one workflow. The default list of issues is by this one. */
  readonly place: string;
  /** F3: the same in one version of the code, from the same frames of it. */
  readonly code: string;
  /** F4: the same about one field, by one rule; null if it is about no field. */
  readonly data: string | null;
}

/** Frames that tell two faults at one step apart. */
const FRAMES_MAX = 3;

/** Each as `f1.` to `f4.`, the algorithm's version, and 24 hex digits. */
export function fingerprintsOf(symptoms: Symptoms, hmac: Hmac): Fingerprints {
  const version = String(FINGERPRINT_VERSION);
  const cause = [
    version,
    symptoms.class,
    symptoms.reasonCode,
    symptoms.integration ?? "",
    messageTemplate(symptoms.message),
  ];
  const place = [...cause, symptoms.workflow, stepName(symptoms.step)];
  const code = [...place, symptoms.codeVersion, ...symptoms.frames.slice(0, FRAMES_MAX)];
  const { fieldPath, rule } = symptoms;
  const of = (level: string, parts: readonly string[]) =>
    `${level}.${version}.${hmac(canonicalText(level, parts)).slice(0, 24)}`;
  return {
    version: FINGERPRINT_VERSION,
    cause: of("f1", cause),
    place: of("f2", place),
    code: of("f3", code),
    data: fieldPath === null ? null : of("f4", [...place, fieldPattern(fieldPath), rule]),
  };
}

/** Every group that one exception is counted in, coarse first. */
export function groupsOf(
  prints: Fingerprints,
): readonly { readonly level: IssueLevel; readonly fingerprint: string }[] {
  return ISSUE_LEVELS.flatMap((level) => {
    const fingerprint = prints[level];
    return fingerprint === null ? [] : [{ level, fingerprint }];
  });
}

/** By what it begins with; null for what is no fingerprint. */
export function levelOf(fingerprint: string): IssueLevel | null {
  const number = /^f([1-4])\.\d+\.[0-9a-f]+$/.exec(fingerprint)?.[1];
  return number === undefined ? null : (ISSUE_LEVELS[Number(number) - 1] ?? null);
}

function stepName(step: string): string {
  return step.replaceAll(/#[^/]*/g, "");
}

/** Which element of a list it was makes no other fault. */
function fieldPattern(pointer: string): string {
  return pointer.replaceAll(/\/\d+(?=\/|$)/g, "/*");
}

/**
 * The field that a message of ours is about: the first JSON pointer after "at". Schemas say it in this
 * form (`problemText`), and so do the messages of HF4102 and HF4103.
 */
export function fieldPathOf(message: string): string | null {
  return /\bat (\/[^\s;,:]+?)[.:;,]?(?=\s|$|[;,])/.exec(message)?.[1] ?? null;
}

/** Frames of a stack as `stack-text` keeps it: function and file, without line, packages left out. */
export function framesOf(stack: string): readonly string[] {
  const frames: string[] = [];
  for (const line of stack.split("\n")) {
    if (frames.length === FRAMES_MAX) break;
    const at = /^\s+at (?:async )?(?:(.+?) \()?(?:file:\/\/)?(.+?)(?::\d+){1,2}\)?$/.exec(line);
    const file = at?.[2];
    if (file === undefined || /[\\/]node_modules[\\/]/.test(file)) continue;
    // The last two parts of the path: where it lies on this machine is no part of the code.
    const short = file.split(/[\\/]/).slice(-2).join("/");
    frames.push(`${at?.[1] ?? "(anonymous)"} ${short}`);
  }
  return frames;
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

/** One line that names the group of a level. */
export function issueTitle(symptoms: Symptoms, level: IssueLevel = "place"): string {
  const { integration, reasonCode, step, frames, codeVersion, fieldPath, rule } = symptoms;
  const at = integration === null ? "" : ` (${integration})`;
  const template = messageTemplate(symptoms.message);
  const short = template.length > 80 ? `${template.slice(0, 77)}...` : template;
  const said = `${reasonCode} ${short}`.trim();
  switch (level) {
    case "cause":
      return integration === null ? said : `${integration}: ${said}`;
    case "place":
      return `${stepName(step)}${at}: ${said}`;
    case "code": {
      const [frame] = frames;
      return `${stepName(step)}${at}: ${said} in ${codeVersion}${frame === undefined ? "" : ` at ${frame}`}`;
    }
    case "data":
      return `${stepName(step)}${at}: ${said} by ${rule} at ${fieldPattern(fieldPath ?? "")}`;
  }
}
