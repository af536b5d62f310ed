/**
 * What changed of the collectors, told to all who watch: each sees the latest state of each, as fast as it
 * reads, and nobody's slowness costs another anything.
 *
 * F1 A watcher owns a set of the names that changed and were not given to it yet: at most one entry per
 *    collector, however often that changed. States are not queued: the latest is made when it is asked for.
 * F2 An item is made once per change and is the same object for all who get it.
 * F3 The position of an item is safe to go on after: whoever gets it has been given everything that changed
 *    up to there. While more of what changed waits to be given, the position is 0.
 * F4 The feed knows what changed since it began; of a position before that, or past the views, it knows
 *    nothing, and says so.
 */
import { isoTime } from '../../kernel/time.js';
import type { Clock } from '../../kernel/time.js';
import type { DurationMs, MonotonicMs, Position } from '../../kernel/types.js';
import type { Views } from '../../projections/views.js';
import { collectorLine } from '../shapes/collector.js';
import type { StatusPages } from '../status-pages.js';
import { alarm } from './alarm.js';
import type { Alarm } from './alarm.js';
import type { StreamItem } from './item.js';

/** A snapshot of a collector that did not change is made again after so long: rates and ages move. */
const SNAPSHOT_AGE_MAX_MS: DurationMs = 1_000;

export type WatchKind = 'snapshot' | 'snapshot_complete' | 'changed' | 'heartbeat';

export type Watcher = {
  readonly alarm: Alarm;
  /** The latest of one collector that changed; undefined: nothing waits. */
  next(): StreamItem | undefined;
  /** One collector as it is, whether it changed or not; undefined: it is none of those watched. */
  snapshot(name: string): StreamItem | undefined;
  leave(): void;
};

export type WatchFilter = {
  /** Absent: all. */
  readonly names?: ReadonlySet<string>;
  readonly type?: string;
};

export type CollectorFeed = {
  /** From now on; with `after`, also what changed since then. */
  watch(filter: WatchFilter, after?: Position): Watcher;
  /** F4. */
  knows(after: Position): boolean;
  /** Items without a collector: shared by all who get one at this position. */
  mark(kind: 'snapshot_complete' | 'heartbeat'): StreamItem;
  /** How many watch. */
  watchers(): number;
};

export type FeedParts = {
  readonly views: Pick<Views, 'position' | 'watch' | 'names'>;
  readonly pages: Pick<StatusPages, 'subject'>;
  readonly clock: Clock;
};

/** The last change of one collector, and the items made of it. */
type Change = {
  /** It happened at or after `floor`, and is shown at `position`. */
  readonly floor: Position;
  readonly position: Position;
  /** F2, F3: while more waits, and as the last that waited. */
  more?: StreamItem | undefined;
  last?: StreamItem | undefined;
};

type Member = { readonly dirty: Set<string>; readonly alarm: Alarm; readonly filter: WatchFilter };

export function collectorFeed(parts: FeedParts): CollectorFeed {
  const { views, clock } = parts;
  const began = views.position();
  const members = new Set<Member>();
  const changes = new Map<string, Change>();
  const maker = itemMaker(parts, changes);
  const marks = new Map<string, StreamItem>();
  let floor = began;

  const told = (names: readonly string[]): void => {
    const position = views.position();
    for (const name of names) changes.set(name, { floor, position });
    floor = position;
    for (const member of members) {
      mark(member, names);
      if (member.dirty.size > 0) member.alarm.ring();
    }
  };
  views.watch(onceTheViewsAgree(told, () => views.names()));

  return {
    watchers: () => members.size,
    knows: (after) => after >= began && after <= views.position(),
    mark(kind) {
      const position = views.position();
      const kept = marks.get(kind);
      if (kept?.id === String(position)) return kept;
      const value = { kind, position, at: isoTime(clock.now()) };
      const item = { id: String(position), kind, value };
      marks.set(kind, item);
      return item;
    },
    watch(filter, after) {
      const member: Member = { dirty: new Set(), alarm: alarm(clock), filter };
      if (after !== undefined) mark(member, since(changes, after));
      members.add(member);
      return watcher(member, maker, () => members.delete(member));
    },
  };
}

/** F1. */
function mark({ dirty, filter }: Member, names: readonly string[]): void {
  for (const name of names) if (filter.names?.has(name) !== false) dirty.add(name);
}

/** F4. A view that stands still shows changes without moving: those are told again rather than missed. */
function since(changes: ReadonlyMap<string, Change>, after: Position): readonly string[] {
  const names: string[] = [];
  for (const [name, { floor, position }] of changes) {
    const isUnsure = position === floor && position === after;
    if (position > after || isUnsure) names.push(name);
  }
  return names;
}

/**
 * Several read models commit one page one after the other, without a pause: only when all have, the
 * position says what is shown.
 */
function onceTheViewsAgree(
  told: (names: readonly string[]) => void,
  everyName: () => readonly string[],
): (names: readonly string[] | undefined) => void {
  let open: Set<string> | undefined;
  return (names) => {
    if (open === undefined) {
      const collected = new Set<string>();
      open = collected;
      queueMicrotask(() => {
        open = undefined;
        told([...collected]);
      });
    }
    for (const name of names ?? everyName()) open.add(name);
  };
}

function watcher(member: Member, maker: ItemMaker, leave: () => void): Watcher {
  const { dirty, filter } = member;
  return {
    alarm: member.alarm,
    next() {
      for (const name of dirty) {
        dirty.delete(name);
        const item = maker.changed(name, dirty.size > 0, filter.type);
        if (item !== undefined) return item;
      }
      return undefined;
    },
    snapshot(name) {
      const item = maker.snapshot(name, filter.type);
      // What is shown now holds all its changes.
      dirty.delete(name);
      return item;
    },
    leave() {
      dirty.clear();
      leave();
    },
  };
}

type ItemMaker = {
  /** `more`: others wait after it. Undefined: there is none such, or it is of another type. */
  readonly changed: (
    name: string,
    more: boolean,
    type: string | undefined,
  ) => StreamItem | undefined;
  readonly snapshot: (name: string, type: string | undefined) => StreamItem | undefined;
};

type Snapshot = {
  readonly item: StreamItem | undefined;
  readonly change: Change | undefined;
  readonly madeAt: MonotonicMs;
};

/** F2. */
function itemMaker({ pages, clock }: FeedParts, changes: ReadonlyMap<string, Change>): ItemMaker {
  const snapshots = new Map<string, Snapshot>();
  const item = (kind: WatchKind, name: string, position: Position): StreamItem | undefined => {
    const subject = pages.subject(name);
    if (subject === undefined) return undefined;
    const collector = { ...collectorLine(subject), etag: subject.docs.etag };
    const value = { kind, position, at: isoTime(subject.at), collector };
    return { id: position === 0 ? '' : String(position), kind, value };
  };
  const ofType = (made: StreamItem | undefined, type: string | undefined) =>
    type === undefined || (made?.value as Told | undefined)?.collector.type === type
      ? made
      : undefined;
  return {
    changed(name, more, type) {
      const change = changes.get(name);
      if (change === undefined) return undefined;
      const which = more ? 'more' : 'last';
      const made = (change[which] ??= item('changed', name, more ? 0 : change.position));
      return ofType(made, type);
    },
    snapshot(name, type) {
      const at = clock.monotonic();
      const change = changes.get(name);
      const kept = snapshots.get(name);
      const isFresh = kept?.change === change && at - (kept?.madeAt ?? 0) < SNAPSHOT_AGE_MAX_MS;
      if (kept !== undefined && isFresh) return ofType(kept.item, type);
      const made = item('snapshot', name, 0);
      snapshots.set(name, { item: made, change, madeAt: at });
      return ofType(made, type);
    },
  };
}

type Told = { readonly collector: { readonly type: string } };
