/** The real engine with one collector of the test's own source, over a test host and a wire by hand. */
import { Type } from '@sinclair/typebox';
import {
  HOST_LIMITS,
  RETRY_LIMITS,
  startEngine,
  startHost,
  type CollectorSetup,
  type Member,
  type RunningEngine,
} from '../../src/actors/index.js';
import { defaultPolicy } from '../../src/actors/breaker/index.js';
import { silentLogger } from '../../src/kernel/observe.js';
import { seededRandom } from '../../src/kernel/random.js';
import type { Cancel, Clock } from '../../src/kernel/time.js';
import type { JsonObject } from '../../src/kernel/types.js';
import {
  memoryRecordSink,
  memoryRecords,
  type MemoryRecords,
  type MemoryRecordSink,
} from '../../src/records/records.memory.js';
import type { RecordSink } from '../../src/records/port.js';
import type {
  RequestFailure,
  SourceContext,
  SourceDefinition,
  SourcePage,
} from '../../src/sources/port.js';
import { CALL, profile } from './door-bench.js';
import { handTransport, type HandTransport } from './door-transport.js';
import { byOperator, testHost, type TestHost } from './host.js';

export type Collect = (
  context: SourceContext<JsonObject>,
) => AsyncGenerator<SourcePage, RequestFailure | undefined>;

export type EngineBench = TestHost & {
  readonly engine: RunningEngine;
  readonly member: Member;
  readonly wire: HandTransport;
  readonly sink: MemoryRecordSink;
  readonly records: MemoryRecords;
  facts(type: string): readonly JsonObject[];
  /** Types of the collector's facts since the last look. */
  news(): readonly string[];
  /** The process dies: nothing of it acts any more. */
  kill(): void;
};

export type EngineBenchOptions = {
  readonly collect?: Collect;
  readonly setup?: Partial<CollectorSetup>;
  /** What a process before this one left behind; it is killed now. */
  readonly after?: TestHost & { readonly records: MemoryRecords; readonly kill: () => void };
  /** The ports to start over, e.g. a journal that fails. */
  readonly host?: TestHost;
  /** Something between the engine and its sink. */
  readonly through?: (sink: RecordSink) => RecordSink;
};

export const MINUTE = 60_000;
const anything = Type.Object({ ok: Type.Boolean() });

/** One call, one page with one record, named after the count of the page. */
export async function* onePage(
  context: SourceContext<JsonObject>,
): AsyncGenerator<SourcePage, RequestFailure | undefined> {
  const reply = await context.request(CALL, { path: '/page', schema: anything });
  if (!reply.ok) return reply;
  const next = Number(context.cursor('numbers') ?? 0) + 1;
  yield pageOf(next, context.now());
  return undefined;
}

export function pageOf(next: number, at: number): SourcePage {
  const record = { id: `n:${String(next)}`, kind: 'number', series: 'numbers', at, data: { next } };
  return { series: 'numbers', records: [record], cursor: next };
}

function sourceOf(collect: Collect): SourceDefinition {
  return {
    name: 'one',
    type: 'market_data',
    description: 'a test',
    options: Type.Object({}),
    defaults: {},
    paid: false,
    intervalMs: MINUTE,
    upstreams: { primary: profile },
    expectedEveryMs: () => MINUTE,
    collect,
  };
}

function setupOf(collect: Collect, more: Partial<CollectorSetup>): CollectorSetup {
  const timing = { pollIntervalMs: MINUTE, requestTimeoutMs: 10_000, maxWaitMs: 30_000 };
  return {
    name: 'one',
    source: sourceOf(collect),
    options: {},
    enabled: true,
    enabledReason: 'a test',
    schedule: { intervalMs: MINUTE, cron: '', zone: '', jitter: 0 },
    cadenceMs: MINUTE,
    requestTimeoutMs: 10_000,
    missingKey: '',
    hasApiKey: false,
    upstreamMode: 'sandbox',
    upstreams: {
      primary: { profile, scope: 'scope', allowLoopback: false, keys: {}, missingKeys: [] },
    },
    rate: { backoffMultiplier: 2, maxBackoff: 16 },
    breaker: defaultPolicy(timing),
    ...more,
  };
}

/** The clock as one process sees it: when it is killed its timers are gone, and it can arm none. */
function mortal(clock: Clock): { readonly clock: Clock; readonly kill: () => void } {
  const armed = new Set<Cancel>();
  let isDead = false;
  return {
    clock: {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      after(delay, task) {
        if (isDead) return () => undefined;
        const cancel = clock.after(delay, () => {
          armed.delete(cancel);
          task();
        });
        armed.add(cancel);
        return () => {
          armed.delete(cancel);
          cancel();
        };
      },
    },
    kill() {
      isDead = true;
      for (const cancel of armed) cancel();
      armed.clear();
    },
  };
}

/** Started; nothing has run yet. */
export async function engineBench(options: EngineBenchOptions = {}): Promise<EngineBench> {
  const { after, collect = onePage, through = (sink: RecordSink) => sink } = options;
  after?.kill();
  const held = options.host ?? testHost(after === undefined ? {} : { after });
  const { journal, snapshots, store } = held;
  const { clock, kill } = mortal(held.clock);
  const host = startHost({
    journal,
    snapshots,
    clock,
    random: seededRandom(store.log.length + 1),
    log: silentLogger,
    node: 'test',
    epoch: 1,
    limits: HOST_LIMITS,
  });
  const wire = handTransport(clock);
  const records = after?.records ?? memoryRecords();
  const sink = memoryRecordSink({
    retention: { maxAgeMs: 1e12, perCollectorMax: 1e6 },
    store: records,
  });
  const random = seededRandom(11 + store.log.length);
  const limits = {
    permitWaitMaxMs: 30_000,
    permitQueueMax: 100,
    bodyBytesMax: 1_000_000,
    margin: 0,
    drainMs: 5000,
    retry: { ...RETRY_LIMITS, attemptsMax: 1 },
  };
  const engine = await startEngine(
    {
      host,
      transport: wire,
      sink: through(sink),
      evidence: sink,
      clock,
      random,
      log: silentLogger,
      limits,
    },
    [setupOf(collect, options.setup ?? {})],
  );
  const [member] = engine.members;
  if (member === undefined) throw new Error('one collector was started');
  let seen = 0;
  return {
    ...held,
    host,
    kill,
    engine,
    member,
    wire,
    sink,
    records,
    facts: (type) =>
      store.log.filter((row) => row.type === type).map((row) => JSON.parse(row.data) as JsonObject),
    news() {
      const rows = (store.streams.get('collector-one') ?? []).slice(seen);
      seen += rows.length;
      return rows.map((row) => row.type);
    },
  };
}

/** Lets time pass, a quarter of a second at a time, until it is so; fails after an hour. */
export async function until(
  { clock }: Pick<EngineBench, 'clock'>,
  isSo: () => boolean,
): Promise<void> {
  for (let quarters = 0; !isSo(); quarters += 1) {
    if (quarters > 4 * 3600) throw new Error('it did not come to that within an hour');
    await clock.advance(250);
  }
}

export { byOperator };
