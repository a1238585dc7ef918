/** The process around the command line, as arguments: so that it can be tried without one. */
export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** True if the file is there, seen from the working folder. */
  readonly hasFile: (path: string) => boolean;
  /** Name of the person at the keyboard as the system knows it; null if it knows none. */
  readonly userName: () => string | null;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** Columns of the terminal that `out` goes to; null if it goes to a file or a pipe. */
  readonly width: number | null;
  /** The process ends once all is written, whatever still waits in it. */
  readonly endsAll?: () => void;
  /** Asks the person at the keyboard; not given where nobody sits there. */
  readonly ask?: (question: string) => Promise<string>;
}
