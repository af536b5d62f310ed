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
import type { StreamId } from '../kernel/types.js';
import { startActor, type Actor } from './actor.js';
import type { ActorHandle, CommandContext } from './handle.js';
import type { ActorKind, AnyFact } from './kind.js';
import { semaphore } from './semaphore.js';
import {
  emptyStatistics,
  type HostDeps,
  type HostServices,
  type HostStatistics,
  type Wiring,
} from './services.js';

export { HOST_LIMITS, type HostDeps, type HostLimits, type HostStatistics } from './services.js';

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
