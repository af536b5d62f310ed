/**
 * Those who wait at the gate, in the order in which they may go.
 *
 * Q1 The classes share what is contended as probe : live : backfill = 8 : 4 : 1, counted in calls; one
 *    with nobody waiting gives its share away.
 * Q2 Within a class the collectors take turns, however many calls each has waiting; within a collector
 *    the first to come is the first to go.
 * Q3 Whose turn had come already, but whose reservation was refused, goes before all others.
 * Q4 Who has gone, or given up, leaves nothing behind.
 */
import type { Cancel } from '../../kernel/time.js';
import type { MonotonicMs } from '../../kernel/types.js';
import type { Acquired, AcquireFailure, AcquireRequest } from './desk.js';
import { giveBackTurn, giveTurn, turnsOf, useTurn, type Turns } from './turns.js';

export type Waiter = {
  readonly request: AcquireRequest;
  readonly since: MonotonicMs;
  readonly deadline: MonotonicMs;
  /** Its reservation was refused until then, because of this bucket. */
  notBefore: MonotonicMs;
  refusedBy: string | undefined;
  /** Buckets it has waited for so far. */
  readonly waitedFor: string[];
  /** It had to wait for the limiter. */
  wasDelayed: boolean;
  isDone: boolean;
  readonly resolve: (acquired: Acquired) => void;
  cancelDeadline: Cancel;
  readonly onAbort: () => void;
};

/** A waiter, and the turns that are its own as the queue stands. Good until the queue changes. */
export type Place = {
  readonly waiter: Waiter;
  readonly group: Group | undefined;
  readonly groupTurn: number;
  readonly flow: Flow | undefined;
  readonly flowTurn: number;
};

export interface Queue {
  size(): number;
  waitingOf(collector: string): number;
  has(waiter: Waiter): boolean;
  add(waiter: Waiter): void;
  /** Its turn had come (Q3). */
  putBack(waiter: Waiter): void;
  /** It goes: its turn is used. */
  take(place: Place): void;
  /** It gave up: its turn is given back. */
  remove(waiter: Waiter): void;
  /** All, in whose order they may go. Ends when the queue changes. */
  inTurn(): Iterable<Place>;
  all(): readonly Waiter[];
}

type Priority = AcquireRequest['priority'];
/** The calls of one collector in one class. */
type Flow = { readonly collector: string; readonly waiters: Waiter[]; readonly turns: Turns };
type Group = {
  readonly priority: Priority;
  readonly turns: Turns;
  readonly flows: Map<string, Flow>;
  /** The virtual time between its collectors. */
  time: number;
};
/** The virtual time between the classes, and everybody who waits. */
type Hall = {
  readonly groups: readonly Group[];
  readonly due: Waiter[];
  readonly present: Set<Waiter>;
  readonly counts: Map<string, number>;
  time: number;
};

/** Calls out of 13 while all three want more than there is (Q1). */
export const SHARES: Readonly<Record<Priority, number>> = { probe: 8, live: 4, backfill: 1 };
const ORDER: readonly Priority[] = ['probe', 'live', 'backfill'];

export function waitingQueue(): Queue {
  const hall: Hall = {
    groups: ORDER.map((priority) => ({
      priority,
      turns: turnsOf(SHARES.probe / SHARES[priority]),
      flows: new Map(),
      time: 0,
    })),
    due: [],
    present: new Set(),
    counts: new Map(),
    time: 0,
  };
  return {
    size: () => hall.present.size,
    waitingOf: (collector) => hall.counts.get(collector) ?? 0,
    has: (waiter) => hall.present.has(waiter),
    add(waiter) {
      enter(hall, waiter);
      const group = groupOf(hall, waiter);
      const flow = flowOf(group, waiter.request.collector);
      flow.waiters.push(waiter);
      giveTurn(flow.turns, group.time);
      giveTurn(group.turns, hall.time);
    },
    putBack(waiter) {
      enter(hall, waiter);
      hall.due.push(waiter);
      hall.due.sort((a, b) => a.since - b.since);
    },
    take(place) {
      const { waiter, group, groupTurn, flow, flowTurn } = place;
      leave(hall, waiter);
      if (group === undefined || flow === undefined) {
        hall.due.splice(hall.due.indexOf(waiter), 1);
      } else {
        flow.waiters.splice(flowTurn, 1);
        group.time = useTurn(flow.turns, flowTurn, group.time);
        hall.time = useTurn(group.turns, groupTurn, hall.time);
      }
      forget(hall);
    },
    remove(waiter) {
      if (!hall.present.has(waiter)) return;
      leave(hall, waiter);
      const late = hall.due.indexOf(waiter);
      if (late >= 0) {
        hall.due.splice(late, 1);
      } else {
        const group = groupOf(hall, waiter);
        const flow = flowOf(group, waiter.request.collector);
        flow.waiters.splice(flow.waiters.indexOf(waiter), 1);
        giveBackTurn(flow.turns);
        giveBackTurn(group.turns);
      }
      forget(hall);
    },
    inTurn: () => inTurn(hall),
    all: () => [...hall.present],
  };
}

function enter({ present, counts }: Hall, waiter: Waiter): void {
  const { collector } = waiter.request;
  present.add(waiter);
  counts.set(collector, (counts.get(collector) ?? 0) + 1);
}

function leave({ present, counts }: Hall, waiter: Waiter): void {
  const { collector } = waiter.request;
  present.delete(waiter);
  const left = (counts.get(collector) ?? 1) - 1;
  if (left === 0) counts.delete(collector);
  else counts.set(collector, left);
}

function groupOf({ groups }: Hall, { request }: Waiter): Group {
  const group = groups.find(({ priority }) => priority === request.priority) ?? groups[0];
  if (group === undefined) throw new Error(`no class ${request.priority}`);
  return group;
}

function flowOf({ flows }: Group, collector: string): Flow {
  const known = flows.get(collector);
  if (known !== undefined) return known;
  const made = { collector, waiters: [], turns: turnsOf(1) };
  flows.set(collector, made);
  return made;
}

/** Q4: with nobody left all begins anew; a flow that owes nothing is as good as new. */
function forget(hall: Hall): void {
  const isEmpty = hall.present.size === 0;
  if (isEmpty) hall.time = 0;
  for (const group of hall.groups) {
    if (isEmpty) group.time = group.turns.next = 0;
    for (const [collector, { waiters, turns }] of group.flows) {
      if (isEmpty || (waiters.length === 0 && turns.next <= group.time)) {
        group.flows.delete(collector);
      }
    }
  }
}

/** Merges the classes by their turns, and each class's collectors by theirs, as far as it is asked to. */
function* inTurn(hall: Hall): Generator<Place> {
  for (const waiter of [...hall.due]) {
    yield { waiter, group: undefined, groupTurn: 0, flow: undefined, flowTurn: 0 };
  }
  const lines = hall.groups.map((group) => ({ group, groupTurn: 0, walks: walksOf(group) }));
  for (;;) {
    const line = earliest(lines, ({ group, groupTurn }) => group.turns.due[groupTurn]);
    if (line === undefined) return;
    const walk = earliest(line.walks, ({ flow, flowTurn }) => flow.turns.due[flowTurn]);
    const waiter = walk?.flow.waiters[walk.flowTurn];
    if (walk === undefined || waiter === undefined) return;
    const { group, groupTurn } = line;
    const { flow, flowTurn } = walk;
    yield { waiter, group, groupTurn, flow, flowTurn };
    line.groupTurn += 1;
    walk.flowTurn += 1;
  }
}

function walksOf({ flows }: Group): { readonly flow: Flow; flowTurn: number }[] {
  return [...flows.values()].map((flow) => ({ flow, flowTurn: 0 }));
}

/** Of equals the first: the higher class, the collector that came first. Undefined: all are through. */
function earliest<T>(list: readonly T[], dueOf: (one: T) => number | undefined): T | undefined {
  let first: T | undefined;
  let firstDue = Infinity;
  for (const one of list) {
    const due = dueOf(one);
    if (due === undefined || due >= firstDue) continue;
    first = one;
    firstDue = due;
  }
  return first;
}

export function failed(
  cause: AcquireFailure['cause'],
  detail: string,
  more: { readonly until?: number | undefined; readonly bucket?: string | undefined } = {},
): AcquireFailure {
  return {
    ok: false,
    cause,
    ...(more.until !== undefined && { until: more.until }),
    ...(more.bucket !== undefined && { bucket: more.bucket }),
    detail,
  };
}
