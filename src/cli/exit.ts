/** How the program ends, as a number for scripts and supervisors, and what a usage error is. */
import { HeadgateError } from '../kernel/errors.js';

export const EXIT = {
  /** It did what it was asked, or that was so already. */
  ok: 0,
  /** The environment failed, or we did. */
  failure: 1,
  /** The command line, a value or the configuration is wrong; nothing was touched. */
  usage: 2,
  /** `verify` found an event that cannot be what was written. */
  damage: 3,
  /** Well-formed, and refused as things stand: by the state, by a revision, or for one of several. */
  refused: 4,
  /** There is no such collector, token or permit. */
  notFound: 5,
  /** Who asks is not known, or may not. */
  denied: 6,
  /** No service answered, or not in time, or it cannot now. */
  unavailable: 7,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Each code and what it says, for `--help` and docs/cli.md. */
export const EXIT_MEANINGS: readonly (readonly [ExitCode, string])[] = [
  [
    EXIT.ok,
    'done, or so already; a stop by SIGTERM or SIGINT that drained; a follow ended by Ctrl-C',
  ],
  [EXIT.failure, 'failed, the reason is on standard error'],
  [EXIT.usage, 'the command line, a value or the configuration is wrong; nothing was touched'],
  [EXIT.damage, 'verify found damage'],
  [EXIT.refused, 'refused as things stand: state, revision (--if-match), or one of several'],
  [EXIT.notFound, 'there is no such collector, token or permit'],
  [EXIT.denied, 'not authenticated, or not permitted'],
  [EXIT.unavailable, 'no service answered, or not in time, or it cannot now: try again'],
];

export const EXIT_HELP = [
  'Exit codes:',
  ...EXIT_MEANINGS.map(([code, meaning]) => `  ${String(code)}  ${meaning}`),
].join('\n');

/** The command line or the configuration is wrong: every problem, a line each. */
export class UsageInvalid extends HeadgateError {
  readonly code = 'usage_invalid';
  readonly retryable = false;
  readonly lines: readonly string[];

  constructor(lines: readonly string[]) {
    super(lines.join('\n'));
    this.lines = lines;
  }
}
