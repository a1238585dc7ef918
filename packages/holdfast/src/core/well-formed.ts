interface Es2024String {
  isWellFormed(): boolean;
}

/**
 * Whether a string is free of lone surrogates, and so has a UTF-8 form. Far faster than a regular
 * expression, which matters because every string of every result is checked.
 */
export function isWellFormed(text: string): boolean {
  // Every supported Node has this method; the ES2023 library that we compile with does not name it.
  return (text as string & Es2024String).isWellFormed();
}
