/** A well-formed command that may not happen now: a value. The edges name each kind in one table. */
import type { EpochMs } from '../kernel/types.js';

export type Refusal =
  /** A value breaks a rule: `field` is a JSON pointer. */
  | { readonly kind: 'invalid'; readonly field: string; readonly detail: string }
  /** Breaker settings that could never trip at this collector's cadence. */
  | { readonly kind: 'would-never-trip'; readonly detail: string }
  /** Legal elsewhere, not in this state. */
  | { readonly kind: 'illegal-state'; readonly detail: string }
  | { readonly kind: 'breaker-open'; readonly detail: string; readonly retryAt?: EpochMs }
  | { readonly kind: 'rate-limited'; readonly detail: string; readonly retryAt?: EpochMs }
  | { readonly kind: 'blocked'; readonly detail: string; readonly until?: EpochMs }
  | { readonly kind: 'not-running'; readonly detail: string }
  /** The mailbox is full (A1). */
  | { readonly kind: 'overloaded'; readonly detail: string }
  | { readonly kind: 'quarantined'; readonly detail: string }
  /** A greater epoch owns the stream (A3). */
  | { readonly kind: 'not-owner'; readonly detail: string }
  /** Raced three times (A3). */
  | { readonly kind: 'raced'; readonly detail: string }
  /** Not at the command revision the caller decided on. `etag`: the revisions there are now. */
  | { readonly kind: 'stale'; readonly detail: string; readonly etag?: string }
  | { readonly kind: 'journal-unavailable'; readonly detail: string }
  | { readonly kind: 'stopping'; readonly detail: string }
  /** Our own code threw while deciding: nothing was written. The log has the id. */
  | { readonly kind: 'crashed'; readonly detail: string; readonly errorId: string }
  | { readonly kind: 'unknown-collector'; readonly detail: string };
