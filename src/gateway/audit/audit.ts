/**
 * The words of the audit trail: what edges and operations tell it. Who wrote a fact into an actor's stream
 * needs nothing of this: the fact's metadata say it. The trail has the rest: what changed nothing, what was
 * refused, and the answers that have to be remembered.
 */
import type { Position } from '../../kernel/types.js';
import type { Problem } from '../problems.js';

/** success: it changed something. denied: the caller may not. failed: whatever else went wrong. */
export const OUTCOMES = ['success', 'no_op', 'denied', 'failed'] as const;
export type AuditOutcome = (typeof OUTCOMES)[number];

/** Who was refused, as far as the edge knows. A `Caller` is one. */
export type Refused = {
  /** Absent: nobody knows who it was. */
  readonly actor?: string;
  readonly interface: 'rest' | 'grpc' | 'cli' | 'ui';
  /** Without port. */
  readonly address: string;
  readonly correlationId: string;
  /** What it was about, e.g. a collector's name. */
  readonly target?: string;
  readonly reason?: string;
};

/** What `refused` needs to know of an operation, unary or stream. */
export type AuditedOperation = { readonly name: string; readonly writes: object };

/** The answer to a command that goes into the trail before the caller has it. */
export type Answered = {
  readonly commandId: string;
  readonly operation: string;
  readonly outcome: 'success' | 'no_op';
  readonly target: string;
  readonly who: Refused;
  /** Of a keyed command: the hash of what was asked, and what to answer to its repeats. */
  readonly hash?: string;
  readonly answer?: { readonly text: string; readonly etag?: string };
};

export interface Trail {
  /**
   * An edge refused a call before it reached `call`: unauthenticated, forbidden, malformed, too many.
   * (`call` itself tells what comes after.) Never waits, never throws; written behind, within a second,
   * repeats of a minute as one fact with a count. Refused questions are told only when they were denied.
   * `operation` undefined: none was reached.
   */
  refused(operation: AuditedOperation | undefined, who: Refused, problem: Problem): void;
  /**
   * Resolves when it is durable.
   * @throws {JournalUnavailable} it is not, or nobody knows.
   */
  answered(told: Answered): Promise<Position>;
  /** The journal's head when the trail was opened: what a process before this one remembered is before it. */
  readonly beganAt: Position;
  /** The journal's head now. @throws {JournalUnavailable} */
  head(): Promise<Position>;
}
