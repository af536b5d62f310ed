/** What the kit tells: which promise of a source is broken, where, and how. */

export const CHECKS = [
  /** A good day: the run ends well and brings records. */
  'healthy',
  /** A source never throws. */
  'throws',
  /** A run ends by itself. */
  'ends',
  /** Pages and records are whole: ids, moments, JSON. */
  'records',
  /** The same answers give the same ids, each once. */
  'ids',
  /** Only declared endpoints are asked, and only what the upstream knows. */
  'requests',
  /** Where records came, the cursor moves, and never back. */
  'cursor',
  /** The next run brings only what is new. */
  'again',
  /** After a crash at most one page comes again, and nothing is lost. */
  'crash',
  /** A bad answer has the class it must have. */
  'class',
  /** A failure is handed on, or said. */
  'failure',
  /** No key is anywhere it can be read. */
  'secrets',
  /** After an abort nothing more is asked. */
  'signal',
] as const;
export type CheckName = (typeof CHECKS)[number];

export type Finding = {
  readonly check: CheckName;
  /** The run it was seen in, e.g. `429 from the first request on`. */
  readonly where: string;
  readonly message: string;
};

/** For people: a line each. */
export function findingLine({ check, where, message }: Finding): string {
  return `${check}: ${message} (${where})`;
}

export type Tell = (check: CheckName, message: string) => void;
