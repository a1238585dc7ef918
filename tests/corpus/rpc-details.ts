/** Error details of gRPC as servers pack them: `google.rpc.Status` with messages of `google.rpc`, in base64. */

/** The fields of a message: a text, a number, or messages, by the number of the field. */
export type Fields = Readonly<Record<number, string | number | Uint8Array | readonly Uint8Array[]>>;

const TEXTS = new TextEncoder();
/** Wire types of protobuf. */
const VARINT = 0;
const BYTES = 2;

export function message(fields: Fields): Uint8Array {
  const parts = Object.entries(fields).flatMap(([number, value]): Uint8Array[] => {
    const field = Number(number);
    if (typeof value === "number") return [varint(field * 8 + VARINT), varint(value)];
    if (typeof value === "string") return sized(field, TEXTS.encode(value));
    if (value instanceof Uint8Array) return sized(field, value);
    return value.flatMap((one) => sized(field, one));
  });
  return Buffer.concat(parts);
}

/** What goes into `grpc-status-details-bin`: the types are names in `google.rpc`. */
export function statusDetails(
  code: number,
  ...details: readonly (readonly [string, Fields])[]
): string {
  const packed = details.map(([type, fields]) =>
    message({ 1: `type.googleapis.com/google.rpc.${type}`, 2: message(fields) }),
  );
  return Buffer.from(message({ 1: code, 3: packed })).toString("base64");
}

function sized(field: number, bytes: Uint8Array): Uint8Array[] {
  return [varint(field * 8 + BYTES), varint(bytes.length), bytes];
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  do {
    bytes.push((rest % 128) + (rest >= 128 ? 128 : 0));
    rest = Math.floor(rest / 128);
  } while (rest > 0);
  return Uint8Array.from(bytes);
}
