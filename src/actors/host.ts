/**
 * The host: keeps actors, each the only writer of its stream.
 *
 * A1  One writer per stream; commands wait in a bounded mailbox, first in first out; overflow is a refusal.
 * A2  Facts are durable before the reply, before any effect, before any reader sees them. What restricts is
 *     shown to the gates before the append, and withdrawn if it fails.
 * A3  An append names the exact revision and carries the epoch. On conflict the tail is read: our own ids
 *     mean it was appended; a greater epoch means the actor is dropped; else decide again, three times at most.
 * A4  Event ids derive from command, stream and ordinal: a repeat cannot append twice.
 * A5  Effects are derived from the state; `Recover` is the first command after a load and settles what a
 *     crash left open, before anything owed is begun.
 * A6  A fact without an arrow is corruption: that actor is quarantined, the node goes on.
 * A7  `at` never runs backwards in a stream; delays run on the monotonic clock; what remains of a timer
 *     after a restart is clamp(due - now, 0, delay); a stale generation is ignored.
 * A8  Restart intensity 5 in 30 s, back-off 250 ms x 2 up to 30 s with jitter, then quarantine; at most
 *     32 recoveries at once, each with a deadline.
 * A9  Snapshots are a cache: deleting or corrupting them changes nothing but time.
 * A10 Idle, unwatched actors are passivated; a due timer or a command wakes them.
 */
import type { Clock } from '../kernel/time.js';
import { histogram, type Histogram, type Logger } from '../kernel/observe.js';
import type { Random } from '../kernel/random.js';
import type { DurationMs, JsonObject, Revision, StreamId } from '../kernel/types.js';
import type { Journal, SnapshotStore, StoredEvent } from '../journal/port.js';
import { startActor, type Actor } from './actor.js';
import type { ActorHandle, CommandContext } from './handle.js';
import type { ActorKind, AnyFact, Owed } from './kind.js';
import { semaphore, type Semaphore } from './semaphore.js';

export type HostLimits = {
  /** Commands that may wait for one actor. */
  readonly mailboxMax: number;
  /** Facts between two snapshots. */
  readonly snapshotEvery: number;
  /** Actors that may be loading at once. */
  readonly recoveriesMax: number;
  /** How long one load may take. */
  readonly recoveryTimeoutMs: DurationMs;
  /** Idle time after which an unwatched actor leaves memory. */
  readonly passivateAfterMs: DurationMs;
  /** Events read at once while loading. */
  readonly pageSize: number;
};

export const HOST_LIMITS: HostLimits = {
  mailboxMax: 1000,
  snapshotEvery: 500,
  recoveriesMax: 32,
  recoveryTimeoutMs: 30_000,
  passivateAfterMs: 600_000,
  pageSize: 1000,
};

export type HostStatistics = {
  commands: number;
  refused: number;
  facts: number;
  conflicts: number;
  crashes: number;
  quarantines: number;
  loads: number;
  replayed: number;
  snapshotsSaved: number;
  snapshotsIgnored: number;
  snapshotsFailed: number;
  timersFired: number;
  timersStale: number;
  /** Facts by which recovery settled what a crash had left open, by type. */
  readonly settled: Record<string, number>;
  readonly loadSeconds: Histogram;
  readonly decideSeconds: Histogram;
};

/** A place in a stream's hash chain. */
export type ChainPoint = { readonly revision: Revision; readonly hash: string };

export type HostDeps = {
  readonly journal: Journal;
  readonly snapshots: SnapshotStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly node: string;
  /** The writer's fencing number. */
  readonly epoch: number;
  readonly limits: HostLimits;
  /** The first event that does not follow `after` as it was written; `after` is undefined at the start. */
  readonly verify: (
    after: ChainPoint | undefined,
    events: readonly StoredEvent[],
  ) => { readonly revision: Revision; readonly detail: string } | undefined;
};

/** What an actor is connected to besides its stream. */
export type Wiring<Cmd> = {
  /** Begins work the state owes. Called once per key and process, after the facts are durable. */
  readonly onWork?: (key: string, work: JsonObject) => void;
  /** Turns a due timer into another command than `TimerDue`; undefined: the plain one. */
  readonly onTimer?: (timer: Extract<Owed, { kind: 'timer' }>) => Cmd | undefined;
};

export interface Host {
  /** The handle of one actor; it is loaded (and recovered) when this resolves. The same stream, the same handle. */
  actor<C, Cmd extends { readonly type: string }, F extends AnyFact>(
    kind: ActorKind<C, Cmd, F>,
    stream: StreamId,
    wiring?: Wiring<Cmd>,
  ): Promise<ActorHandle<C, Cmd, F>>;
  /** Loads a quarantined actor again and verifies it. */
  revive(stream: StreamId): Promise<string | undefined>;
  statistics(): HostStatistics;
  counts(): { readonly known: number; readonly resident: number; readonly queued: number };
  /** A context for what the program does on its own. */
  system(cause: string): CommandContext;
  /** Lets mailboxes empty, refuses what comes later, takes snapshots. */
  stop(): Promise<void>;
}

/** What one actor may use of its host. */
export type HostServices = HostDeps & {
  readonly statistics: HostStatistics;
  readonly recoveries: Semaphore;
  readonly system: (cause: string) => CommandContext;
  readonly isStopping: () => boolean;
};

export function startHost(deps: HostDeps): Host {
  const actors = new Map<StreamId, Actor>();
  const statistics = emptyStatistics();
  let stopping = false;
  const system = (cause: string): CommandContext => {
    const id = deps.random.uuid();
    return {
      commandId: id,
      correlationId: id,
      actor: 'system',
      interface: 'system',
      reason: cause,
    };
  };
  const services: HostServices = {
    ...deps,
    statistics,
    recoveries: semaphore(deps.limits.recoveriesMax),
    system,
    isStopping: () => stopping,
  };
  return {
    async actor<C, Cmd extends { readonly type: string }, F extends AnyFact>(
      kind: ActorKind<C, Cmd, F>,
      stream: StreamId,
      wiring: Wiring<Cmd> = {},
    ) {
      const known = actors.get(stream);
      if (known !== undefined) return known.handle as unknown as ActorHandle<C, Cmd, F>;
      const started = startActor(kind, stream, wiring, services);
      actors.set(stream, started.actor);
      await started.actor.wake();
      return started.handle;
    },
    async revive(stream) {
      return actors.get(stream)?.revive();
    },
    statistics: () => statistics,
    counts() {
      let resident = 0;
      let queued = 0;
      for (const actor of actors.values()) {
        if (actor.isResident()) resident += 1;
        queued += actor.queued();
      }
      return { known: actors.size, resident, queued };
    },
    system,
    async stop() {
      stopping = true;
      await Promise.all([...actors.values()].map((actor) => actor.stop()));
    },
  };
}

const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

function emptyStatistics(): HostStatistics {
  return {
    commands: 0,
    refused: 0,
    facts: 0,
    conflicts: 0,
    crashes: 0,
    quarantines: 0,
    loads: 0,
    replayed: 0,
    snapshotsSaved: 0,
    snapshotsIgnored: 0,
    snapshotsFailed: 0,
    timersFired: 0,
    timersStale: 0,
    settled: {},
    loadSeconds: histogram(SECONDS),
    decideSeconds: histogram([0.00001, 0.00005, 0.0001, 0.0005, ...SECONDS.slice(1)]),
  };
}
