/** What the read models tell Prometheus: counters that never fall, gauges that are what the answers say. */
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { memoryJournal } from '../../src/journal/index.js';
import type { Journal } from '../../src/journal/port.js';
import { silentLogger } from '../../src/kernel/observe.js';
import { MINUTE_MS } from '../../src/kernel/time.js';
import { openViews, type LiveViews } from '../../src/projections/index.js';
import { virtualClock } from '../support/clock.js';
import { lastMoment } from '../support/projection-expect.js';
import { BEGIN, foundation, histories, NAMES } from '../support/projection-history.js';
import { journalOf, tell, type Told } from '../support/projection-journal.js';
import { allEvents, recountBlocks } from '../support/projection-recount.js';

const PATIENCE_MS = 20_000;
let opened: LiveViews[] = [];
afterEach(async () => {
  for (const views of opened) await views.stop();
  opened = [];
});

async function viewsOf(journal: Journal, now: number): Promise<LiveViews> {
  const clock = virtualClock(now);
  const views = await openViews({ journal, clock, log: silentLogger, memory: true });
  opened.push(views);
  views.start();
  expect(await views.caughtUp(await journal.head(), PATIENCE_MS)).toBe(true);
  return views;
}

/** The series of a family by their labels' values. */
function series(views: LiveViews, name: string): Readonly<Record<string, number>> {
  const family = views.metrics().find((each) => each.name === name);
  if (family === undefined) throw new Error(`there is no family ${name}`);
  return Object.fromEntries(
    family.samples.map(({ labels, value }) => [Object.values(labels).join(' '), value]),
  );
}

const block = (type: string, data: Told['data']): Told => ({
  stream: 'limiter-shared',
  type,
  data: { block: 'a', collector: 'alpha', ...data },
});
const units = (cu: number) => [{ bucket: 'cu', units: cu }];

describe('usage and money', () => {
  it('C5: count blocks that ended, by what they were charged; a lost one whole', async () => {
    const reserved = block('UnitsReserved', { atMs: BEGIN, calls: 9, units: units(90) });
    const settled = block('UnitsSettled', { atMs: BEGIN, cause: 'settled', charged: units(20) });
    const lost = block('UnitsSettled', { atMs: BEGIN, cause: 'expired', charged: units(90) });
    const of = async (...told: readonly Told[]) => {
      const views = await viewsOf(await journalOf([...foundation(), ...told]), BEGIN + 1);
      return {
        units: series(views, 'headgate_usage_units_total')['alpha shared cu'],
        money: series(views, 'headgate_usage_cost_total')['alpha shared USD'],
        used: series(views, 'headgate_period_units')['alpha'],
        left: series(views, 'headgate_quota_remaining_units')['alpha'],
        month: series(views, 'headgate_month_cost')['alpha USD'],
      };
    };
    const left = (used: number) => ({ used, left: 5000 - used, month: (used * 7) / 1e6 });
    expect(await of()).toEqual({ units: undefined, money: 0, ...left(0) });
    expect(await of(reserved)).toEqual({ units: undefined, money: 0, ...left(90) });
    expect(await of(reserved, settled)).toEqual({ units: 20, money: 0.00014, ...left(20) });
    expect(await of(reserved, lost)).toEqual({ units: 90, money: 0.00063, ...left(90) });
    expect(await of(reserved, lost, settled)).toEqual({ units: 90, money: 0.00063, ...left(90) });
  });

  it('C5: never fall, and are what the ended blocks of the journal add up to', async () => {
    await fc.assert(
      fc.asyncProperty(histories(40), async (told) => {
        const { journal } = memoryJournal();
        const views = await viewsOf(journal, lastMoment(told));
        let before: Readonly<Record<string, number>> = {};
        for (const one of told) {
          expect(await views.caughtUp(await tell(journal, [one]), PATIENCE_MS)).toBe(true);
          const after = {
            ...series(views, 'headgate_usage_units_total'),
            ...series(views, 'headgate_usage_cost_total'),
          };
          for (const [name, value] of Object.entries(before)) {
            expect(after[name], name).toBeGreaterThanOrEqual(value);
          }
          before = after;
        }
        const events = await allEvents(journal);
        for (const name of NAMES) {
          const ended = recountBlocks(events, name).filter(({ isOpen }) => !isOpen);
          const micros = ended.reduce((sum, each) => sum + each.micros, 0);
          const cu = ended.reduce((sum, each) => sum + each.cu, 0);
          const costs = ['shared', 'own'].map((scope) => before[`${name} ${scope} USD`] ?? 0);
          expect(costs.reduce((sum, cost) => sum + cost, 0)).toBeCloseTo(micros / 1e6, 9);
          expect(before[`${name} shared cu`] ?? 0).toBe(cu);
        }
        await views.stop();
        opened = [];
      }),
      { numRuns: 15 },
    );
  });
});

describe('each collector', () => {
  const on = (type: string, data: Told['data']): Told => ({
    stream: 'collector-alpha',
    type,
    data: { run: 'r', ...data },
  });

  it('has no age before there is one, then the moment in seconds', async () => {
    const before = await viewsOf(await journalOf(foundation()), BEGIN);
    expect(series(before, 'headgate_collector_last_success_timestamp_seconds')).toEqual({});
    const page = on('RunProgressed', { atMs: BEGIN + 500, series: 's', newRecords: 1 });
    const ok = on('RunSucceeded', { atMs: BEGIN + 1500, newRecords: 1 });
    const views = await viewsOf(await journalOf([...foundation(), page, ok]), BEGIN + 2000);
    expect(series(views, 'headgate_collector_last_new_data_timestamp_seconds')).toEqual({
      alpha: (BEGIN + 500) / 1000,
    });
    expect(series(views, 'headgate_collector_last_success_timestamp_seconds')).toEqual({
      alpha: (BEGIN + 1500) / 1000,
    });
  });

  it('has one word of health at a time, the one that is shown', async () => {
    const off = on('CollectorDisabled', { atMs: BEGIN + 1, actor: 'ops' });
    const now = BEGIN + MINUTE_MS;
    const views = await viewsOf(await journalOf([...foundation(), off]), now);
    const words = series(views, 'headgate_collector_health');
    for (const name of NAMES) {
      const held = Object.entries(words).filter(([key, value]) => {
        return key.startsWith(`${name} `) && value === 1;
      });
      expect(held.map(([key]) => key)).toEqual([
        `${name} ${views.health(name, now)?.health ?? ''}`,
      ]);
    }
    expect(words['alpha disabled']).toBe(1);
    expect(series(views, 'headgate_collector_health_score')).toEqual({
      'alpha-2': views.health('alpha-2', now)?.score,
    });
  });

  it('without a quota has neither its limit nor its rest', async () => {
    const views = await viewsOf(await journalOf(foundation()), BEGIN);
    expect(series(views, 'headgate_quota_limit_units')).toEqual({ alpha: 5000, 'alpha-2': 5000 });
    const own = foundation().filter(({ stream }) => stream !== 'limiter-shared');
    const free = await viewsOf(await journalOf(own), BEGIN);
    expect(series(free, 'headgate_quota_limit_units')).toEqual({});
    expect(series(free, 'headgate_quota_remaining_units')).toEqual({});
  });
});
