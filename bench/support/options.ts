/** How a benchmark is asked to run. */
export type BenchOptions = {
  /** Rounds of what is compared side by side. */
  readonly rounds: number;
  /** Full sizes: journals of 1 000 000 events. */
  readonly full: boolean;
  /** Events of the large journal, when given. */
  readonly events: number | undefined;
  /** A directory of this run of main.ts: what one benchmark makes there, the next may use. */
  readonly shared: string;
};

/** Events of the large journal: what was asked for, else by the size of the run. */
export function eventsOf({ events, full }: BenchOptions, small: number): number {
  return events ?? (full ? 1_000_000 : small);
}
