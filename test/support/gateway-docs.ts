/** Documents of a well collector with round numbers, as the read models hold them. */
import type { LiveCollector } from '../../src/actors/engine.js';
import type {
  BreakerDoc,
  CollectorDoc,
  CollectorDocs,
  CostView,
  HealthCheck,
  HealthView,
  LimiterDoc,
  PastView,
} from '../../src/projections/views.js';

export const NOW = Date.UTC(2026, 0, 5, 12);
export const MINUTE = 60_000;
const DAY = 86_400_000;

export function collectorDoc(name: string): CollectorDoc {
  return {
    name,
    type: 'onchain',
    source: name,
    registeredAt: NOW - DAY,
    desired: { enabled: true, reason: 'configured', actor: 'system', until: null },
    suspended: null,
    phase: 'idle',
    phaseSince: NOW - MINUTE,
    schedule: { intervalMs: 5 * MINUTE, cron: '', zone: '', jitter: 0.1 },
    scopes: [`${name}-account`],
    upstreams: ['primary'],
    requestTimeoutMs: 10_000,
    missingKey: '',
    hasApiKey: true,
    upstreamMode: 'sandbox',
    expectedEveryMs: 5 * MINUTE,
    nextDueAt: NOW + 4 * MINUTE,
    blocked: null,
    runs: {
      started: 12,
      succeeded: 11,
      failed: 1,
      unknown: 0,
      blocked: 0,
      skipped: 0,
      consecutiveFailures: 0,
    },
    records: { collected: 420, added: 400 },
    lastRun: {
      run: 'r-12',
      trigger: 'schedule',
      startedAt: NOW - 65_000,
      endedAt: NOW - MINUTE,
      outcome: 'ok',
      message: '',
    },
    lastSuccessAt: NOW - MINUTE,
    lastNewDataAt: NOW - MINUTE,
    runsWithoutNews: 0,
    cursors: {},
    gaps: [],
  };
}

export function breakerDoc(collector: string, upstream = 'primary'): BreakerDoc {
  return {
    stream: `breaker-${collector}`,
    collector,
    upstream,
    computed: 'closed',
    override: null,
    generation: 1,
    consecutiveFailures: 0,
    policy: {
      failureThreshold: 5,
      minimumCalls: 10,
      failureRate: 0.5,
      slowRate: 1,
      slowCallMs: 5_000,
      windowMs: 100 * MINUTE,
      openMs: 300_000,
      openMultiplier: 1.5,
      openMaxMs: 3_600_000,
      halfOpenPermits: 3,
      successThreshold: 2,
    },
    configRevision: 1,
    window: { at: NOW - MINUTE, calls: 50, failures: 1, slow: 0 },
    openedAt: null,
    retryAt: null,
    openDelayMs: null,
    failedRecoveries: 0,
    halfOpen: null,
    lastFailureAt: NOW - 30 * MINUTE,
    lastChangeAt: NOW - DAY,
    statistics: {
      totalFailures: 7,
      totalSuccesses: 700,
      circuitOpens: 1,
      successfulRecoveries: 1,
      failedRecoveries: 0,
      timeInOpenMs: 300_000,
      lastOpenAt: NOW - DAY / 2,
    },
    lastCalls: [],
  };
}

export function limiterDoc(collector: string): LimiterDoc {
  return {
    scope: `${collector}-account`,
    collectors: [collector],
    tier: 'Pro',
    currency: 'USD',
    maxRequestsPerSecond: 5,
    backoffMultiplier: 2,
    maxBackoff: 64,
    recoveryWindowMs: MINUTE,
    floorRate: 0.001,
    buckets: [],
    caps: {},
    episode: null,
    learned: null,
    blocked: null,
    blockedBuckets: {},
    observed: {},
    usage: {
      [collector]: {
        calls: 1234,
        throttled: 3,
        delayed: 5,
        lastRequestAt: NOW - MINUTE,
        endpoints: {
          transfers: { requests: 500, rateLimit: 3000, remaining: 2500, resetAt: NOW + MINUTE },
        },
      },
    },
    backoffs: 2,
    throttledAnswers: 3,
    adjustments: 4,
    lastAdjustmentAt: NOW - 2 * MINUTE,
  };
}

export function docsOf(name: string): CollectorDocs {
  return {
    collector: collectorDoc(name),
    breakers: [breakerDoc(name)],
    limiters: [limiterDoc(name)],
    revision: 3,
    etag: '4.0.0',
  };
}

export const HEALTH: HealthView = {
  health: 'healthy',
  score: 0.98,
  parts: { successRatio: 0.99, freshness: 1, latency: 0.95, quotaHeadroom: 0.97 },
  stale: false,
  stalled: false,
};

export const COST: CostView = {
  tier: 'Pro',
  currency: 'USD',
  period: { kind: 'month', start: Date.UTC(2026, 0, 1), end: Date.UTC(2026, 1, 1) },
  quota: 3_000_000,
  quotaUnit: 'compute units',
  pricePerUnitMicros: 10,
  apiCalls: 1234,
  units: 1234,
  costMicros: 12_340,
  monthCostMicros: 12_340,
  quotaRemaining: 2_998_766,
  burnRate: 11.5,
  forecastUnits: 8_556,
  exhaustsAt: null,
};

export function check(at: number, health = 'healthy'): HealthCheck {
  return {
    at,
    health,
    run: 'r-1',
    outcome: health === 'healthy' ? 'ok' : 'server',
    message: '',
    durationMs: 1200,
    records: 10,
    newRecords: 9,
    latencyP95Ms: 230,
  };
}

export function liveOf(name: string): LiveCollector {
  return {
    phase: 'idle',
    why: { sentence: 'it waits for its next run', changesAt: NOW + 4 * MINUTE },
    limiters: {
      [`${name}-account`]: {
        currentRate: 5,
        currentBackoff: 1,
        queued: 0,
        counters: { admitted: 1234, delayed: 5, rejected: 0 },
      },
    },
    breakers: { primary: { inFlight: 0, halfOpenAdmitted: 0 } },
    revision: '2.1.1',
  };
}

/** As if these had been the documents at `at`. */
export function pastOf(docs: CollectorDocs, at: number): PastView {
  return {
    docs,
    health: { ...HEALTH, health: docs.collector.desired.enabled ? 'healthy' : 'disabled' },
    checks: Array.from({ length: 9 }, (_, i) => check(at - i * MINUTE)),
    healthStatistics: { totalChecks: 9, healthy: 8, failed: 0, degraded: 1 },
    costs: { ...COST, apiCalls: 700 },
    callsToday: 77,
    revision: '3.1.4',
  };
}
