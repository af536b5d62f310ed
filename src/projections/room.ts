/**
 * The projections that run over one read store and one journal: which serve, which are being built.
 *
 * V1 A read model that knows more than the journal is refused (or rebuilt, when told so), never served.
 * V2 A new version of a projection is built beside the old one; the old rows serve until the swap.
 */
import { assert } from '../kernel/errors.js';
import type { Logger } from '../kernel/observe.js';
import type { Clock } from '../kernel/time.js';
import type { DurationMs, Position } from '../kernel/types.js';
import type { Journal } from '../journal/port.js';
import { feed, type Feed } from './feed.js';
import type { Projection, RowWrite } from './projection.js';
import { positionWaiters } from './position-waiters.js';
import { projector, type Projector } from './projector.js';
import type { Instance, ReadStore } from './read-store.js';

/** Rows of dropped instances that go after each page. */
const PURGE_ROWS = 2000;

export type RoomParts = {
  readonly journal: Journal;
  readonly store: ReadStore;
  readonly clock: Clock;
  readonly log: Logger;
  readonly projections: readonly Projection[];
  /** After each commit of the instance that serves; undefined: everything may be different. */
  readonly told: (projection: string, writes: readonly RowWrite[] | undefined) => void;
};

export type Room = {
  /** The projector whose rows answer. */
  readonly serving: (name: string) => Projector;
  readonly all: () => readonly Projector[];
  /** Up to where all serving projections are. */
  readonly position: () => Position;
  readonly caughtUp: (position: Position, waitMs: DurationMs) => Promise<boolean>;
  readonly start: () => void;
  readonly stop: () => Promise<void>;
  /** Builds a projection's rows anew beside those that serve; resolves when they are swapped in. */
  readonly rebuild: (name: string) => Promise<void>;
  readonly feed: Feed['state'];
  readonly rebuilds: () => number;
};

/** One projection: who serves, whether other code built those rows, and who is being built. */
type Seat = {
  serving: Projector;
  isFrozen: boolean;
  building: { readonly ended: Promise<void> } | undefined;
};

/** V2: who sits where, in the store and in memory. */
function seating({ store, log, projections, told }: RoomParts) {
  const seats = new Map<string, Seat>();
  const projectorOn = (projection: Projection, instance: Instance): Projector => {
    const tell = (writes: readonly RowWrite[] | undefined): void => {
      if (seats.get(projection.name)?.serving === mine) told(projection.name, writes);
    };
    const mine: Projector = projector(projection, store, instance, tell, log);
    return mine;
  };
  const instances = (name: string, state: Instance['state']): readonly Instance[] =>
    store.instances().filter((found) => found.name === name && found.state === state);
  for (const projection of projections) {
    const { name, version } = projection;
    const [found] = instances(name, 'serving');
    const instance = found ?? store.create(name, version, 'serving');
    const isFrozen = instance.version !== version;
    const serving = projectorOn(projection, instance);
    seats.set(name, { serving, isFrozen, building: undefined });
  }
  const all = (): readonly Seat[] => [...seats.values()];
  return {
    all,
    of(name: string): Seat {
      const seat = seats.get(name);
      assert(seat !== undefined, `there is no projection ${name}`);
      return seat;
    },
    /** Those that the main feed feeds. */
    fed: () => all().flatMap(({ isFrozen, serving }) => (isFrozen ? [] : [serving])),
    position: () => Math.min(...all().map(({ serving }) => serving.position())),
    /** What an earlier process built of this version goes on; anything else begins anew. */
    toBuild(projection: Projection, resume: boolean): Projector {
      const { name, version } = projection;
      const begun = instances(name, 'building');
      const kept = resume ? begun.find((instance) => instance.version === version) : undefined;
      for (const { id } of begun) if (id !== kept?.id) store.drop(id);
      return projectorOn(projection, kept ?? store.create(name, version, 'building'));
    },
    /** One step: nobody reads between the old rows and the new ones. */
    swapIn(seat: Seat, built: Projector): void {
      store.activate(built.instance().id);
      Object.assign(seat, { serving: built, isFrozen: false, building: undefined });
      log.info('read model rebuilt', { projection: built.projection.name });
      told(built.projection.name, undefined);
    },
  };
}

/** Feeds of this room, kept in `feeds` while they run. */
function feedsInto(
  { journal, clock, log }: RoomParts,
  feeds: Set<Feed>,
  isAwaited: () => boolean,
): (members: () => readonly Projector[], onPage: (atEnd: boolean) => void) => Feed {
  return (members, onPage) => {
    const made = feed({ journal, clock, log, members, onPage, isAwaited });
    const run: Feed['run'] = (signal) => {
      feeds.add(made);
      return made.run(signal).finally(() => feeds.delete(made));
    };
    return { ...made, run };
  };
}

export function room(parts: RoomParts): Room {
  const { store, clock } = parts;
  const stopping = new AbortController();
  const running = new Set<Promise<void>>();
  const seats = seating(parts);
  const feeds = new Set<Feed>();
  const waiters = positionWaiters(clock, seats.position, () => {
    for (const each of feeds) each.hurry();
  });
  const feedOf = feedsInto(parts, feeds, waiters.anybody);
  let rebuilds = 0;
  let isStarted = false;

  const begin = (task: Promise<void>): void => {
    running.add(task);
    void task.finally(() => running.delete(task));
  };
  const afterPage = (): void => {
    waiters.wake();
    store.purge(PURGE_ROWS);
  };
  const main = feedOf(seats.fed, afterPage);

  const build = (seat: Seat, built: Projector): Promise<void> => {
    const swapped = new AbortController();
    const signal = AbortSignal.any([stopping.signal, swapped.signal]);
    const onPage = (atEnd: boolean): void => {
      const others = seats.fed().map((member) => member.position());
      const hasOvertaken = built.position() >= seat.serving.position();
      const isLevel = others.length > 0 && built.position() >= Math.min(...others);
      if (hasOvertaken && (atEnd || isLevel) && !swapped.signal.aborted) {
        seats.swapIn(seat, built);
        rebuilds += 1;
        swapped.abort();
        // When nobody was fed before, the main feed had ended.
        if (others.length === 0) begin(main.run(stopping.signal));
      }
      afterPage();
    };
    const ended = feedOf(() => [built], onPage).run(signal);
    seat.building = { ended };
    begin(ended);
    return ended;
  };

  return {
    serving: (name) => seats.of(name).serving,
    all: () => seats.all().map(({ serving }) => serving),
    position: seats.position,
    caughtUp: waiters.caughtUp,
    start() {
      if (isStarted) return;
      isStarted = true;
      for (const seat of seats.all()) {
        if (seat.isFrozen) void build(seat, seats.toBuild(seat.serving.projection, true));
      }
      begin(main.run(stopping.signal));
    },
    async stop() {
      stopping.abort();
      waiters.close();
      await Promise.all(running);
      store.close();
    },
    async rebuild(name) {
      const seat = seats.of(name);
      const { building } = seat;
      if (building === undefined) await build(seat, seats.toBuild(seat.serving.projection, false));
      else await building.ended;
    },
    feed: main.state,
    rebuilds: () => rebuilds,
  };
}
