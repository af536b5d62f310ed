/**
 * One projection at work: folds pages of events into its rows.
 *
 * E1 Rows and checkpoint move together, once per page, by compare-and-set; who loses forgets what it
 *    cached and reads the store again.
 * E2 A page is applied only when it follows the checkpoint: nothing is skipped, nothing told twice.
 * E3 A handler that throws is tried again, then its stream is parked: later facts of that stream wait
 *    (counted; they lie in the journal), those of all others go on.
 * E4 A projection that would park too many streams halts: then the handler is wrong, not the facts.
 */
import type { Logger } from '../kernel/observe.js';
import type { Journal } from '../journal/port.js';
import type { Position, StreamId } from '../kernel/types.js';
import { incoming, type Incoming } from './facts.js';
import { foldPage, replayPage } from './fold-page.js';
import { pageRows, rowCache, type PageRows, type RowCache } from './page-rows.js';
import { parkingOn, type Parking } from './parking.js';
import type { Projection, RowWrite, ScanRows } from './projection.js';
import type { Checkpoint, Instance, Parked, ReadStore } from './read-store.js';

const PARKED_STREAMS_MAX = 1000;
const REPLAY_PAGE_EVENTS = 500;

/** The end of a page, as a checkpoint is to remember it. */
export type PageEnd = { readonly next: Position; readonly last: Checkpoint | undefined };

export type Replayed = { readonly events: number; readonly stillParked: readonly Parked[] };

export type Projector = {
  readonly projection: Projection;
  readonly instance: () => Instance;
  readonly position: () => Position;
  readonly rows: ScanRows;
  /**
   * E1, E2. `behind`: the page does not follow the checkpoint; give it one that does.
   * @throws {ReadStoreUnavailable} nothing of the page was applied.
   */
  readonly apply: (
    after: Position,
    page: readonly Incoming[],
    end: PageEnd,
  ) => 'applied' | 'behind';
  readonly parked: () => readonly Parked[];
  /** Tries parked facts again, oldest first, of one stream or of all. */
  readonly replay: (journal: Journal, stream?: StreamId) => Promise<Replayed>;
  /** E4: why it stopped for good, or undefined. */
  readonly halted: () => string | undefined;
};

/** Told after each commit. `undefined`: everything may have changed (the store was read again). */
export type Told = (writes: readonly RowWrite[] | undefined) => void;

type State = {
  instance: Instance;
  parked: Map<StreamId, Parked>;
  halted: string | undefined;
};

/** What `apply` and `replay` share. */
type Desk = {
  readonly projection: Projection;
  readonly state: State;
  readonly cache: RowCache;
  readonly log: Logger;
  /** E1: one transaction; false when another projector was first. */
  readonly commit: (to: Checkpoint, rows: PageRows, parking: Parking) => boolean;
  /** E1: forgets everything and reads the store again. */
  readonly reread: () => void;
};

/** A projector of one instance of a read store. */
export function projector(
  projection: Projection,
  store: ReadStore,
  first: Instance,
  told: Told,
  log: Logger,
): Projector {
  const state: State = { instance: first, parked: parkedOf(store, first), halted: undefined };
  const cache = rowCache(store, first.id);
  const desk: Desk = {
    projection,
    state,
    cache,
    log,
    commit(to, rows, parking) {
      const { id, moves } = state.instance;
      const writes = rows.writes();
      if (!store.commit(id, { moves, to, writes, ...parking.changes() })) return false;
      state.instance = { ...state.instance, checkpoint: to, moves: moves + 1 };
      for (const { stream, error } of parking.added()) {
        log.warn('stream parked', { projection: projection.name, stream, error });
      }
      rows.keep();
      parking.keep();
      if (writes.length > 0) told(writes);
      return true;
    },
    reread() {
      cache.clear();
      const now = store.instance(state.instance.id);
      if (now === undefined) state.halted = 'its rows were replaced';
      else state.instance = now;
      state.parked = parkedOf(store, state.instance);
      told(undefined);
    },
  };
  return {
    projection,
    instance: () => state.instance,
    position: () => state.instance.checkpoint.position,
    rows: cache,
    parked: () => [...state.parked.values()],
    halted: () => state.halted,
    apply: (after, page, end) => applyPage(desk, after, page, end),
    async replay(journal, only) {
      let events = 0;
      for (const stream of only === undefined ? [...state.parked.keys()] : [only]) {
        events += await replayStream(desk, journal, stream);
      }
      const still = [...state.parked.values()];
      return { events, stillParked: still.filter((p) => only === undefined || p.stream === only) };
    },
  };
}

function parkedOf(store: ReadStore, instance: Instance): Map<StreamId, Parked> {
  return new Map(store.parked(instance.id).map((parked) => [parked.stream, parked]));
}

function applyPage(
  { projection, state, cache, log, commit, reread }: Desk,
  after: Position,
  page: readonly Incoming[],
  end: PageEnd,
): 'applied' | 'behind' {
  for (;;) {
    const { checkpoint } = state.instance;
    if (state.halted !== undefined || checkpoint.position >= end.next) return 'applied';
    if (checkpoint.position < after) return 'behind';
    const rows = pageRows(cache);
    const parking = parkingOn(state.parked);
    foldPage(projection, page, checkpoint.position, { rows, parking });
    if (parking.size() > PARKED_STREAMS_MAX) {
      state.halted = `over ${String(PARKED_STREAMS_MAX)} streams could not be handled`;
      log.error('projection halted', { projection: projection.name, error: state.halted });
      return 'applied';
    }
    const last = end.last ?? checkpoint;
    if (commit({ ...last, position: end.next }, rows, parking)) return 'applied';
    reread();
  }
}

/** While it reads, newer facts of the stream may be parked behind the old: it goes on until none is left. */
async function replayStream(
  { projection, state, cache, commit, reread }: Desk,
  journal: Journal,
  stream: StreamId,
): Promise<number> {
  for (let events = 0; ;) {
    const parked = state.parked.get(stream);
    if (parked === undefined || state.halted !== undefined) return events;
    const page = await journal.read(stream, parked.fromRevision, REPLAY_PAGE_EVENTS);
    const rows = pageRows(cache);
    const parking = parkingOn(state.parked);
    const done = replayPage(projection, page.events.map(incoming), stream, { rows, parking });
    if (commit(state.instance.checkpoint, rows, parking)) events += done.events;
    else reread();
    if (done.stuck) return events;
  }
}
