/** What the read models say of a random history, held against a recount of its journal (P7). */
import { expect } from 'vitest';
import type { Journal } from '../../src/journal/port.js';
import { HOUR_MS } from '../../src/kernel/time.js';
import type { LiveViews } from '../../src/projections/index.js';
import { NAMES } from './projection-history.js';
import type { Told } from './projection-journal.js';
import * as recount from './projection-recount.js';

const monthly = { period: 'month', windowMs: 0, zone: '', anchorDay: 1 };
const daily = { ...monthly, period: 'day' };
const quarterly = { period: 'month', windowMs: 0, zone: 'America/New_York', anchorDay: 15 };

/** After everything that was told. */
export function lastMoment(told: readonly Told[]): number {
  return Math.max(...told.map(({ data }) => data.atMs)) + 1;
}

/** Everything that can be asked, at one moment. */
export function everything(views: LiveViews, now: number): unknown {
  return views.names().map((name) => ({
    docs: views.docs(name),
    health: views.health(name, now),
    checks: views.checks(name, 0, 100_000),
    statistics: [1, 7, 24, 100, 1000].map((h) => views.healthStatistics(name, now - h * HOUR_MS)),
    costs: views.costs(name, now),
    calls: views.callsToday(name, now),
  }));
}

/** @throws {AssertionError} a number of the read models is not what the events add up to. */
export async function expectRecounted(
  views: LiveViews,
  journal: Journal,
  now: number,
): Promise<void> {
  const events = await recount.allEvents(journal);
  for (const name of NAMES) {
    const docs = views.docs(name);
    const runs = recount.recountRuns(events, name);
    expect({ ...docs?.collector.runs, ...docs?.collector.records }).toMatchObject({
      started: runs.started,
      succeeded: runs.succeeded,
      failed: runs.failed,
      unknown: runs.unknown,
      blocked: runs.blocked,
      collected: runs.collected,
      added: runs.added,
    });
    expect(docs?.collector.lastNewDataAt).toBe(runs.lastNewDataAt);
    const since = now - 23 * HOUR_MS;
    const checks = recount.recountChecks(events, name, since);
    const statistics = views.healthStatistics(name, since);
    expect([statistics.totalChecks, statistics.failed]).toEqual([checks.checks, checks.failed]);
    const blocks = recount.recountBlocks(events, name);
    const sum = (of: typeof blocks, field: 'calls' | 'cu' | 'micros'): number =>
      of.reduce((total, block) => total + block[field], 0);
    const costs = views.costs(name, now);
    const inMonth = blocks.filter(recount.within(monthly, now));
    const inQuota = blocks
      .filter(({ scope }) => scope === 'shared')
      .filter(recount.within(quarterly, now));
    expect(costs?.monthCostMicros).toBe(sum(inMonth, 'micros'));
    expect(costs?.units).toBe(sum(inQuota, 'cu'));
    expect(costs?.apiCalls).toBe(sum(inQuota, 'calls'));
    expect(views.callsToday(name, now)).toBe(
      sum(blocks.filter(recount.within(daily, now)), 'calls'),
    );
  }
}
