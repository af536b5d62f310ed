/** What a simulated run tells: the first property that was broken, the last events, the branches reached. */
import type { SimTime } from './simulation-time.js';

export type Failure = { readonly property: string; readonly what: string };

export type SimReport = {
  /** A property is broken; the first one counts. */
  fail(property: string, what: string): void;
  failure(): Failure | undefined;
  /** One line of what happened, kept for the reader of a failure. */
  note(line: string | (() => string)): void;
  /** A rare branch was reached. */
  reached(branch: string): void;
  readonly branches: ReadonlyMap<string, number>;
  /** The last lines, oldest first. */
  tail(): readonly string[];
};

const LINES_MAX = 80;

export function simReport(time: SimTime): SimReport {
  const branches = new Map<string, number>();
  let lines: { readonly at: number; readonly line: string | (() => string) }[] = [];
  let failure: Failure | undefined;
  const note = (line: string | (() => string)): void => {
    if (failure !== undefined) return;
    // Written out only for a reader: most seeds have none.
    lines.push({ at: time.monotonic(), line });
    if (lines.length > 2 * LINES_MAX) lines = lines.slice(-LINES_MAX);
  };
  return {
    fail(property, what) {
      note(`${property} BROKEN: ${what}`);
      failure ??= { property, what };
    },
    failure: () => failure,
    note,
    reached(branch) {
      branches.set(branch, (branches.get(branch) ?? 0) + 1);
    },
    branches,
    tail: () =>
      lines.slice(-LINES_MAX).map(({ at, line }) => {
        const moment = (at / 1000).toFixed(3).padStart(10);
        return `${moment} s  ${typeof line === 'string' ? line : line()}`;
      }),
  };
}
