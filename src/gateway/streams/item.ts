/** What a stream of an operation is made of. */

/** One message of a stream. The same object for all who get it: an edge may keep what it made of one. */
export type StreamItem = {
  /** Given back to go on after it: a position, a cursor. Empty: go on after the last that had one. */
  readonly id: string;
  /** What it is, for readers that get several kinds. */
  readonly kind: string;
  /** JSON-safe, as REST spells it. */
  readonly value: object;
};
