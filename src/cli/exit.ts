/** How the program ends, as a number for scripts and supervisors, and what a usage error is. */
import { HeadgateError } from '../kernel/errors.js';

export const EXIT = {
  /** It did what it was asked. */
  ok: 0,
  /** The environment failed, or we did. */
  failure: 1,
  /** The command line or the configuration is wrong; nothing was touched. */
  usage: 2,
  /** `verify` found an event that cannot be what was written. */
  damage: 3,
} as const;

export const EXIT_HELP = [
  'Exit codes:',
  `  ${String(EXIT.ok)}  done; a stop by SIGTERM or SIGINT that drained in time`,
  `  ${String(EXIT.failure)}  failed, the reason is on standard error`,
  `  ${String(EXIT.usage)}  the command line or the configuration is wrong; nothing was touched`,
  `  ${String(EXIT.damage)}  verify found damage`,
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
