/**
 * Judges what is stored, event by event, as the journal answers it: its own fold of every stream, beside
 * the engine's.
 *
 * P2  Each batch folds to the hash recorded with it, and the live state has that hash.
 * P5  Revisions are contiguous; `at` and `recordedAt` never run back; one command, one batch.
 * P9  A fact that a timer brought is owed by the state before it, not before its time, and once.
 * A6  Every stored fact has an arrow.
 */
import { breakerKind } from '../../src/actors/breaker/index.js';
import { collectorKind } from '../../src/actors/collector/index.js';
import { folder, type Folder } from '../../src/actors/fold.js';
import type { ActorState, AnyFact, Owed } from '../../src/actors/kind.js';
import { limiterKind } from '../../src/actors/limiter/index.js';
import { stateHash } from '../../src/actors/state-hash.js';
import { categoryOf } from '../../src/kernel/ids.js';
import type { JsonObject } from '../../src/kernel/types.js';
import type { MemoryStore } from '../../src/journal/journal.memory.js';
import type { EventMetadata } from '../../src/journal/port.js';
import type { SimReport } from './simulation-report.js';
import type { SimTime } from './simulation-time.js';

export type AnyState = ActorState<never>;
export type SeenFact = AnyFact & Readonly<Record<string, unknown>>;

type Timer = Extract<Owed, { kind: 'timer' }>;
type Kind = {
  readonly folder: Folder<unknown>;
  readonly decode: (type: string, schema: number, data: JsonObject) => SeenFact;
  readonly outstanding: (state: ActorState<unknown>) => readonly Owed[];
};

type StreamView = {
  readonly kind: Kind;
  state: ActorState<unknown>;
  revision: number;
  hash: string | undefined;
  lastAt: number;
  lastRecorded: string;
};

export type SimHistory = {
  /** Takes over what is stored of a stream, up to a revision. */
  follow(stream: string, upTo: number): void;
  /** Takes over everything that is stored. */
  catchUp(): void;
  /** A process begins: timers are armed anew, from what the states owe. */
  processBegins(): void;
  state(stream: string): AnyState | undefined;
  /** P2, P4: what a live actor holds is what its stream folds to. */
  compare(stream: string, revision: number, live: ActorState<unknown>): void;
  /** Timers that should have fired so long ago, by name. */
  overdue(byMs: number): readonly string[];
};

export type HistoryDeps = {
  readonly time: SimTime;
  readonly store: MemoryStore;
  readonly report: SimReport;
  /** Each fact, after it is folded. */
  readonly onFact: (stream: string, fact: SeenFact, metadata: EventMetadata) => void;
};

const KINDS: Readonly<Record<string, Kind>> = {
  collector: kindOf(collectorKind),
  breaker: kindOf(breakerKind),
  limiter: kindOf(limiterKind),
};

function kindOf(kind: typeof collectorKind | typeof breakerKind | typeof limiterKind): Kind {
  return {
    folder: folder<unknown>(kind.machine),
    decode: kind.codec.decode as unknown as Kind['decode'],
    outstanding: kind.outstanding as Kind['outstanding'],
  };
}

/** Events of other nodes come from the plan's offline tool: they carry no hash. */
const OURS = 'sim';
/** Moments are sums of fractions. */
const EPSILON_MS = 0.001;

export function simHistory(deps: HistoryDeps): SimHistory {
  const { time, store, report } = deps;
  const views = new Map<string, StreamView>();
  const timers = new Map<string, { generation: number; earliest: number }>();
  const view = (stream: string): StreamView => {
    const known = views.get(stream);
    if (known !== undefined) return known;
    const kind = KINDS[categoryOf(stream)];
    if (kind === undefined) throw new Error(`no kind for ${stream}`);
    const state = kind.folder.initial();
    const made = { kind, state, revision: -1, hash: undefined, lastAt: 0, lastRecorded: '' };
    views.set(stream, made);
    return made;
  };
  const ownTimers = ({ kind, state }: StreamView): readonly Timer[] =>
    kind.outstanding(state).filter((owed) => owed.kind === 'timer');

  /** What the host arms when a state is shown to it. */
  const arm = (stream: string, seen: StreamView): void => {
    const owed = ownTimers(seen);
    for (const key of timers.keys()) {
      const [of, name] = key.split('|');
      if (of === stream && !owed.some((timer) => timer.name === name)) timers.delete(key);
    }
    for (const { name, generation, dueAt, delayMs } of owed) {
      const key = `${stream}|${name}`;
      if (timers.get(key)?.generation === generation) continue;
      const left = Math.min(Math.max(0, dueAt - time.wall()), Math.max(0, delayMs));
      timers.set(key, { generation, earliest: time.monotonic() + left });
    }
  };

  const checkTimer = (stream: string, name: string, before: readonly Timer[]): void => {
    const owed = before.find((timer) => timer.name === name);
    const armed = timers.get(`${stream}|${name}`);
    if (owed === undefined || armed === undefined) {
      report.fail('P9', `${stream}: timer ${name} fired and nothing is owed under that name`);
      return;
    }
    const early = armed.earliest - time.monotonic();
    if (early > EPSILON_MS)
      report.fail('P9', `${stream}: timer ${name} fired ${String(early)} ms early`);
    const after = ownTimers(view(stream)).find((timer) => timer.name === name);
    if (after?.generation === owed.generation) {
      report.fail(
        'P9',
        `${stream}: timer ${name} is owed again with generation ${String(owed.generation)}`,
      );
    }
  };

  const follow = (stream: string, upTo: number): void => {
    const seen = view(stream);
    let before: readonly Timer[] | undefined;
    for (const row of (store.streams.get(stream) ?? []).slice(seen.revision + 1, upTo + 1)) {
      before ??= ownTimers(seen);
      const metadata = JSON.parse(row.metadata) as EventMetadata;
      const fact = seen.kind.decode(row.type, metadata.schema, JSON.parse(row.data) as JsonObject);
      checkOrder(report, seen, { stream, revision: row.revision, fact, metadata });
      const next = seen.kind.folder.apply(seen.state, fact);
      if (next === undefined) {
        report.fail('A6', `${stream}@${String(row.revision)}: no arrow for ${row.type}`);
        return;
      }
      seen.state = next;
      seen.revision = row.revision;
      seen.hash = undefined;
      const { revision, type } = row;
      report.note(() => {
        const why = metadata.reason ?? metadata.actor;
        return `${stream}@${String(revision)} ${type} ${gist(fact)} (${why})`;
      });
      deps.onFact(stream, fact, metadata);
      if (metadata.node !== OURS) before = undefined;
      if (metadata.stateHash === undefined) continue;
      seen.hash = stateHash(seen.state);
      if (seen.hash !== metadata.stateHash) {
        report.fail(
          'P2',
          `${stream}@${String(row.revision)} folds to another state than was recorded`,
        );
      }
      const timer = /^timer (\w+)$/.exec(metadata.reason ?? '')?.[1];
      if (timer !== undefined && metadata.actor === 'system')
        checkTimer(stream, timer, before ?? []);
      arm(stream, seen);
      before = undefined;
    }
  };

  return {
    follow,
    catchUp() {
      for (const stream of store.streams.keys()) follow(stream, Infinity);
    },
    processBegins() {
      timers.clear();
      for (const [stream, seen] of views) arm(stream, seen);
    },
    state: (stream) => views.get(stream)?.state as AnyState | undefined,
    compare(stream, revision, live) {
      const seen = view(stream);
      if (revision !== seen.revision) return;
      seen.hash ??= stateHash(seen.state);
      if (stateHash(live) === seen.hash) return;
      report.fail(
        'P4',
        `${stream}@${String(revision)}: the live state is not the fold of its stream`,
      );
    },
    overdue: (byMs) =>
      [...timers]
        .filter(([, { earliest }]) => earliest + byMs < time.monotonic())
        .map(([key]) => key),
  };
}

type Event = {
  readonly stream: string;
  readonly revision: number;
  readonly fact: SeenFact;
  readonly metadata: EventMetadata;
};

function checkOrder(report: SimReport, seen: StreamView, event: Event): void {
  const { stream, revision, fact } = event;
  const { recordedAt } = event.metadata;
  const where = `${stream}@${String(revision)}`;
  if (revision !== seen.revision + 1)
    report.fail('P5', `${where} follows ${String(seen.revision)}`);
  if (fact.atMs < seen.lastAt)
    report.fail('P5', `${where}: at runs back by ${String(seen.lastAt - fact.atMs)} ms`);
  if (recordedAt < seen.lastRecorded) report.fail('P5', `${where}: recordedAt runs back`);
  seen.lastAt = fact.atMs;
  seen.lastRecorded = recordedAt;
}

const GIST = [
  'cause',
  'outcome',
  'run',
  'calls',
  'sent',
  'rate',
  'delayMs',
  'shiftMs',
  'pauseUntilMs',
  'untilMs',
  'nextDueMs',
  'override',
  'detail',
  'message',
  'cursor',
];

/** The few fields of a fact that a reader looks for first. */
function gist(fact: SeenFact): string {
  return GIST.flatMap((name) => {
    const value = fact[name];
    if ((typeof value !== 'string' && typeof value !== 'number') || value === '') return [];
    return [`${name}=${String(value).slice(0, 60)}`];
  }).join(' ');
}
