/**
 * Realistic histories: real commands, decided and folded by the real kinds. A collector runs every few
 * minutes; now and then its upstream throttles or breaks.
 */
import {
  breakerKind,
  defaultPolicy,
  type BreakerCommand,
  type BreakerContext,
  type BreakerFact,
  type FinishedCall,
} from '../../src/actors/breaker/index.js';
import {
  collectorKind,
  type CollectorCommand,
  type CollectorContext,
  type CollectorFact,
} from '../../src/actors/collector/index.js';
import {
  limiterKind,
  type LimiterCommand,
  type LimiterContext,
  type LimiterFact,
} from '../../src/actors/limiter/index.js';
import { lifeOf, random, type Life } from './life.js';

export const BEGIN = Date.UTC(2026, 0, 5, 12);
export const RUN_EVERY_MS = 300_000;
/** Calls of one run. */
const CALLS = 5;
/** One run in so many ends badly. */
const TROUBLE_EVERY = 40;
const REQUEST_TIMEOUT_MS = 10_000;

export type Trio = {
  readonly collector: Life<CollectorCommand, CollectorFact>;
  readonly breaker: Life<BreakerCommand, BreakerFact>;
  readonly limiter: Life<LimiterCommand, LimiterFact>;
  /** Its n-th run, from 0: about six events. */
  run(ordinal: number): void;
  /** As a process that stops in good order leaves it. */
  stop(): void;
};

/** A collector with its breaker and a scope of its own. */
export function trio(name: string): Trio {
  const collector = lifeOf<CollectorContext, CollectorCommand, CollectorFact>(
    collectorKind,
    `collector-${name}`,
  );
  const breaker = lifeOf<BreakerContext, BreakerCommand, BreakerFact>(
    breakerKind,
    `breaker-${name}`,
  );
  const limiter = lifeOf<LimiterContext, LimiterCommand, LimiterFact>(
    limiterKind,
    `limiter-${name}`,
  );
  collector.tell(collectorConfiguration(name), BEGIN);
  collector.tell({ type: 'Connected' }, BEGIN);
  breaker.tell(breakerConfiguration(name), BEGIN);
  limiter.tell(limiterConfiguration(name), BEGIN);
  return {
    collector,
    breaker,
    limiter,
    run(ordinal) {
      const at = BEGIN + (ordinal + 1) * RUN_EVERY_MS;
      const isTrouble = ordinal % TROUBLE_EVERY === TROUBLE_EVERY - 1;
      runCollector(collector, name, ordinal, at, isTrouble);
      spend(limiter, name, ordinal, at, isTrouble);
      report(breaker, at, isTrouble);
    },
    stop() {
      const at = Math.max(collector.lastAt(), limiter.lastAt(), breaker.lastAt()) + 1000;
      collector.tell({ type: 'Shutdown', drainMs: 1000 }, at);
    },
  };
}

function collectorConfiguration(name: string): CollectorCommand {
  return {
    type: 'Configure',
    name,
    collectorType: 'onchain',
    source: 'moralis',
    enabled: true,
    enabledReason: 'by configuration',
    schedule: { intervalMs: RUN_EVERY_MS, cron: '', zone: '', jitter: 0 },
    scopes: [name],
    upstreams: ['primary'],
    requestTimeoutMs: REQUEST_TIMEOUT_MS,
    missingKey: '',
    hasApiKey: true,
    upstreamMode: 'sandbox',
    options: '{}',
    expectedEveryMs: RUN_EVERY_MS,
  };
}

function breakerConfiguration(name: string): BreakerCommand {
  const pollIntervalMs = RUN_EVERY_MS;
  const cadence = { pollIntervalMs, requestTimeoutMs: REQUEST_TIMEOUT_MS, maxWaitMs: 10_000 };
  const policy = defaultPolicy(cadence);
  return { type: 'Configure', collector: name, upstream: 'primary', policy, pollIntervalMs };
}

function limiterConfiguration(name: string): LimiterCommand {
  const requests = { name: 'requests', kind: 'rolling', limit: 25, windowMs: 1000, unit: 'call' };
  const units = { name: 'units', kind: 'fixed', limit: 3_000_000, windowMs: 0, unit: 'CU' };
  const month = { period: 'month', zone: 'UTC', anchorDay: 1 };
  return {
    type: 'Configure',
    scope: name,
    collectors: [name],
    buckets: [
      { ...requests, burst: 5, period: '', zone: '', anchorDay: 0, quota: false, priceMicros: 0 },
      { ...units, burst: 1, ...month, quota: true, priceMicros: 10 },
    ],
    maxRequestsPerSecond: 3,
    backoffMultiplier: 2,
    maxBackoff: 10,
    recoveryWindowMs: 60_000,
    floorRate: 1 / 300,
    margin: 0.05,
    tier: 'Pro',
    currency: 'USD',
  };
}

function runCollector(
  life: Trio['collector'],
  name: string,
  ordinal: number,
  at: number,
  isTrouble: boolean,
): void {
  const run = `run-${name}-${String(ordinal)}`;
  life.tell({ type: 'StartRun', run, trigger: 'schedule', priority: 'live' }, at);
  const cursor = JSON.stringify({
    block: 19_000_000 + ordinal * 100,
    page: 'eyJhbGciOiJIUzI1NiJ9',
  });
  const counts = { ordinal, records: 100, newRecords: 97, newestAt: at - 12_000 };
  const page = { series: 'transfers/0xdac17f958d2ee523', cursor, ...counts, gaps: [] };
  life.tell({ type: 'Progress', run, page }, at + 400);
  const outcome = isTrouble ? 'server' : 'ok';
  const end = { message: isTrouble ? 'HTTP 503' : '', endpoint: 'transfers', status: 200 };
  const told = { ...end, outcome, calls: CALLS, latencyP95Ms: 212 };
  life.tell({ type: 'FinishRun', run, end: told }, at + 900);
}

function spend(
  life: Trio['limiter'],
  collector: string,
  ordinal: number,
  at: number,
  isTrouble: boolean,
): void {
  life.lapse(at);
  const block = random.uuid();
  const run = `run-${collector}-${String(ordinal)}`;
  const units = [
    { bucket: 'requests', units: CALLS },
    { bucket: 'units', units: CALLS * 50 },
  ];
  const expiresAt = at + 2000;
  life.tell({ type: 'Reserve', block, collector, run, calls: CALLS, units, expiresAt }, at);
  const endpoint = 'transfers';
  const usage = [{ endpoint, outcome: 'ok', calls: CALLS, charged: units }];
  const told = { block, sent: CALLS, charged: units, usage, lastSentAt: at + 800, delayed: 0 };
  life.tell({ type: 'Settle', ...told }, at + 2000);
  if (!isTrouble) return;
  life.tell({ type: 'ReportThrottle', collector, endpoint, status: 429 }, at + 2100);
}

function report(life: Trio['breaker'], at: number, isTrouble: boolean): void {
  life.lapse(at);
  const { generation } = life.state().context as BreakerContext;
  const calls = Array.from({ length: CALLS }, (_, n): FinishedCall => {
    const outcome = isTrouble ? 'server' : 'ok';
    return {
      at: at + n * 180,
      outcome,
      durationMs: 120 + n * 7.5,
      endpoint: 'transfers',
      generation,
    };
  });
  life.tell({ type: 'ReportCalls', calls }, at + 1000);
}
