/** The documents: what facts of each kind add up to. */
import { describe, expect, it } from 'vitest';
import { breakerCodec } from '../../src/actors/breaker/events.js';
import { collectorCodec } from '../../src/actors/collector/events.js';
import { limiterCodec } from '../../src/actors/limiter/events.js';
import type { JsonObject } from '../../src/kernel/types.js';
import { breakerDocAfter } from '../../src/projections/status-breaker.js';
import { collectorDocAfter } from '../../src/projections/status-collector.js';
import { limiterDocAfter } from '../../src/projections/status-limiter.js';
import type { BreakerDoc, CollectorDoc, LimiterDoc } from '../../src/projections/views.js';
import { foundation } from '../support/projection-history.js';

type Fact = readonly [type: string, data: JsonObject];

function collector(...facts: readonly Fact[]): CollectorDoc {
  const doc = facts.reduce<CollectorDoc | undefined>(
    (before, [type, data]) =>
      collectorDocAfter(before, collectorCodec.decode(type, 1, data), 'alpha'),
    undefined,
  );
  if (doc === undefined) throw new Error('no fact');
  return doc;
}

function breaker(...facts: readonly Fact[]): BreakerDoc {
  const configured = foundation().find(({ stream }) => stream === 'breaker-alpha');
  const first: Fact = ['BreakerConfigured', configured?.data ?? {}];
  const doc = [first, ...facts].reduce<BreakerDoc | undefined>(
    (before, [type, data]) =>
      breakerDocAfter(before, breakerCodec.decode(type, 1, data), 'breaker-alpha'),
    undefined,
  );
  if (doc === undefined) throw new Error('no fact');
  return doc;
}

function limiter(...facts: readonly Fact[]): LimiterDoc {
  const configured = foundation().find(({ stream }) => stream === 'limiter-own');
  const first: Fact = ['ScopeConfigured', configured?.data ?? {}];
  const doc = [first, ...facts].reduce<LimiterDoc | undefined>(
    (before, [type, data]) =>
      limiterDocAfter(before, limiterCodec.decode(type, 1, data), 'limiter-own'),
    undefined,
  );
  if (doc === undefined) throw new Error('no fact');
  return doc;
}

describe('the document of a collector', () => {
  const started: Fact = ['RunStarted', { atMs: 10, run: 'a', trigger: 'schedule' }];

  it('follows the phases of the chart', () => {
    const phases = (...facts: readonly Fact[]): readonly string[] =>
      facts.map((_, n) => collector(...facts.slice(0, n + 1)).phase);
    expect(
      phases(
        ['CollectorRegistered', { atMs: 1, name: 'alpha' }],
        ['CollectorEnabled', { atMs: 2 }],
        ['CollectorConnected', { atMs: 3, nextDueMs: 9 }],
        started,
        ['RunSucceeded', { atMs: 12, run: 'a' }],
        ['RunBlocked', { atMs: 13, cause: 'breaker' }],
        started,
        ['DrainStarted', { atMs: 14, cause: 'restart' }],
        ['RestartRequested', { atMs: 14 }],
        ['RunFailed', { atMs: 15, run: 'a', outcome: 'cancelled' }],
        ['CollectorStopped', { atMs: 15, cause: 'restart' }],
        ['RestartRequested', { atMs: 16 }],
        ['CollectorConnected', { atMs: 17 }],
      ),
    ).toEqual([
      'stopped',
      'starting',
      'idle',
      'collecting',
      'idle',
      'waiting',
      'collecting',
      'draining',
      'draining',
      'draining',
      'stopped',
      'restarting',
      'idle',
    ]);
  });

  it('keeps intent and automation apart', () => {
    const doc = collector(
      ['CollectorEnabled', { atMs: 1, reason: 'go', actor: 'ops', untilMs: 99 }],
      ['CollectorSuspended', { atMs: 2, cause: 'auth', detail: '401', nextTryMs: 50 }],
    );
    expect(doc.desired).toEqual({ enabled: true, reason: 'go', actor: 'ops', until: 99 });
    expect(doc.suspended).toEqual({ cause: 'auth', detail: '401', since: 2, nextTry: 50 });
  });

  it('counts runs, and successful ones that brought nothing new', () => {
    const doc = collector(
      started,
      ['RunProgressed', { atMs: 11, run: 'a', series: 's', cursor: '1', ordinal: 1, records: 3 }],
      ['RunSucceeded', { atMs: 12, run: 'a', records: 3 }],
      started,
      ['RunSucceeded', { atMs: 20, run: 'b' }],
      started,
      ['RunFailed', { atMs: 30, run: 'c', outcome: 'server', message: '503', consecutive: 1 }],
    );
    expect(doc.runs).toMatchObject({ started: 3, succeeded: 2, failed: 1, consecutiveFailures: 1 });
    expect(doc).toMatchObject({ runsWithoutNews: 2, lastSuccessAt: 20, lastNewDataAt: null });
    expect(doc.lastRun).toMatchObject({ endedAt: 30, outcome: 'server', message: '503' });
  });

  it('keeps the newest record time of a series while a backfill goes through old ones', () => {
    const page = { atMs: 1, run: 'a', series: 's', ordinal: 1, records: 1, newRecords: 1 };
    const doc = collector(
      ['RunProgressed', { ...page, cursor: '2', newestAtMs: 500 }],
      ['RunProgressed', { ...page, cursor: '1', newestAtMs: 100 }],
      ['CursorSet', { atMs: 3, series: 's', cursor: '0', ordinal: 7 }],
    );
    expect(doc.cursors).toEqual({ s: { cursor: '0', ordinal: 7, newestAt: 500 } });
    expect(doc.records).toEqual({ collected: 2, added: 2 });
  });

  it('shows the last ten gaps', () => {
    const gaps = Array.from({ length: 7 }, (_, n) => ({ fromMs: n, toMs: n + 1, missing: 1 }));
    const page = (cursor: string): Fact => ['RunProgressed', { series: 's', cursor, gaps }];
    expect(collector(page('1'), page('2')).gaps).toHaveLength(10);
  });

  it('expects data as often as the source says, else as it runs, else as cron did', () => {
    const schedule = { intervalMs: 300 };
    expect(collector(['CollectorConfigured', { schedule }]).expectedEveryMs).toBe(300);
    const said = { schedule, expectedEveryMs: 86_400 };
    expect(collector(['CollectorConfigured', said]).expectedEveryMs).toBe(86_400);
    const cron = collector(
      ['CollectorConfigured', { schedule: { cron: '0 9 * * *' } }],
      ['RunStarted', { atMs: 1000, run: 'a' }],
      ['RunSucceeded', { atMs: 1100, run: 'a', nextDueMs: 4000 }],
      ['RunBlocked', { atMs: 4000, cause: 'breaker', nextDueMs: 9000 }],
    );
    expect(cron.expectedEveryMs).toBe(3000);
  });

  it('takes a series with a dangerous name for what it is', () => {
    const page = { series: '__proto__', cursor: '1', ordinal: 1 };
    const doc = collector(['RunProgressed', page]);
    expect(Object.keys(doc.cursors)).toEqual(['__proto__']);
  });
});

describe('the document of a breaker', () => {
  const change = (trigger: string) => ({ trigger, consecutiveFailures: 5 });
  const tripped: Fact = [
    'BreakerTripped',
    { atMs: 100, transition: change('failure_rate'), generation: 2, retryAtMs: 400, delayMs: 300 },
  ];
  const probing: Fact = ['BreakerProbing', { atMs: 400, generation: 3 }];
  const reopened = (trigger: string, failedRecoveries: number): Fact => [
    'BreakerReopened',
    { atMs: 500, transition: change(trigger), generation: 4, retryAtMs: 950, failedRecoveries },
  ];

  it('remembers since when it is away from closed, over probes that failed', () => {
    const doc = breaker(tripped, probing, reopened('probe_failed', 1));
    expect(doc).toMatchObject({
      computed: 'open',
      openedAt: 100,
      retryAt: 950,
      failedRecoveries: 1,
    });
    expect(doc.statistics).toMatchObject({ circuitOpens: 2, failedRecoveries: 1, lastOpenAt: 500 });
  });

  it('does not take a restart for another opening', () => {
    const doc = breaker(tripped, probing, reopened('restart', 0));
    expect(doc.statistics).toMatchObject({ circuitOpens: 1, failedRecoveries: 0, lastOpenAt: 100 });
  });

  it('adds up the time it was away from closed', () => {
    const closed: Fact = [
      'BreakerRecovered',
      { atMs: 700, transition: change('probes_succeeded'), openForMs: 600, generation: 5 },
    ];
    const doc = breaker(tripped, probing, closed);
    expect(doc).toMatchObject({ computed: 'closed', openedAt: null, consecutiveFailures: 0 });
    expect(doc.statistics).toMatchObject({ timeInOpenMs: 600, successfulRecoveries: 1 });
  });

  it('counts probes by the generation they were admitted in', () => {
    const call = (generation: number, outcome: string) => ({ outcome, generation, offsetMs: 1 });
    const calls = [call(2, 'ok'), call(3, 'ok'), call(3, 'throttled'), call(3, 'server')];
    const doc = breaker(tripped, probing, ['CallsRecorded', { atMs: 450, baseMs: 440, calls }]);
    expect(doc.halfOpen).toEqual({ attempts: 2, successes: 1 });
    expect(doc.statistics).toMatchObject({ totalSuccesses: 2, totalFailures: 1 });
    expect(doc.lastFailureAt).toBe(441);
    expect(doc.lastCalls).toHaveLength(4);
  });

  it('shows what is computed and the override beside each other', () => {
    const forced: Fact = ['BreakerForced', { atMs: 1, override: 'forced_open', actor: 'ops' }];
    const doc = breaker(forced);
    expect(doc.computed).toBe('closed');
    expect(doc.override).toEqual({
      state: 'forced_open',
      reason: '',
      actor: 'ops',
      expiresAt: null,
    });
    expect(breaker(forced, ['BreakerOverrideCleared', { atMs: 2 }]).override).toBeNull();
  });

  it('forgets everything at a reset but its policy', () => {
    const call = { outcome: 'server', offsetMs: 1 };
    const doc = breaker(
      ['CallsRecorded', { atMs: 1, calls: [call], consecutiveFailures: 1 }],
      tripped,
      ['BreakerForced', { atMs: 200, override: 'forced_open' }],
      ['BreakerReset', { atMs: 300, generation: 9 }],
    );
    const { stream, upstream, ...fresh } = breaker();
    expect({ stream, upstream }).toEqual({ stream: 'breaker-alpha', upstream: 'primary' });
    expect(doc).toEqual({
      ...fresh,
      stream,
      upstream,
      generation: 9,
      lastChangeAt: 300,
      window: { at: 300, calls: 0, failures: 0, slow: 0 },
    });
  });
});

describe('the document of a scope', () => {
  const settled = (calls: number, outcome = 'ok'): Fact => [
    'UnitsSettled',
    {
      collector: 'alpha-2',
      sent: calls,
      usage: [{ endpoint: '/a', outcome, calls }],
      lastSentAtMs: 77,
    },
  ];

  it('adds up what was sent, by collector and endpoint', () => {
    const doc = limiter(settled(3), settled(2, 'throttled'));
    expect(doc.usage['alpha-2']).toMatchObject({ calls: 5, throttled: 2, lastRequestAt: 77 });
    expect(doc.usage['alpha-2']?.endpoints['/a']?.requests).toBe(5);
    expect(doc.throttledAnswers).toBe(2);
  });

  it('shows what the upstream says is left at the endpoint, also when it says what is used', () => {
    const seen: Fact = ['QuotaObserved', { bucket: 'w', limit: 100, used: 30, endpoint: '/a' }];
    const first = limiter(seen).usage['alpha-2']?.endpoints['/a'];
    expect(first).toEqual({ requests: 0, rateLimit: 100, remaining: 70, resetAt: null });
    const later = limiter(seen, settled(1)).usage['alpha-2']?.endpoints['/a'];
    expect(later).toMatchObject({ requests: 1, remaining: 70 });
    const rolled: Fact = ['PeriodRolled', { bucket: 'w' }];
    expect(limiter(seen, rolled).observed).toEqual({});
  });

  it('has an episode from the first cut to its end', () => {
    const cut: Fact = ['Throttled', { atMs: 5, backoff: 2, cuts: 1, wMax: 4, pauseUntilMs: 9 }];
    expect(limiter(cut).episode).toMatchObject({ backoff: 2, lastCutAt: 5 });
    const step: Fact = ['RateRecovered', { atMs: 6, rate: 3, backoff: 1.4 }];
    // A step is a point on the curve that the cut began: the curve's own numbers stay.
    expect(limiter(cut, step).episode?.backoff).toBe(2);
    const last: Fact = ['RateRecovered', { atMs: 7, rate: 4.2, backoff: 1, episodeEnded: true }];
    const end: Fact = ['EpisodeEnded', { atMs: 7, cuts: 1 }];
    const over = limiter(cut, step, last, end);
    expect(over).toMatchObject({ episode: null, backoffs: 1, adjustments: 3 });
    expect(over.learned).toEqual({ rate: 4.2, since: 7 });
    expect(limiter(cut, last, end, cut).learned).toBeNull();
    const whole: Fact = ['RateRecovered', { atMs: 8, rate: 5, backoff: 1, episodeEnded: true }];
    expect(limiter(cut, last, end, whole).learned).toBeNull();
  });

  it('forgets what a new configuration has no place for', () => {
    const doc = limiter(
      ['RateLimitConfigured', { collector: 'alpha-2', maxRequestsPerSecond: 9 }],
      ['BucketBlocked', { bucket: 'requests', cause: 'local_quota', untilMs: 8 }],
      ['QuotaObserved', { bucket: 'requests', limit: 10, remaining: 5 }],
      ['ScopeConfigured', { collectors: ['other'], buckets: [{ name: 'weight' }] }],
    );
    expect(doc).toMatchObject({ caps: {}, blockedBuckets: {}, observed: {} });
  });

  it('moves its moments with a clock that jumped', () => {
    const doc = limiter(
      ['Throttled', { atMs: 5, backoff: 2, cuts: 1, wMax: 4, pauseUntilMs: 9 }],
      ['ScopeBlocked', { cause: 'banned', untilMs: 9 }],
      ['BucketBlocked', { bucket: 'requests', cause: 'local_quota', untilMs: 8 }],
      ['QuotaObserved', { atMs: 5, bucket: 'requests', limit: 10, remaining: 5, resetAtMs: 7 }],
      ['ClockAnomaly', { atMs: 6, shiftMs: 1000 }],
    );
    expect(doc.episode).toMatchObject({ pauseUntil: 1009, lastCutAt: 1005 });
    expect(doc.blocked).toMatchObject({ until: 1009 });
    expect(doc.blockedBuckets).toMatchObject({ requests: { until: 1008 } });
    expect(doc.observed).toMatchObject({ requests: { at: 1005, resetAt: 1007 } });
  });

  it('shows blocks of the scope and of buckets until they end', () => {
    const scope: Fact = ['ScopeBlocked', { cause: 'banned', untilMs: 9, detail: '418' }];
    const bucket: Fact = ['BucketBlocked', { bucket: 'cu', cause: 'quota_exhausted', untilMs: 8 }];
    const doc = limiter(scope, bucket);
    expect(doc.blocked).toEqual({ cause: 'banned', until: 9, detail: '418' });
    expect(doc.blockedBuckets.cu).toMatchObject({ cause: 'quota_exhausted', until: 8 });
    const free = limiter(scope, bucket, ['Unblocked', { bucket: 'cu' }], ['Unblocked', {}]);
    expect([free.blocked, free.blockedBuckets]).toEqual([null, {}]);
  });
});
