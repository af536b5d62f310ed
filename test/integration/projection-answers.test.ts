/** Costs, quotas and the history of health, asked as the gateway asks them. */
import { afterEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/kernel/observe.js';
import { DAY_MS, HOUR_MS, MINUTE_MS, systemClock } from '../../src/kernel/time.js';
import type { JsonObject } from '../../src/kernel/types.js';
import { openViews, type LiveViews } from '../../src/projections/index.js';
import { BEGIN, foundation, scopeConfigured } from '../support/projection-history.js';
import { journalOf, type Told } from '../support/projection-journal.js';

let opened: LiveViews[] = [];
afterEach(async () => {
  for (const views of opened) await views.stop();
  opened = [];
});

async function viewsOf(...told: readonly Told[]): Promise<LiveViews> {
  const journal = await journalOf([...foundation(), ...told]);
  const views = await openViews({
    journal,
    clock: systemClock(),
    log: silentLogger,
    memory: true,
  });
  opened.push(views);
  views.start();
  expect(await views.caughtUp(await journal.head(), 20_000)).toBe(true);
  return views;
}

const shared = (type: string, data: JsonObject & { readonly atMs: number }): Told => ({
  stream: 'limiter-shared',
  type,
  data,
});

function reserved(atMs: number, block: string, cu: number, collector = 'alpha'): Told {
  const units = [{ bucket: 'cu', units: cu }];
  return shared('UnitsReserved', { atMs, block, collector, calls: 2, units });
}

function settled(atMs: number, block: string, cu: number, collector = 'alpha'): Told {
  const charged = [{ bucket: 'cu', units: cu }];
  return shared('UnitsSettled', { atMs, block, collector, sent: 1, charged, cause: 'settled' });
}

describe('costs', () => {
  it('C1: units reserved count at once; settling corrects them; what expires stays counted', async () => {
    const views = await viewsOf(
      reserved(BEGIN, 'a', 100),
      reserved(BEGIN, 'b', 100),
      settled(BEGIN + 1000, 'b', 30),
      reserved(BEGIN, 'c', 100),
      shared('UnitsSettled', { atMs: BEGIN + 1, block: 'c', collector: 'alpha', cause: 'expired' }),
    );
    const costs = views.costs('alpha', BEGIN + 2000);
    expect(costs).toMatchObject({ units: 230, costMicros: 230 * 7 });
    expect(costs).toMatchObject({ tier: 'Pro', currency: 'USD', quota: 5000, quotaUnit: 'CU' });
    expect(costs?.monthCostMicros).toBe(230 * 7);
  });

  it('C4: calls are those sent: none of an open block, all of a lost one, never one too many', async () => {
    const lost = { atMs: BEGIN + 1, block: 'c', collector: 'alpha', cause: 'expired' };
    const steps = [
      reserved(BEGIN, 'a', 100),
      reserved(BEGIN, 'b', 100),
      settled(BEGIN + 1000, 'b', 30),
      reserved(BEGIN, 'c', 100),
      shared('UnitsSettled', lost),
      settled(BEGIN + 2000, 'a', 100),
    ];
    const shown: unknown[] = [];
    for (const [index] of steps.entries()) {
      const views = await viewsOf(...steps.slice(0, index + 1));
      const today = views.callsToday('alpha', BEGIN + 2000);
      expect(views.costs('alpha', BEGIN + 2000)?.apiCalls).toBe(today);
      shown.push(today);
    }
    // 'c' was lost with its two calls: whoever lost it cannot say that they did not leave.
    expect(shown).toEqual([0, 0, 1, 1, 3, 4]);
  });

  it('C1: an upstream that charges more than was reserved is believed', async () => {
    const views = await viewsOf(reserved(BEGIN, 'a', 10), settled(BEGIN, 'a', 60));
    expect(views.costs('alpha', BEGIN)).toMatchObject({ units: 60, costMicros: 420 });
  });

  it('C1: an end that is told twice counts once', async () => {
    const twice = [settled(BEGIN, 'a', 60), settled(BEGIN, 'a', 60)];
    const views = await viewsOf(reserved(BEGIN, 'a', 10), ...twice);
    expect(views.costs('alpha', BEGIN)?.units).toBe(60);
  });

  it('C2: a new price holds from then on, and for no block reserved before', async () => {
    const views = await viewsOf(
      reserved(BEGIN, 'a', 100),
      reserved(BEGIN, 'b', 100),
      scopeConfigured(BEGIN + 10, 'shared', 1000),
      settled(BEGIN + 20, 'a', 50),
      reserved(BEGIN + 30, 'c', 10),
    );
    expect(views.costs('alpha', BEGIN + 40)).toMatchObject({
      costMicros: 50 * 7 + 100 * 7 + 10 * 1000,
      pricePerUnitMicros: 1000,
    });
  });

  it('C3: a block belongs to the period of its reservation', async () => {
    // The quota's month begins on the 15th at midnight in New York.
    const rolls = Date.UTC(2026, 0, 15, 5);
    const views = await viewsOf(
      reserved(rolls - 1, 'a', 100),
      settled(rolls + 1000, 'a', 40),
      reserved(rolls, 'b', 5),
    );
    const before = views.costs('alpha', rolls - 1);
    const after = views.costs('alpha', rolls);
    expect([before?.units, after?.units]).toEqual([40, 5]);
    expect(before?.period.end).toBe(rolls);
    expect(after?.period).toMatchObject({ kind: 'month', start: rolls });
    // The calendar month's money knows nothing of that.
    expect(after?.monthCostMicros).toBe(45 * 7);
    expect(before?.monthCostMicros).toBe(45 * 7);
  });

  it('rounds a fraction of a unit up', async () => {
    const views = await viewsOf(reserved(BEGIN, 'a', 1.2), settled(BEGIN, 'a', 0.1));
    expect(views.costs('alpha', BEGIN)).toMatchObject({ units: 1, costMicros: 7 });
  });

  it('a quota is the whole scope’s: what others use is gone for all', async () => {
    const views = await viewsOf(reserved(BEGIN, 'a', 1000), reserved(BEGIN, 'b', 3000, 'alpha-2'));
    expect(views.costs('alpha', BEGIN)).toMatchObject({ units: 1000, quotaRemaining: 1000 });
    expect(views.costs('alpha-2', BEGIN)).toMatchObject({ units: 3000, quotaRemaining: 1000 });
  });

  it('what the upstream says is left may only tighten', async () => {
    const observed = (remaining: number): Told =>
      shared('QuotaObserved', { atMs: BEGIN, bucket: 'cu', limit: 5000, remaining });
    const tighter = await viewsOf(reserved(BEGIN, 'a', 1000), observed(500));
    expect(tighter.costs('alpha', BEGIN)?.quotaRemaining).toBe(500);
    const looser = await viewsOf(reserved(BEGIN, 'a', 1000), observed(4999));
    expect(looser.costs('alpha', BEGIN)?.quotaRemaining).toBe(4000);
  });

  it('burns by the last hour, and forecasts the end of the period and of the quota', async () => {
    const now = BEGIN + 2 * HOUR_MS;
    const views = await viewsOf(
      reserved(BEGIN, 'old', 900),
      reserved(now - 30 * MINUTE_MS, 'a', 60),
      reserved(now - 10 * MINUTE_MS, 'b', 60),
    );
    const costs = views.costs('alpha', now);
    expect(costs?.burnRate).toBe(120);
    const hoursLeft = ((costs?.period.end ?? 0) - now) / HOUR_MS;
    expect(costs?.forecastUnits).toBeCloseTo(1020 + 120 * hoursLeft, 6);
    expect(costs?.exhaustsAt).toBeNull();
    const fast = await viewsOf(reserved(BEGIN, 'a', 4000));
    const soon = fast.costs('alpha', BEGIN + MINUTE_MS);
    expect(soon?.burnRate).toBe(4000);
    expect(soon?.exhaustsAt).toBe(BEGIN + MINUTE_MS + HOUR_MS / 4);
  });

  it('without a quota it counts calls by the calendar month', async () => {
    const units = [{ bucket: 'requests', units: 2 }];
    const block = { atMs: BEGIN, block: 'x', collector: 'solo', calls: 2, units };
    const [registered] = foundation();
    const views = await viewsOf(
      {
        ...scopeConfigured(BEGIN, 'own', 0),
        data: { ...scopeConfigured(BEGIN, 'own', 0).data, collectors: ['solo'] },
      },
      {
        stream: 'collector-solo',
        type: 'CollectorRegistered',
        data: { ...(registered?.data ?? {}), atMs: BEGIN, name: 'solo' },
      },
      { stream: 'limiter-own', type: 'UnitsReserved', data: block },
    );
    expect(views.costs('solo', BEGIN)).toMatchObject({
      quota: null,
      quotaRemaining: null,
      exhaustsAt: null,
      apiCalls: 0,
      units: 2,
      costMicros: 6,
      period: { kind: 'month', start: Date.UTC(2026, 0, 1), end: Date.UTC(2026, 1, 1) },
    });
    expect(views.costs('nobody', BEGIN)).toBeUndefined();
  });
});

describe('the history of health', () => {
  const on = (type: string, data: JsonObject & { readonly atMs: number }): Told => ({
    stream: 'collector-alpha',
    type,
    data,
  });
  const ok = (atMs: number): Told =>
    on('RunSucceeded', { atMs, run: 'r', calls: 1, newRecords: 1 });
  const failed = (atMs: number, outcome = 'server'): Told =>
    on('RunFailed', { atMs, run: 'r', outcome, consecutive: 1 });
  const news = (atMs: number): Told =>
    on('RunProgressed', { atMs, run: 'r', series: 's', newRecords: 1 });

  it('has one check per run that ended or was blocked, newest first', async () => {
    const views = await viewsOf(
      news(BEGIN),
      ok(BEGIN + 1),
      failed(BEGIN + 2),
      on('RunBlocked', { atMs: BEGIN + 2, cause: 'breaker' }),
      on('RunBlocked', { atMs: BEGIN + 3, cause: 'breaker', detail: 'open' }),
      on('RunUnknown', { atMs: BEGIN + 4, run: 'r', cause: 'crash' }),
      failed(BEGIN + 5, 'blocked'),
      on('RunBlocked', { atMs: BEGIN + 5, cause: 'quota' }),
    );
    const checks = views.checks('alpha', BEGIN, 10);
    expect(checks.map(({ health, outcome }) => [health, outcome])).toEqual([
      ['degraded', 'blocked_quota'],
      ['degraded', 'unknown'],
      ['circuit_open', 'blocked_breaker'],
      ['failed', 'server'],
      ['healthy', 'ok'],
    ]);
    expect(views.checks('alpha', BEGIN + 4, 10)).toHaveLength(2);
    expect(views.checks('alpha', BEGIN, 1)).toHaveLength(1);
    expect(views.healthStatistics('alpha', BEGIN)).toEqual({
      totalChecks: 5,
      healthy: 1,
      failed: 2,
      degraded: 2,
    });
  });

  it('a run that succeeds while new data is overdue is degraded', async () => {
    const views = await viewsOf(news(BEGIN), ok(BEGIN + 16 * MINUTE_MS));
    expect(views.checks('alpha', BEGIN, 1)[0]?.health).toBe('degraded');
  });

  it('keeps checks raw for a day, by minute for 30 days, by hour for a year', async () => {
    const end = BEGIN + 400 * DAY_MS;
    const at = (ago: number): number => end - ago;
    const views = await viewsOf(
      ok(BEGIN),
      ok(at(40 * DAY_MS)),
      ok(at(3 * DAY_MS)),
      ok(at(3 * DAY_MS) + 10 * MINUTE_MS),
      ok(at(2 * HOUR_MS)),
      failed(at(HOUR_MS)),
      ok(end),
    );
    expect(views.checks('alpha', 0, 100)).toHaveLength(3);
    const total = (ago: number): number => views.healthStatistics('alpha', at(ago)).totalChecks;
    expect(total(0)).toBe(1);
    expect(total(HOUR_MS)).toBe(2);
    expect(total(HOUR_MS - 1)).toBe(1);
    expect(total(DAY_MS)).toBe(3);
    expect(total(3 * DAY_MS - 9 * MINUTE_MS)).toBe(4);
    expect(total(4 * DAY_MS)).toBe(5);
    expect(total(300 * DAY_MS)).toBe(6);
    expect(total(1000 * DAY_MS)).toBe(6);
  });

  it('scores the last hour only, and the newest checks at once', async () => {
    const views = await viewsOf(news(BEGIN), failed(BEGIN), ok(BEGIN + 2 * MINUTE_MS));
    expect(views.health('alpha', BEGIN + 3 * MINUTE_MS)?.parts.successRatio).toBe(0.5);
    expect(views.health('alpha', BEGIN + HOUR_MS + MINUTE_MS)?.parts.successRatio).toBe(1);
    expect(views.health('alpha', BEGIN + 3 * MINUTE_MS)?.parts.successRatio).toBe(0.5);
    expect(views.health('nobody', BEGIN)).toBeUndefined();
  });
});
