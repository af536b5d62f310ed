/** How the rest of the program holds one actor: ask it, look at it, hear what it recorded. */
import type { DurationMs, JsonObject, Position, Revision, StreamId } from '../kernel/types.js';
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
  /**
   * The command revision the actor must have when this is decided (`ActorHandle.commandRevision`): of two
   * commands with the same one, one wins and the other is refused as stale.
   */
  readonly ifRevision?: Revision;
  /** Decide, and answer the facts: nothing is appended, nobody is told. */
  readonly dryRun?: true;
  /**
   * Streams in which this command id wrote in an earlier life of the process: nothing is decided there
   * again, and the actor answers that it changed.
   */
  readonly doneIn?: ReadonlySet<StreamId>;
};

/** A fact as the journal would have it. */
export type PlannedFact = { readonly type: string; readonly data: JsonObject };

/** What became of a command. `facts` is empty when nothing had to change. */
export type Answer<F, C> =
  | {
      readonly ok: true;
      readonly facts: readonly F[];
      /** Of a dry run, encoded: `facts` would be written, and `state` is before them. */
      readonly planned?: readonly PlannedFact[];
      /** Done in an earlier life already (`doneIn`): `facts` is empty, and yet something changed. */
      readonly repeated?: true;
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
  /**
   * Of the last event that a principal's command wrote (any interface but `system`), -1: none did. Of an
   * actor out of memory the last one known.
   */
  commandRevision(): Revision;
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
