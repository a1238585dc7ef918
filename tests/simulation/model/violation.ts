/** A promise that was broken. The numbers are those of the reliability page: P1 to P12. */
export interface Violation {
  readonly promise: `P${number}`;
  readonly text: string;
  /** The run concerned; null if it is none in particular. */
  readonly run: number | null;
}

export type Report = (promise: Violation["promise"], run: number | null, text: string) => void;
