/**
 * What an actor kind is made of: a chart, a decision, and what it still owes (architecture §2).
 * The machinery (host.ts) is the same for all kinds.
 */
import type { AnyStateMachine } from 'xstate';
import type { DurationMs, EpochMs, JsonObject } from '../kernel/types.js';
import type { Refusal } from './refusal.js';

/** A fact as the chart sees it: the generated message's fields plus `type`. */
export type AnyFact = { readonly type: string; readonly atMs: EpochMs };

/** The folded state: what the chart's snapshot holds and nothing else. Plain data, JSON-safe. */
export type ActorState<C> = {
  /** XState's value, e.g. `'closed'` or `{ breaker: 'closed', override: 'none' }`. */
  readonly value: unknown;
  readonly context: C;
};

export type Decision<F> =
  | { readonly ok: true; readonly facts: readonly F[] }
  | { readonly ok: false; readonly refusal: Refusal };

export function facts<F>(...list: readonly F[]): Decision<F> {
  return { ok: true, facts: list };
}

export function refuse(refusal: Refusal): { readonly ok: false; readonly refusal: Refusal } {
  return { ok: false, refusal };
}

/** What a decision may know besides command and state. */
export type Circumstances = {
  /** Never before the stream's last fact (A7). */
  readonly at: EpochMs;
  /** The wall clock; behind `at` after it was set back. Absent: `at`. */
  readonly now?: EpochMs;
  /**
   * By how much the wall clock jumped against the monotonic one since this actor's facts took notice of
   * it, 0: it did not. Absent: nobody measures.
   */
  readonly jumpedMs?: DurationMs;
  /** One uniform number in [0, 1), drawn by the host for this command: all the chance there is. */
  readonly chance: number;
  /** Who commands: a principal, or `system`. */
  readonly actor: string;
};

/** Commands every kind understands, besides its own. */
export type MachineryCommand =
  /** A timer of `outstanding` came due. A stale generation is ignored by the host. */
  | { readonly type: 'TimerDue'; readonly name: string; readonly generation: number }
  /** The first command after a load: settle what a crash left open (A5). */
  | { readonly type: 'Recover' };

/** Something a state still owes to the outside. Derived from the state alone, so a restart re-arms it. */
export type Owed =
  | {
      readonly kind: 'timer';
      /** Unique within the actor. */
      readonly name: string;
      readonly dueAt: EpochMs;
      /** The delay as it was decided: after a restart what remains is clamp(dueAt - now, 0, delay). */
      readonly delayMs: DurationMs;
      /** A new generation re-arms; the same one is left alone. */
      readonly generation: number;
    }
  /** The kind's own work, e.g. run a collection. Keyed: the same key is begun once per process. */
  | { readonly kind: 'work'; readonly key: string; readonly work: JsonObject };

/** How facts of one kind are stored: proto3 JSON by the generated codecs, with versions and upcasters. */
export type FactCodec<F extends AnyFact> = {
  readonly encode: (fact: F) => {
    readonly type: string;
    readonly schema: number;
    readonly data: JsonObject;
  };
  /** @throws {UnknownFact} a type or a version this program does not know. */
  readonly decode: (type: string, schema: number, data: JsonObject) => F;
};

/** One actor kind. `C` is the chart's context. Facts and commands are unions on `type`. */
export type ActorKind<C, Cmd extends { readonly type: string }, F extends AnyFact> = {
  /** The stream's category. */
  readonly category: string;
  readonly machine: AnyStateMachine;
  /** Goes up when the same facts would fold to another state. */
  readonly foldVersion: number;
  readonly codec: FactCodec<F>;
  readonly decide: (
    command: Cmd | MachineryCommand,
    state: ActorState<C>,
    circumstances: Circumstances,
  ) => Decision<F>;
  readonly outstanding: (state: ActorState<C>) => readonly Owed[];
  /**
   * A2's asymmetry: facts that only restrict (a trip, a cut, a disable) are shown to the gates before
   * the append, all others after it.
   */
  readonly restricts: (fact: F) => boolean;
};

/** The member of a union with this `type`. */
export type Of<U extends { readonly type: string }, T extends U['type']> = Extract<
  U,
  { readonly type: T }
>;
