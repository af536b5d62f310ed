/** What the audit read model keeps: a row per command, and what repeats of a command have to know. */
import type { EpochMs } from '../kernel/types.js';

/** One fact a command wrote into an actor's stream. */
export type AuditFact = {
  readonly type: string;
  readonly stream: string;
  readonly revision: number;
};

/** One command, or several refusals of one kind told together. */
export type AuditDoc = {
  readonly commandId: string;
  /** Of the first event that told of it. */
  readonly position: number;
  readonly at: EpochMs;
  /** Empty: none was reached, or it was not recorded then. */
  readonly operation: string;
  /** What it was about, mostly a collector's name; may be empty. */
  readonly target: string;
  /** Empty: nobody knows who it was. */
  readonly actor: string;
  /** rest | grpc | cli | ui */
  readonly interface: string;
  readonly address: string;
  readonly correlationId: string;
  readonly reason: string;
  /** success | no_op | denied | failed */
  readonly outcome: string;
  /** The problem's; empty when there was none. */
  readonly code: string;
  readonly detail: string;
  /** How many calls this row tells of. */
  readonly count: number;
  /** Of many only the first. */
  readonly facts: readonly AuditFact[];
};

/** What is known of a command by its id, for a day. */
export type CommandDoc = {
  readonly at: EpochMs;
  /** Key of its row in the trail. */
  readonly row: string;
  /** null: it had no idempotency key. */
  readonly hash: string | null;
  readonly answer: { readonly text: string; readonly etag?: string } | null;
  /** The actors' streams that have facts of it. */
  readonly streams: readonly string[];
};
