import { describe, expect, it } from 'vitest';
import { limiterKind, type LimiterFact } from '../../src/actors/limiter/index.js';
import { stateHash } from '../../src/actors/state-hash.js';
import type { JsonObject } from '../../src/kernel/types.js';
import {
  bucket,
  configure,
  configured,
  dailyQuota,
  fold,
  foldAll,
  HOUR,
  lapse,
  limiter,
  MINUTE,
  NOON,
  reserve,
  SECOND,
  settleBlock,
  throttle,
  weightPerMinute,
  type Given,
} from '../support/limiter-given.js';

const DAY_END = Date.UTC(2026, 0, 6);
const types = (facts: readonly LimiterFact[]): readonly string[] => facts.map(({ type }) => type);
const refusalOf = (decision: ReturnType<Given['when']>) =>
  decision.ok ? undefined : decision.refusal;

describe('limits', () => {
  it('are set once: the same again changes nothing, another is a new revision', () => {
    const given = configured();
    expect(given.when(configure())).toEqual({ ok: true, facts: [] });
    const again = given.then(configure({ margin: 0.1 }));
    expect(again.context.config?.configRevision).toBe(2);
  });

  it('hash as they will when they are read back, in whatever order a bucket was spelt', () => {
    const { name, kind, ...rest } = dailyQuota;
    const given = limiter().then(configure({ buckets: [{ ...rest, kind, name }] }));
    const stored = given.facts.map((fact) => limiterKind.codec.encode(fact));
    const read = stored.map(({ type, schema, data }) =>
      limiterKind.codec.decode(type, schema, JSON.parse(JSON.stringify(data)) as JsonObject),
    );
    expect(stateHash(foldAll(fold.initial(), read))).toBe(stateHash(given.state));
  });

  it('are refused where they make no sense, with field, value and rule', () => {
    const fields = [
      configure({ maxRequestsPerSecond: 0 }),
      configure({ margin: 0.9 }),
      configure({ buckets: [bucket({ kind: 'ring' })] }),
      configure({ buckets: [bucket({ windowMs: 367 * 24 * HOUR })] }),
      configure({ buckets: [bucket({ anchor: 'reset' })] }),
      configure({ buckets: [bucket({ ...dailyQuota, anchor: 'reset' })] }),
      configure({ buckets: [bucket({ anchor: 'midnight' })] }),
      configure({ buckets: [bucket({ ...dailyQuota, zone: 'Mars/Olympus' })] }),
      configure({ buckets: [bucket(), bucket()] }),
    ].map((command) => refusalOf(limiter().when(command)));
    expect(fields.map((refusal) => refusal?.kind === 'invalid' && refusal.field)).toEqual([
      '/max_requests_per_second',
      '/margin',
      '/buckets/0/kind',
      '/buckets/0/window_ms',
      '/buckets/0/anchor',
      '/buckets/0/anchor',
      '/buckets/0/anchor',
      '/buckets/0/zone',
      '/buckets',
    ]);
    expect(fields[0]?.detail).toBe('must be > 0, got 0');
  });

  it('begin a quota’s period with a fact', () => {
    const given = configured({ buckets: [weightPerMinute, dailyQuota] });
    expect(types(given.facts)).toEqual(['ScopeConfigured', 'PeriodRolled']);
    expect(given.context.windows.daily?.end).toBe(DAY_END);
  });
});

describe('a live change of the rate', () => {
  const change = (more: Record<string, unknown>, given = configured()) =>
    given.when({ type: 'SetRate', collector: 'moralis', ...more });

  it('keeps what is not named, and is durable', () => {
    const given = configured().then({
      type: 'SetRate',
      collector: 'moralis',
      maxRequestsPerSecond: 9,
      reason: 'plan upgraded',
    });
    expect(given.context.caps.moralis).toEqual({
      maxRequestsPerSecond: 9,
      backoffMultiplier: 2,
      maxBackoff: 10,
    });
    expect(given.facts[0]).toMatchObject({ actor: 'alice', reason: 'plan upgraded' });
    expect(change({ maxRequestsPerSecond: 9 }, given)).toEqual({ ok: true, facts: [] });
    expect(given.then(configure({ margin: 0.1 })).context.caps.moralis).toBeDefined();
  });

  it('is refused by name, value and rule', () => {
    expect(refusalOf(change({}))).toMatchObject({ kind: 'invalid' });
    expect(refusalOf(change({ maxRequestsPerSecond: -3 }))).toEqual({
      kind: 'invalid',
      field: '/max_requests_per_second',
      detail: 'must be > 0, got -3',
    });
    for (const value of [NaN, Infinity, 1e12]) {
      expect(refusalOf(change({ maxRequestsPerSecond: value }))?.kind).toBe('invalid');
    }
    expect(refusalOf(change({ backoffMultiplier: 0.5 }))?.detail).toBe('must be >= 1, got 0.5');
    expect(refusalOf(change({ maxBackoff: 0 }))?.detail).toBe('must be >= 1, got 0');
  });

  it('is refused for a collector that does not use the scope', () => {
    const decision = configured().when({
      type: 'SetRate',
      collector: 'reddit',
      maxRequestsPerSecond: 1,
    });
    expect(refusalOf(decision)?.kind).toBe('unknown-collector');
  });
});

describe('a throttle', () => {
  it('pauses until Retry-After, and cuts', () => {
    const given = configured().then(throttle({ retryAt: NOON + 30 * SECOND }));
    expect(given.facts[0]).toMatchObject({
      type: 'Throttled',
      backoff: 2,
      cuts: 1,
      wMax: 4.75,
      pauseUntilMs: NOON + 30 * SECOND,
      pauseSource: 'retry_after',
    });
    expect(given.state.value).toBe('throttled');
  });

  it('without a Retry-After, or with one in the past, pauses 2, 4, 8 s … up to 15 min', () => {
    let given = configured({ maxBackoff: 100 });
    const pauses: number[] = [];
    for (let cuts = 1; cuts <= 12; cuts += 1) {
      const at = Math.max(NOON, (given.context.episode?.pauseUntil ?? NOON) + 1);
      given = given.then(throttle({ retryAt: at - HOUR }), at);
      pauses.push((given.context.episode?.pauseUntil ?? 0) - at);
    }
    expect(pauses.slice(0, 4)).toEqual([2000, 4000, 8000, 16_000]);
    expect(pauses.at(-1)).toBe(15 * MINUTE);
    expect(given.context.episode?.backoff).toBe(100);
    expect(given.context.episode?.wMax).toBeCloseTo(4.75, 9);
  });

  it('believes no Retry-After of ten years', () => {
    const given = configured().then(throttle({ retryAt: NOON + 3650 * 24 * HOUR }));
    expect(given.context.episode?.pauseUntil).toBe(NOON + 24 * HOUR);
  });

  it('counts once with others of the same window, and with calls that left before the cut', () => {
    const given = configured().then(throttle());
    expect(given.when(throttle(), NOON + SECOND)).toEqual({ ok: true, facts: [] });
    const late = throttle({ sentAt: NOON - 1 });
    expect(given.when(late, NOON + MINUTE)).toEqual({ ok: true, facts: [] });
    expect(given.then(throttle(), NOON + MINUTE).context.episode?.cuts).toBe(2);
  });

  it('of the same window may ask for more time without cutting again', () => {
    const given = configured().then(throttle());
    const longer = given.then(throttle({ retryAt: NOON + MINUTE }), NOON + SECOND);
    expect(longer.context.episode).toMatchObject({ cuts: 1, pauseUntil: NOON + MINUTE });
  });

  it('after a clean ten windows begins a new episode', () => {
    const given = configured().then(throttle());
    const end = (given.context.episode?.pauseUntil ?? 0) + 10 * MINUTE;
    const steady = lapse(given, end);
    expect(steady.state.value).toBe('steady');
    expect(steady.then(throttle(), end + 1).context.episode).toMatchObject({ cuts: 1, backoff: 2 });
    const asleep = given.then(throttle(), end + HOUR);
    expect(types(asleep.facts)).toEqual(['RateRecovered', 'EpisodeEnded', 'Throttled']);
    expect(asleep.context.episode).toMatchObject({ cuts: 1, wMax: 4.75 });
  });

  it('recovers in at most one fact per 10 % step', () => {
    let given = configured().then(throttle());
    const rates: number[] = [];
    const end = (given.context.episode?.pauseUntil ?? 0) + MINUTE;
    while (given.context.episode?.stepRate !== given.context.episode?.wMax) {
      const [timer] = outstandingTimers(given);
      given = given.then({ type: 'TimerDue', name: 'recovery', generation: 0 }, timer?.dueAt);
      rates.push(given.context.episode?.stepRate ?? 0);
    }
    expect(given.at).toBeLessThanOrEqual(end);
    expect(rates.map((rate) => Math.round(rate * 1000) / 1000)).toEqual([
      2.375, 2.85, 3.325, 3.8, 4.275, 4.75,
    ]);
    expect(given.state.value).toBe('recovering');
  });
});

describe('a reservation', () => {
  const scope = configured({ buckets: [weightPerMinute, dailyQuota] });
  const units = { weight: 200, daily: 10 };

  it('is durable and counts in every window until it is settled', () => {
    const held = scope.then(reserve('b1', 10, units, NOON + 2000));
    expect(held.context.windows.weight).toMatchObject({ held: 200, spent: 0 });
    const settled = held.then(settleBlock('b1', 4, { weight: 80, daily: 3 }), NOON + SECOND);
    expect(settled.context.windows.weight).toMatchObject({ held: 0, spent: 80 });
    expect(settled.context.windows.daily).toMatchObject({
      held: 0,
      spent: 3,
      byCollector: { moralis: 3 },
    });
    expect(settled.facts[0]).toMatchObject({
      sent: 4,
      returned: [
        { bucket: 'weight', units: 120 },
        { bucket: 'daily', units: 7 },
      ],
    });
    expect(settled.context.open).toEqual({});
    expect(settled.when(settleBlock('b1'))).toEqual({ ok: true, facts: [] });
  });

  it('is granted in part when not all of it fits, and waits for the window when none does', () => {
    const nearly = scope.then(reserve('b1', 295, { weight: 5900 }, NOON + 2000));
    const part = nearly.then(reserve('b2', 10, { weight: 200 }, NOON + 2000));
    expect(part.facts[0]).toMatchObject({ calls: 5, units: [{ bucket: 'weight', units: 100 }] });
    expect(refusalOf(part.when(reserve('b3', 1, { weight: 20 }, NOON + 2000)))).toMatchObject({
      kind: 'rate-limited',
      retryAt: NOON + 2000, // what the open blocks do not use comes back then
    });
    const next = part.then(reserve('b3', 1, { weight: 20 }, NOON + MINUTE + 1), NOON + MINUTE);
    expect(next.context.windows.weight).toMatchObject({ start: NOON + MINUTE, held: 20 });
    const late = next.then(settleBlock('b1', 1, { weight: 20 }), NOON + MINUTE + SECOND);
    expect(late.context.windows.weight).toMatchObject({ held: 20, spent: 0 });
  });

  it('past the quota closes the bucket until the period ends; then it rolls', () => {
    const held = scope.then(reserve('b1', 100, { daily: 100 }, NOON + 2000));
    expect(refusalOf(held.when(reserve('b2', 1, { daily: 1 }, NOON + 2000)))).toMatchObject({
      kind: 'rate-limited',
      retryAt: NOON + 2000, // not for the whole period: the block may come back unused
    });
    const full = held.then(settleBlock('b1', 100, { daily: 100 }));
    const closed = full.then(reserve('b2', 1, { daily: 1 }, NOON + 2000));
    expect(closed.facts).toEqual([
      expect.objectContaining({
        type: 'BucketBlocked',
        bucket: 'daily',
        cause: 'local_quota',
        untilMs: DAY_END,
      }),
    ]);
    const again = closed.when(reserve('b3', 1, { daily: 1 }, NOON + 2000));
    expect(refusalOf(again)).toMatchObject({ kind: 'blocked', until: DAY_END });
    const rolled = lapse(closed, DAY_END);
    expect(rolled.context.blockedBuckets).toEqual({});
    expect(rolled.context.windows.daily).toMatchObject({ start: DAY_END, spent: 0, prior: 100 });
    const open = rolled.then(reserve('b4', 1, { daily: 1 }, DAY_END + 1), DAY_END);
    expect(types(open.facts)).toEqual(['UnitsReserved']);
  });

  it('left open by a crash counts as spent', () => {
    const held = scope.then(reserve('b1', 10, units, NOON + 2000));
    const after = held.then({ type: 'Recover' }, NOON + 5000);
    expect(after.facts[0]).toMatchObject({ type: 'UnitsSettled', cause: 'expired', sent: 10 });
    expect(after.context.windows.weight).toMatchObject({ held: 0, spent: 200 });
    expect(after.context.windows.daily).toMatchObject({ spent: 10, byCollector: { moralis: 10 } });
  });

  it('nobody settles is settled as spent long after its end', () => {
    const held = scope.then(reserve('b1', 10, units, NOON + 2000));
    const before = lapse(held, NOON + 10 * MINUTE);
    expect(Object.keys(before.context.open)).toEqual(['b1']);
    const after = lapse(held, NOON + 11 * MINUTE);
    expect(after.context.open).toEqual({});
    expect(after.context.windows.daily?.spent).toBe(10);
  });

  it('is refused into a pause, into a ban, into a used-up quota, and without limits', () => {
    const ask = reserve('b1', 1, { daily: 1 }, NOON + 2000);
    expect(refusalOf(scope.then(throttle()).when(ask))).toMatchObject({
      kind: 'rate-limited',
      retryAt: NOON + 2000,
    });
    const detail = 'barred';
    const banned = scope.then({
      type: 'BlockScope',
      cause: 'banned',
      collector: 'moralis',
      detail,
    });
    expect(refusalOf(banned.when(ask))?.kind).toBe('blocked');
    const empty = scope.then({
      type: 'BlockBucket',
      bucket: 'daily',
      collector: 'moralis',
      detail,
    });
    expect(refusalOf(empty.when(ask))).toMatchObject({ kind: 'blocked', until: DAY_END });
    expect(refusalOf(limiter().when(ask))?.kind).toBe('illegal-state');
  });

  it('is refused when it names what is not there', () => {
    expect(refusalOf(scope.when(reserve('b1', 0, {}, NOON + 1)))).toMatchObject({
      field: '/calls',
    });
    const unknown = reserve('b1', 1, { nothing: 1 }, NOON + 1);
    expect(refusalOf(scope.when(unknown))).toMatchObject({ field: '/units' });
    const held = scope.then(reserve('b1', 1, {}, NOON + 1));
    expect(refusalOf(held.when(reserve('b1', 1, {}, NOON + 1)))).toMatchObject({ field: '/block' });
    expect(refusalOf(held.when(settleBlock('b1', 2)))).toMatchObject({ field: '/sent' });
  });

  it('leaves the margin unused', () => {
    const careful = configured({ buckets: [dailyQuota], margin: 0.05 });
    const asked = careful.then(reserve('b1', 100, { daily: 100 }, NOON + 2000));
    expect(asked.facts[0]).toMatchObject({ calls: 95 });
  });

  it('sees no new budget in another anchor day', () => {
    const monthly = { ...dailyQuota, period: 'month', anchorDay: 1 };
    const used = configured({ buckets: [monthly] })
      .then(reserve('b1', 60, { daily: 60 }, NOON + 2000))
      .then(settleBlock('b1', 60, { daily: 60 }));
    const moved = used.then(configure({ buckets: [{ ...monthly, anchorDay: 3 }] }));
    expect(types(moved.facts)).toEqual(['ScopeConfigured', 'PeriodRolled']);
    expect(moved.context.windows.daily).toMatchObject({ start: Date.UTC(2026, 0, 3), spent: 60 });
  });

  it('opens a quota again that was closed by us, when its limit is raised', () => {
    const closed = scope
      .then(reserve('b1', 100, { daily: 100 }, NOON + 2000))
      .then(settleBlock('b1', 100, { daily: 100 }))
      .then(reserve('b2', 1, { daily: 1 }, NOON + 2000));
    const raised = closed.then(configure({ buckets: [{ ...dailyQuota, limit: 200 }] }));
    expect(raised.context.blockedBuckets).toEqual({});
  });
});

describe('blocks', () => {
  const scope = configured({ buckets: [dailyQuota] });
  const ban = { type: 'BlockScope', cause: 'banned', collector: 'moralis', detail: '418' } as const;

  it('of the scope last as long as said, at most seven days, and end by their time', () => {
    const banned = scope.then({ ...ban, until: NOON + HOUR });
    expect(banned.context.blocked).toMatchObject({ cause: 'banned', until: NOON + HOUR });
    expect(banned.when({ ...ban, until: NOON + MINUTE })).toEqual({ ok: true, facts: [] });
    expect(lapse(banned, NOON + HOUR).context.blocked).toBeNull();
    const forEver = scope.then({ ...ban, until: NOON + 9000 * HOUR });
    expect(forEver.context.blocked?.until).toBe(NOON + 7 * 24 * HOUR);
  });

  it('are lifted by an operator, one or all', () => {
    const both = scope
      .then({ ...ban, until: NOON + HOUR })
      .then({ type: 'BlockBucket', bucket: 'daily', collector: 'moralis', detail: '' });
    const one = both.then({ type: 'Unblock', bucket: 'daily' });
    expect(one.context.blockedBuckets).toEqual({});
    expect(one.context.blocked).not.toBeNull();
    expect(types(both.then({ type: 'Unblock' }).facts)).toEqual(['Unblocked', 'Unblocked']);
    expect(scope.when({ type: 'Unblock' })).toEqual({ ok: true, facts: [] });
  });
});

describe('what the upstream says is left', () => {
  const scope = configured({ buckets: [weightPerMinute] });
  const seen = (more: Record<string, unknown>) =>
    ({
      type: 'ObserveQuota',
      endpoint: 'klines',
      observations: [{ bucket: 'weight', ...more }],
    }) as const;

  it('is recorded once a minute and per tenth, not per answer', () => {
    const first = scope.then(seen({ used: 100 }));
    expect(types(first.facts)).toEqual(['QuotaObserved']);
    expect(first.when(seen({ used: 110 }), NOON + SECOND)).toEqual({ ok: true, facts: [] });
    expect(types(first.then(seen({ used: 700 }), NOON + SECOND).facts)).toHaveLength(1);
    expect(types(first.then(seen({ used: 110 }), NOON + MINUTE).facts)).toHaveLength(1);
    expect(first.when(seen({ bucket: 'other', used: 1 }))).toEqual({ ok: true, facts: [] });
  });

  it('takes away what others used, and gives nothing back', () => {
    const tight = scope.then(seen({ used: 5990 }));
    expect(tight.context.windows.weight?.foreign).toBe(5990);
    const asked = tight.then(reserve('b1', 10, { weight: 20 }, NOON + 2000));
    expect(asked.facts[0]).toMatchObject({ calls: 5 });
    const loose = tight.then(seen({ used: 0, limit: 99_999 }), NOON + SECOND);
    expect(loose.context.windows.weight?.foreign).toBe(5990);
    const wide = loose.then(
      reserve('b2', 700, { weight: 7000 }, NOON + MINUTE + 2000),
      NOON + MINUTE,
    );
    expect(wide.facts[0]).toMatchObject({ calls: 600 });
  });

  it('closes the bucket when nothing is left for longer than a minute', () => {
    const daily = configured({ buckets: [{ ...dailyQuota, name: 'weight' }] });
    const given = daily.then(seen({ limit: 100, remaining: 0, resetAt: NOON + HOUR }));
    expect(types(given.facts)).toEqual(['QuotaObserved', 'BucketBlocked']);
    expect(given.context.blockedBuckets.weight?.until).toBe(NOON + HOUR);
    const minute = scope.then(seen({ limit: 100, remaining: 0, resetAt: NOON + 9 * HOUR }));
    // A window of a minute does not end in nine hours.
    expect(minute.context.blockedBuckets.weight?.until).toBe(NOON + 2 * MINUTE);
  });
});

describe('a clock that jumps', () => {
  it('moves every moment with it: an hour’s excursion starves nothing', () => {
    const later = NOON + HOUR;
    const away = configured({ buckets: [weightPerMinute] })
      .then(throttle({ retryAt: later + MINUTE }), later)
      .then({ type: 'BlockScope', cause: 'banned', collector: 'moralis', detail: '' }, later);
    const back = away.then({ type: 'ReportClockAnomaly', shiftMs: -HOUR, now: NOON }, later);
    expect(back.context.episode?.pauseUntil).toBe(NOON + MINUTE);
    expect(back.context.blocked?.until).toBe(NOON + 15 * MINUTE);
  });

  it('that visited tomorrow and came back finds today’s usage', () => {
    const used = configured({ buckets: [dailyQuota] })
      .then(reserve('b1', 60, { daily: 60 }, NOON + 2000))
      .then(settleBlock('b1', 60, { daily: 60 }));
    const tomorrow = lapse(used, DAY_END).then(
      reserve('b2', 1, { daily: 1 }, DAY_END + 2000),
      DAY_END,
    );
    expect(tomorrow.context.windows.daily).toMatchObject({ spent: 0, held: 1 });
    const back = tomorrow.then({ type: 'ReportClockAnomaly', shiftMs: -12 * HOUR, now: NOON });
    expect(back.context.windows.daily).toMatchObject({ end: DAY_END, spent: 60, held: 1 });
  });
});

function outstandingTimers(given: Given) {
  return limiterTimers(given).filter(({ name }) => name === 'recovery');
}

function limiterTimers(given: Given) {
  return limiterKind.outstanding(given.state).filter((owed) => owed.kind === 'timer');
}
