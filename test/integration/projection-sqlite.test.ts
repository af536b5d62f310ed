/** The read models over the real journal: its files, its threads, its subscription, and their ends. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openJournal, type OpenJournal } from '../../src/journal/index.js';
import { silentLogger } from '../../src/kernel/observe.js';
import { systemClock } from '../../src/kernel/time.js';
import { openViews, type LiveViews } from '../../src/projections/index.js';
import { histories } from '../support/projection-history.js';
import { tell } from '../support/projection-journal.js';
import { everything, expectRecounted, lastMoment } from '../support/projection-expect.js';

const PATIENCE_MS = 20_000;
const SEED = 20_260_105;

let directory: string;
let closings: (() => Promise<void>)[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'headgate-views-'));
});
afterEach(async () => {
  for (const close of closings.reverse()) await close();
  closings = [];
  rmSync(directory, { recursive: true, force: true });
});

async function journalAt(path: string): Promise<OpenJournal> {
  const opened = await openJournal({ kind: 'sqlite', path, clock: systemClock() }, (error) => {
    throw error;
  });
  let isClosed = false;
  const close = async (): Promise<void> => {
    if (!isClosed) await opened.close();
    isClosed = true;
  };
  closings.push(close);
  return { ...opened, close };
}

async function viewsOver({ journal }: OpenJournal, path?: string): Promise<LiveViews> {
  const where = path === undefined ? { memory: true as const } : { path };
  const views = await openViews({ ...where, journal, clock: systemClock(), log: silentLogger });
  let isStopped = false;
  const stop = async (): Promise<void> => {
    if (!isStopped) await views.stop();
    isStopped = true;
  };
  closings.push(stop);
  views.start();
  return { ...views, stop };
}

describe('read models over a SQLite journal', () => {
  it('P7: equal a recount, though they and the journal were closed in the middle', async () => {
    const [told = []] = fc.sample(histories(80, 80), { numRuns: 1, seed: SEED });
    expect(told.length).toBeGreaterThan(100);
    const half = Math.floor(told.length / 2);
    const paths = { journal: join(directory, 'journal.db'), views: join(directory, 'views.db') };

    const first = await journalAt(paths.journal);
    const begun = await viewsOver(first, paths.views);
    const head = await tell(first.journal, told.slice(0, half));
    // Some of it is applied, the rest is on its way when the projector is closed under it.
    expect(await begun.caughtUp(Math.floor(head / 3), PATIENCE_MS)).toBe(true);
    const more = tell(first.journal, told.slice(half, half + 20));
    await begun.stop();
    await more;
    await first.close();

    const second = await journalAt(paths.journal);
    const resumed = await viewsOver(second, paths.views);
    expect(resumed.position()).toBeLessThan(await second.journal.head());
    const end = await tell(second.journal, told.slice(half + 20));
    expect(end).toBe(told.length);
    expect(await resumed.caughtUp(end, PATIENCE_MS)).toBe(true);

    const now = lastMoment(told);
    await expectRecounted(resumed, second.journal, now);
    const fresh = await viewsOver(second);
    expect(await fresh.caughtUp(end, PATIENCE_MS)).toBe(true);
    expect(everything(resumed, now)).toEqual(everything(fresh, now));
    expect(resumed.parked()).toEqual([]);

    const middle = told[half]?.data.atMs ?? 0;
    const past = await resumed.past('alpha', middle);
    expect(past).toEqual(await fresh.past('alpha', middle));
    expect(past?.docs.collector.runs.started).toBeLessThan(
      resumed.docs('alpha')?.collector.runs.started ?? 0,
    );
  });
});
