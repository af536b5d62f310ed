/** P7: a read model equals a recount of the journal, whatever happened on the way. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { memoryJournal } from '../../src/journal/index.js';
import type { Journal } from '../../src/journal/port.js';
import { silentLogger } from '../../src/kernel/observe.js';
import { DAY_MS, systemClock } from '../../src/kernel/time.js';
import { openViews } from '../../src/projections/index.js';
import type { LiveViews } from '../../src/projections/index.js';
import { BEGIN, foundation, histories, NAMES } from '../support/projection-history.js';
import { inPagesOf, journalOf, tell } from '../support/projection-journal.js';
import { everything, expectRecounted, lastMoment } from '../support/projection-expect.js';

const clock = systemClock();
const parts = { clock, log: silentLogger };
const PATIENCE_MS = 20_000;

let directory: string;
let opened: LiveViews[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'headgate-views-'));
});
afterEach(async () => {
  for (const views of opened) await views.stop();
  opened = [];
  rmSync(directory, { recursive: true, force: true });
});

async function open(journal: Journal, path?: string): Promise<LiveViews> {
  const where = path === undefined ? { memory: true as const } : { path };
  const views = await openViews({ ...parts, journal, ...where });
  opened.push(views);
  views.start();
  return views;
}

async function close(views: LiveViews): Promise<void> {
  opened = opened.filter((each) => each !== views);
  await views.stop();
}

async function caughtUp(journal: Journal, path?: string): Promise<LiveViews> {
  const views = await open(journal, path);
  expect(await views.caughtUp(await journal.head(), PATIENCE_MS)).toBe(true);
  return views;
}

/** `c.b.l`: one more than the newest revision a principal wrote, of each of its three actors. */
async function revisionsOf(journal: Journal, name: string): Promise<string> {
  const scopes = name === 'alpha' ? ['shared'] : ['own', 'shared'];
  const commanded = async (stream: string): Promise<number> => {
    const { events } = await journal.read(stream, 0, 1000);
    const last = events.findLast(({ metadata }) => metadata.interface !== 'system');
    return (last?.revision ?? -1) + 1;
  };
  const limiters = await Promise.all(scopes.map((scope) => commanded(`limiter-${scope}`)));
  const limiter = limiters.reduce((sum, each) => sum + each, 0);
  return [await commanded(`collector-${name}`), await commanded(`breaker-${name}`), limiter].join(
    '.',
  );
}

describe('projections, recounted', () => {
  it('P7: equals a recount of the journal', async () => {
    await fc.assert(
      fc.asyncProperty(histories(80), async (told) => {
        const journal = await journalOf(told);
        const views = await caughtUp(journal);
        await expectRecounted(views, journal, lastMoment(told));
        await close(views);
      }),
      { numRuns: 40 },
    );
  });

  it('C4: calls shown never go down as the journal grows', async () => {
    await fc.assert(
      fc.asyncProperty(histories(30), async (told) => {
        const { journal } = memoryJournal();
        const views = await open(journal);
        const moments = [BEGIN, lastMoment(told)];
        const shown = (): readonly number[] =>
          NAMES.flatMap((name) => moments.map((now) => views.callsToday(name, now)));
        let before = shown();
        for (const one of told) {
          expect(await views.caughtUp(await tell(journal, [one]), PATIENCE_MS)).toBe(true);
          const after = shown();
          after.forEach((calls, i) => {
            expect(calls).toBeGreaterThanOrEqual(before[i] ?? 0);
          });
          before = after;
        }
        await close(views);
      }),
      { numRuns: 15 },
    );
  });

  it('P7: is the same after kills at random points, in pages of any size', async () => {
    let run = 0;
    await fc.assert(
      fc.asyncProperty(
        histories(50),
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 3 }),
        fc.integer({ min: 1, max: 9 }),
        async (told, kills, pageEvents) => {
          run += 1;
          const path = join(directory, `${String(run)}.db`);
          const { journal } = memoryJournal();
          let from = 0;
          for (const kill of [...kills].sort((a, b) => a - b)) {
            const to = Math.floor(kill * told.length);
            const views = await open(inPagesOf(journal, pageEvents), path);
            const position = await tell(journal, told.slice(from, to));
            // Somewhere on the way: whatever it has applied by now is what it has.
            await views.caughtUp(Math.floor(position * kill), PATIENCE_MS);
            await close(views);
            from = Math.max(from, to);
          }
          await tell(journal, told.slice(from));
          const killed = await caughtUp(inPagesOf(journal, pageEvents), path);
          const fresh = await caughtUp(journal);
          const now = lastMoment(told);
          expect(everything(killed, now)).toEqual(everything(fresh, now));
          await close(killed);
          await close(fresh);
        },
      ),
      { numRuns: 25 },
    );
  });

  it('P7: is the same after a rebuild, while new events arrive', async () => {
    await fc.assert(
      fc.asyncProperty(histories(40), async (told) => {
        const half = Math.floor(told.length / 2);
        const journal = await journalOf(told.slice(0, half));
        const views = await caughtUp(inPagesOf(journal, 5));
        const rebuilds = views.projections().map((name) => views.rebuild(name));
        await tell(journal, told.slice(half));
        await Promise.all(rebuilds);
        expect(await views.caughtUp(await journal.head(), PATIENCE_MS)).toBe(true);
        const fresh = await caughtUp(journal);
        const now = lastMoment(told);
        expect(everything(views, now)).toEqual(everything(fresh, now));
        await close(views);
        await close(fresh);
      }),
      { numRuns: 20 },
    );
  });

  it('P7: what it says of a moment is the fold of what had happened until then', async () => {
    await fc.assert(
      fc.asyncProperty(
        histories(40),
        fc.double({ min: 0, max: 1, noNaN: true }),
        async (told, share) => {
          const journal = await journalOf(told);
          const at = told[Math.floor(share * (told.length - 1))]?.data.atMs ?? 0;
          const views = await open(journal);
          const known = await journalOf(told.filter(({ data }) => data.atMs <= at));
          const then = await caughtUp(known);
          for (const name of NAMES) {
            const { revision, ...past } = (await views.past(name, at)) ?? expect.fail();
            expect(past).toEqual({
              docs: then.docs(name),
              health: then.health(name, at),
              checks: then.checks(name, at - DAY_MS, 100_000),
              healthStatistics: then.healthStatistics(name, at - DAY_MS),
              costs: then.costs(name, at),
              callsToday: then.callsToday(name, at),
            });
            expect(revision).toBe(await revisionsOf(known, name));
          }
          await close(views);
          await close(then);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('says nothing of a collector that did not exist then', async () => {
    const journal = await journalOf(foundation());
    const views = await open(journal);
    expect(await views.past('alpha', 1)).toBeUndefined();
    expect(await views.past('nobody', Date.UTC(2030, 0))).toBeUndefined();
    const later = await views.past('alpha', Date.UTC(2030, 0));
    expect(later?.docs.breakers.map((b) => b.stream)).toEqual([
      'breaker-alpha',
      'breaker-alpha.second',
    ]);
  });

  it('two processes on one store both follow, and nothing is counted twice', async () => {
    let run = 0;
    await fc.assert(
      fc.asyncProperty(histories(30), fc.integer({ min: 1, max: 7 }), async (told, pageEvents) => {
        run += 1;
        const path = join(directory, `shared-${String(run)}.db`);
        const { journal } = memoryJournal();
        const one = await open(inPagesOf(journal, pageEvents), path);
        const two = await open(inPagesOf(journal, pageEvents + 2), path);
        const head = await tell(journal, told);
        expect(await one.caughtUp(head, PATIENCE_MS)).toBe(true);
        expect(await two.caughtUp(head, PATIENCE_MS)).toBe(true);
        const fresh = await caughtUp(journal);
        const now = lastMoment(told);
        expect(everything(one, now)).toEqual(everything(fresh, now));
        expect(everything(two, now)).toEqual(everything(fresh, now));
        for (const views of [one, two, fresh]) await close(views);
      }),
      { numRuns: 10 },
    );
  });

  it('a recount that differs would be noticed', async () => {
    const journal = await journalOf(foundation());
    const views = await caughtUp(journal);
    const run = { atMs: BEGIN, run: 'r' };
    const more = await journalOf([
      ...foundation(),
      { stream: 'collector-alpha', type: 'RunStarted', data: run },
    ]);
    await expect(expectRecounted(views, more, run.atMs + DAY_MS)).rejects.toThrow();
  });
});
