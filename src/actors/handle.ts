/** How the rest of the program holds one actor: ask it, look at it, hear what it recorded. */
import type { DurationMs, Position, Revision, StreamId } from '../kernel/types.js';
import type { Cancel } from '../kernel/time.js';
import type { ActorState, AnyFact } from './kind.js';
import type { Refusal } from './refusal.js';

/** Who asks, why and by which door: goes into the metadata of each event the command writes. */
export type CommandContext = {
  /** Events' ids derive from it (A4): the same id never appends twice. */
  readonly commandId: string;
  readonly correlationId: string;
  readonly causationId?: string;
  readonly actor: string;
  readonly interface: 'rest' | 'grpc' | 'cli' | 'ui' | 'system';
  readonly reason?: string;
  /** The operation called, and where from: for the audit trail. */
  readonly operation?: string;
  readonly address?: string;
  /** The hash of what was asked, where it has an idempotency key. */
  readonly commandHash?: string;
};

/** What became of a command. `facts` is empty when nothing had to change. */
export type Answer<F, C> =
  | {
      readonly ok: true;
      readonly facts: readonly F[];
      /** After the facts; durable. */
      readonly state: ActorState<C>;
      readonly revision: Revision;
      /** Of the last event written; 0 when nothing was. */
      readonly position: Position;
    }
  | { readonly ok: false; readonly refusal: Refusal };

export type Notice<F, C> =
  /** Decided, not yet durable, and only restricting (A2): gates close now. */
  | { readonly phase: 'restricting'; readonly facts: readonly F[]; readonly state: ActorState<C> }
  /** Durable. `state` is after the facts. */
  | { readonly phase: 'durable'; readonly facts: readonly F[]; readonly state: ActorState<C> }
  /** The restricting facts shown before did not become durable: gates go back to `state`. */
  | { readonly phase: 'withdrawn'; readonly state: ActorState<C> };

export interface ActorHandle<C, Cmd extends { readonly type: string }, F extends AnyFact> {
  readonly stream: StreamId;
  /**
   * The durable state, while the actor is in memory, and while it is loaded afresh the last one; of a
   * quarantined one, the state of an empty stream.
   */
  state(): ActorState<C>;
  revision(): Revision;
  /** First in, first out (A1). Resolves when the facts are durable, or with a refusal; never rejects. */
  ask(command: Cmd, context: CommandContext): Promise<Answer<F, C>>;
  watch(listener: (notice: Notice<F, C>) => void): Cancel;
  /** Why it is quarantined, or undefined. */
  quarantined(): string | undefined;
}

/** A context for what the program does on its own. */
export type SystemContext = (cause: string) => CommandContext;

/** Bounds a wait in the actors' room. */
export type Deadline = { readonly waitMaxMs: DurationMs; readonly signal?: AbortSignal };
