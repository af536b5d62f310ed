/** Random but plausible histories of two collectors, three breakers and two scopes. */
import fc from 'fast-check';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/kernel/time.js';
import type { JsonObject } from '../../src/kernel/types.js';
import type { Told } from './projection-journal.js';

export const BEGIN = Date.UTC(2026, 0, 14, 9, 30);
export const NAMES = ['alpha', 'alpha-2'] as const;
/** The first scope has a quota whose month begins on the 15th in New York; the second has none. */
export const SCOPES = ['shared', 'own'] as const;
const BREAKERS = ['breaker-alpha', 'breaker-alpha.second', 'breaker-alpha-2'] as const;

const POLICY = {
  failureThreshold: 5,
  minimumCalls: 10,
  failureRate: 0.5,
  slowRate: 1,
  slowCallMs: 5000,
  windowMs: 60_000,
  openMs: 300_000,
  openMultiplier: 1.5,
  openMaxMs: 3_600_000,
  openJitter: 0.1,
  halfOpenPermits: 3,
  successThreshold: 2,
  halfOpenDeadlineMs: 120_000,
};

export function scopeConfigured(atMs: number, scope: string, priceMicros: number): Told {
  const quota = {
    name: 'cu',
    kind: 'fixed',
    limit: 5000,
    period: 'month',
    unit: 'CU',
    quota: true,
  };
  const where = { zone: 'America/New_York', anchorDay: 15 };
  const requests = { name: 'requests', kind: 'rolling', limit: 10, windowMs: 1000, priceMicros: 3 };
  const buckets = scope === 'shared' ? [requests, { ...quota, ...where, priceMicros }] : [requests];
  const rates = { maxRequestsPerSecond: 5, backoffMultiplier: 2, maxBackoff: 8 };
  const collectors = scope === 'shared' ? [...NAMES] : ['alpha-2'];
  const data = { atMs, scope, collectors, buckets, ...rates, tier: 'Pro', currency: 'USD' };
  return { stream: `limiter-${scope}`, type: 'ScopeConfigured', data };
}

/** What every history begins with. */
export function foundation(atMs = BEGIN): readonly Told[] {
  const collectors = NAMES.flatMap((name): readonly Told[] => [
    {
      stream: `collector-${name}`,
      type: 'CollectorRegistered',
      data: { atMs, name, collectorType: 'onchain', source: 'fake', enabled: true },
    },
    {
      stream: `collector-${name}`,
      type: 'CollectorConfigured',
      data: {
        atMs,
        schedule: { intervalMs: 5 * MINUTE_MS },
        scopes: name === 'alpha' ? ['shared'] : ['own', 'shared'],
        upstreams: ['primary'],
        requestTimeoutMs: 10_000,
        hasApiKey: true,
      },
    },
  ]);
  const breakers = BREAKERS.map((stream): Told => {
    const collector = stream === 'breaker-alpha-2' ? 'alpha-2' : 'alpha';
    const upstream = stream.endsWith('.second') ? 'second' : 'primary';
    const data = { atMs, policy: POLICY, configRevision: 1, collector, upstream };
    return { stream, type: 'BreakerConfigured', data };
  });
  return [...collectors, ...breakers, ...SCOPES.map((scope) => scopeConfigured(atMs, scope, 7))];
}

/** One step of a history: who, what, how much later, and a number for whatever needs one. */
type Step = {
  readonly what: string;
  readonly who: number;
  readonly laterMs: number;
  readonly n: number;
};

const STEPS = [
  'run-ok',
  'run-ok',
  'run-ok',
  'run-failed',
  'run-unknown',
  'run-blocked',
  'intent',
  'suspension',
  'calls',
  'calls',
  'breaker',
  'force',
  'block',
  'block',
  'block',
  'open-block',
  'expired-block',
  'throttle',
  'observe',
  'price',
] as const;

const step: fc.Arbitrary<Step> = fc.record({
  what: fc.constantFrom(...STEPS),
  who: fc.nat({ max: 5 }),
  laterMs: fc.oneof(
    { weight: 8, arbitrary: fc.integer({ min: 0, max: 90_000 }) },
    { weight: 3, arbitrary: fc.integer({ min: 0, max: 3 * HOUR_MS }) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 3 * DAY_MS }) },
  ),
  n: fc.nat({ max: 30 }),
});

/** Events in the order of the journal; times never run backwards. */
export function histories(maxSteps = 60, minSteps = 1): fc.Arbitrary<readonly Told[]> {
  return fc.array(step, { minLength: minSteps, maxLength: maxSteps }).map((steps) => {
    let at = BEGIN;
    const told = steps.flatMap((each, index) => {
      at += each.laterMs;
      return (TELLERS[each.what] ?? nothing)({ ...each, at, id: `i${String(index)}` });
    });
    return forwards([...foundation(), ...told]);
  });
}

/** A7: what a step told of the moments after it may be later than the next step; a stream never goes back. */
function forwards(told: readonly Told[]): readonly Told[] {
  const last = new Map<string, number>();
  return told.map((each) => {
    const atMs = Math.max(each.data.atMs, last.get(each.stream) ?? 0);
    last.set(each.stream, atMs);
    return { ...each, data: { ...each.data, atMs } };
  });
}

type Moment = Step & { readonly at: number; readonly id: string };
type Teller = (moment: Moment) => readonly Told[];

const nothing: Teller = () => [];

function pick<T>(from: readonly T[], index: number): T {
  const found = from[index % from.length];
  if (found === undefined) throw new Error('nothing to pick from');
  return found;
}

const onCollector = ({ who }: Moment) => {
  const stream = `collector-${pick(NAMES, who)}`;
  return (type: string, data: JsonObject & { readonly atMs: number }): Told => ({
    stream,
    type,
    data,
  });
};

const OUTCOMES = ['server', 'throttled', 'bad_data', 'auth', 'crashed', 'cancelled', 'blocked'];
const CAUSES = ['breaker', 'rate_limit', 'quota', 'ban', 'key'];

const runOk: Teller = (moment) => {
  const { at: atMs, n, id: run } = moment;
  const fact = onCollector(moment);
  const records = { records: n, newRecords: n % 3 === 0 ? 0 : n };
  const page = { cursor: `"${run}"`, ordinal: n, newestAtMs: atMs - 1000, ...records };
  const gaps = n % 5 === 0 ? [{ fromMs: 1, toMs: 2, missing: n }] : [];
  const nextDueMs = atMs + 5 * MINUTE_MS;
  return [
    fact('RunStarted', { atMs, run, trigger: 'schedule', priority: 'live', skipped: n % 2 }),
    fact('RunProgressed', { atMs, run, series: `s${String(n % 3)}`, ...page, gaps }),
    fact('RunSucceeded', { atMs, run, calls: n, latencyP95Ms: n * 100, ...records, nextDueMs }),
  ];
};

const runFailed: Teller = (moment) => {
  const { at: atMs, n, id: run } = moment;
  const fact = onCollector(moment);
  const outcome = pick(OUTCOMES, n);
  const cause = pick(CAUSES, n);
  const failed = {
    outcome,
    message: 'it did not work',
    calls: 1,
    durationMs: n,
    consecutive: n % 4,
  };
  const blocked = fact('RunBlocked', { atMs, cause, detail: 'closed', nextDueMs: atMs + 1000 });
  return [
    fact('RunStarted', { atMs, run, trigger: 'manual', priority: 'probe' }),
    fact('RunFailed', { atMs, run, ...failed, nextDueMs: atMs + 1000 }),
    ...(outcome === 'blocked' || n % 2 === 0 ? [blocked] : []),
  ];
};

const calls: Teller = ({ at: atMs, who, n }) => {
  const all = Array.from({ length: n }, (_, i) => ({
    offsetMs: i * 10,
    outcome: pick(['ok', 'server', 'ok', 'bad_data', 'throttled'], i + who),
    durationMs: i,
    endpoint: '/a',
    generation: 1 + (n % 2),
  }));
  const left = { consecutiveFailures: n % 4, windowCalls: n, windowFailures: n % 7, windowSlow: 1 };
  const data = { atMs, baseMs: atMs - 500, calls: all, ...left };
  return [{ stream: pick(BREAKERS, who), type: 'CallsRecorded', data }];
};

/** Round and round: trip, probe, reopen, probe, recover, reset. */
const breaker: Teller = ({ at: atMs, who, n }) => {
  const open = { retryAtMs: atMs + 1000, delayMs: 1000 };
  const change = (trigger: string) => ({
    transition: { from: 'closed', to: 'open', trigger, consecutiveFailures: 5, policy: POLICY },
    generation: n,
  });
  const [type, data] = pick<readonly [string, JsonObject]>(
    [
      ['BreakerTripped', { ...change('consecutive_failures'), ...open }],
      ['BreakerProbing', change('timer')],
      ['BreakerReopened', { ...change('probe_failed'), ...open, failedRecoveries: 1 }],
      ['BreakerReopened', { ...change('restart'), ...open, failedRecoveries: 1 }],
      ['BreakerRecovered', { ...change('probes_succeeded'), openForMs: n * 1000 }],
      ['BreakerReset', change('manual')],
    ],
    n,
  );
  return [{ stream: pick(BREAKERS, who), type, data: { ...data, atMs } }];
};

const force: Teller = ({ at: atMs, who, n }) => {
  const override = pick(['forced_open', 'metrics_only', 'disabled'], n);
  const forced = { override, reason: 'test', actor: 'ops', generation: n };
  const stream = pick(BREAKERS, who);
  return n % 2 === 0
    ? [{ stream, type: 'BreakerForced', data: { atMs, ...forced } }]
    : [
        {
          stream,
          type: 'BreakerOverrideCleared',
          data: { atMs, cause: 'operator', generation: n },
        },
      ];
};

/** 0: settled · 1: never settled · 2: expired */
const block =
  (end: 'settled' | 'open' | 'expired'): Teller =>
  ({ at: atMs, who, n, id }) => {
    const scope = pick(SCOPES, who);
    const collector = scope === 'own' ? 'alpha-2' : pick(NAMES, n);
    const stream = `limiter-${scope}`;
    const sent = Math.min(n, 3);
    const units = [
      { bucket: 'requests', units: 3 },
      ...(scope === 'shared' ? [{ bucket: 'cu', units: 25.5 }] : []),
    ];
    const charged = [
      { bucket: 'requests', units: sent },
      ...(scope === 'shared' ? [{ bucket: 'cu', units: n * 3 }] : []),
    ];
    const reserved = { atMs, block: id, collector, run: 'r', calls: 3, units };
    const usage = [{ endpoint: '/a', outcome: n % 4 === 0 ? 'throttled' : 'ok', calls: sent }];
    const spent = { sent, charged, usage, delayed: n % 2, lastSentAtMs: atMs + 100 };
    const settled = { atMs: atMs + 200, block: id, collector, cause: 'settled', ...spent };
    const expired = { atMs: atMs + 200, block: id, collector, cause: 'expired', sent: 3 };
    const begun: Told = { stream, type: 'UnitsReserved', data: reserved };
    if (end === 'open') return [begun];
    return [begun, { stream, type: 'UnitsSettled', data: end === 'settled' ? settled : expired }];
  };

const throttle: Teller = ({ at: atMs, who, n }) => {
  const stream = `limiter-${pick(SCOPES, who)}`;
  const cut = { backoff: 2, cuts: 1, wMax: 4, pauseUntilMs: atMs + 1000, collector: 'alpha-2' };
  const [type, data] = pick<readonly [string, JsonObject]>(
    [
      ['Throttled', cut],
      ['RateRecovered', { rate: n, backoff: 1.5 }],
      ['RateRecovered', { rate: n, backoff: 1, episodeEnded: true }],
      ['ScopeBlocked', { cause: 'banned', untilMs: atMs + 1000 }],
      ['BucketBlocked', { bucket: 'cu', cause: 'local_quota', untilMs: atMs + 1000 }],
      ['Unblocked', { bucket: n % 2 === 0 ? '' : 'cu', cause: 'expired' }],
      ['RateLimitConfigured', { collector: 'alpha-2', maxRequestsPerSecond: n }],
    ],
    n,
  );
  return [{ stream, type, data: { ...data, atMs } }];
};

const TELLERS: Readonly<Record<string, Teller>> = {
  'run-ok': runOk,
  'run-failed': runFailed,
  'run-unknown': (moment) => {
    const { at: atMs, id: run } = moment;
    const begun = { atMs, run, trigger: 'schedule', priority: 'live' };
    const fact = onCollector(moment);
    return [fact('RunStarted', begun), fact('RunUnknown', { atMs, run, cause: 'crash' })];
  },
  'run-blocked': (moment) => {
    const { at: atMs, n } = moment;
    const blocked = { cause: pick(CAUSES, n), detail: 'closed', nextDueMs: atMs + 60_000 };
    return [onCollector(moment)('RunBlocked', { atMs, ...blocked })];
  },
  intent: (moment) => {
    const { at: atMs, n } = moment;
    const type = n % 2 === 0 ? 'CollectorDisabled' : 'CollectorEnabled';
    return [onCollector(moment)(type, { atMs, reason: 'test', actor: 'ops' })];
  },
  suspension: (moment) => {
    const { at: atMs, n } = moment;
    const fact = onCollector(moment);
    return n % 2 === 0
      ? [fact('CollectorSuspended', { atMs, cause: 'auth', detail: '401' })]
      : [fact('SuspensionLifted', { atMs, cause: 'operator' })];
  },
  calls,
  breaker,
  force,
  block: block('settled'),
  'open-block': block('open'),
  'expired-block': block('expired'),
  throttle,
  observe: ({ at: atMs, who, n }) => {
    const seen = { bucket: 'cu', limit: 5000, remaining: 5000 - n, endpoint: '/a' };
    return [
      { stream: `limiter-${pick(SCOPES, who)}`, type: 'QuotaObserved', data: { atMs, ...seen } },
    ];
  },
  price: ({ at, n }) => [scopeConfigured(at, 'shared', n)],
};
