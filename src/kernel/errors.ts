/** The base of everything that is thrown on purpose: the environment failed, or the caller is wrong. */

export abstract class HeadgateError extends Error {
  /** Stable, lower_snake_case; documented in docs/errors.md. */
  abstract readonly code: string;
  /** Whether the same call may succeed later without a change. */
  abstract readonly retryable: boolean;

  constructor(message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** A programmer's mistake: a promise the code makes to itself is broken. */
export class InvariantViolated extends HeadgateError {
  readonly code = 'invariant_violated';
  readonly retryable = false;
}

/** @throws {InvariantViolated} when the condition does not hold. Used for what must never happen. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InvariantViolated(message);
}

/** A readable line for anything that was thrown. Never throws, though some things have no text. */
export function messageOf(thrown: unknown): string {
  try {
    return String(thrown instanceof Error ? thrown.message : thrown);
  } catch {
    return `${typeof thrown} without a text`;
  }
}
