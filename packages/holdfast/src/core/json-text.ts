/**
 * `JSON.parse` that gives back the property names that were written.
 *
 * V8 from 12.8 on (Node 24 and 26 have it) reads a property name that contains an escape as another
 * one, if an object with the same names before it was parsed earlier: after `{"a":1,"\\":2}` the
 * text `{"a":1,"\"":2}` has a property `\`. What a run journalled would come back changed, and what
 * one customer sends could change what another one sent. Source: nodejs/node issue 63785.
 */

/**
 * The value of a JSON text. As fast as `JSON.parse`, except for the rare text in which a property
 * name contains an escape.
 *
 * @throws {SyntaxError} if it is not JSON.
 */
export function parseJson(text: string): unknown {
  const escaped = text.includes(BACKSLASH) ? escapedNames(text) : [];
  return escaped.length === 0 ? (JSON.parse(text) as unknown) : parseRenamed(text, escaped);
}

const BACKSLASH = "\\";
const BACKSLASH_UNIT = 0x5c;
const QUOTE_UNIT = 0x22;
const COLON_UNIT = 0x3a;

/** Where a string literal starts and ends in the text, quotes included. */
interface Span {
  readonly from: number;
  readonly to: number;
}

/** The property names that contain an escape. In text that is not JSON they may be anything. */
function escapedNames(text: string): readonly Span[] {
  const names: Span[] = [];
  let from = text.indexOf('"');
  while (from >= 0) {
    let index = from + 1;
    let isEscaped = false;
    for (; index < text.length && text.charCodeAt(index) !== QUOTE_UNIT; index += 1) {
      if (text.charCodeAt(index) !== BACKSLASH_UNIT) continue;
      isEscaped = true;
      index += 1;
    }
    const to = index + 1;
    if (isEscaped && text.charCodeAt(afterSpace(text, to)) === COLON_UNIT) names.push({ from, to });
    from = text.indexOf('"', to);
  }
  return names;
}

function afterSpace(text: string, from: number): number {
  let index = from;
  while (index < text.length && " \t\n\r".includes(text.charAt(index))) index += 1;
  return index;
}

/** Parses with plain stand-ins for the escaped names, and puts the names in afterwards. */
function parseRenamed(text: string, escaped: readonly Span[]): unknown {
  const prefix = unusedPrefix(text);
  const names = new Map<string, string>();
  let plain = "";
  let done = 0;
  for (const { from, to } of escaped) {
    const standIn = `${prefix}${String(names.size)}`;
    // A string alone is read rightly: the fault is in how objects look up their names.
    names.set(standIn, String(JSON.parse(text.slice(from, to))));
    plain += `${text.slice(done, from)}"${standIn}"`;
    done = to;
  }
  return renamed(JSON.parse(plain + text.slice(done)) as unknown, names);
}

/** Something that occurs nowhere in the text, so that no real name is taken for a stand-in. */
function unusedPrefix(text: string): string {
  let prefix = "~";
  while (text.includes(prefix)) prefix += "~";
  return prefix;
}

function renamed(value: unknown, names: ReadonlyMap<string, string>): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((item: unknown) => renamed(item, names));
  // fromEntries makes own properties, so a name "__proto__" stays data.
  return Object.fromEntries(
    Object.entries(value).map(([name, item]: [string, unknown]) => [
      names.get(name) ?? name,
      renamed(item, names),
    ]),
  );
}
