/** What the driver has to say that is neither an answer nor an error. For logs and telemetry. */
export type StoreNotice =
  /** There was nothing at this path: an empty store was made. */
  | { readonly kind: "new"; readonly path: string }
  /** The anchor file was not there, so everything was checked at start. */
  | { readonly kind: "anchor-missing"; readonly path: string; readonly flushes: number }
  /**
   * The write-ahead log has grown beyond its alarm: a reader holds an old snapshot, or the disk
   * does not keep up.
   */
  | { readonly kind: "log-large"; readonly path: string; readonly bytes: number };

export type OnNotice = (notice: StoreNotice) => void;
