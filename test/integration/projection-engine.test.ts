/** The projector engine: parking, compare-and-set, versions, checkpoints, failures. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { memoryJournal } from '../../src/journal/index.js';
import { JournalUnavailable, type Journal } from '../../src/journal/port.js';
import { silentLogger, type MetricFamily } from '../../src/kernel/observe.js';
import { systemClock } from '../../src/kernel/time.js';
import { CheckpointPastHead, openViews } from '../../src/projections/index.js';
import type { LiveViews } from '../../src/projections/index.js';
import { allProjections, type ViewsOptions } from '../../src/projections/live-views.js';
import { put, type Handlers, type Projection } from '../../src/projections/projection.js';
import { projector } from '../../src/projections/projector.js';
import { COLLECTOR_DOCS, statusProjection } from '../../src/projections/status.js';
import { sqliteReadStore } from '../../src/projections/store.sqlite.js';
import { incoming } from '../../src/projections/facts.js';
import { settle, virtualClock } from '../support/clock.js';
import { BEGIN, foundation } from '../support/projection-history.js';
import { inPagesOf, journalOf, tell, type Told } from '../support/projection-journal.js';

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

async function open(
  journal: Journal,
  more: Partial<ViewsOptions> & { readonly path?: string } = {},
): Promise<LiveViews> {
  const where = more.path === undefined ? { memory: true as const } : { path: more.path };
  const parts = { clock: systemClock(), log: silentLogger, journal };
  const views = await openViews({ ...parts, ...more, ...where });
  opened.push(views);
  return views;
}

async function follow(views: LiveViews, position: number): Promise<void> {
  views.start();
  expect(await views.caughtUp(position, PATIENCE_MS)).toBe(true);
}

async function close(views: LiveViews): Promise<void> {
  opened = opened.filter((each) => each !== views);
  await views.stop();
}

function run(collector: string, n: number): Told {
  const data = { atMs: BEGIN + n * 1000, run: `r${String(n)}` };
  return { stream: `collector-${collector}`, type: 'RunStarted', data };
}

/** The status projection with other handlers, the rest as they are. */
function withStatus(change: { version?: number; handlers?: Handlers }): readonly Projection[] {
  const { version = statusProjection.version, handlers = {} } = change;
  const status = { ...statusProjection, version };
  return allProjections().map((projection) =>
    projection.name === 'status'
      ? { ...status, handlers: { ...statusProjection.handlers, ...handlers } }
      : projection,
  );
}

/** A handler that fails for one collector while `isBroken()`. */
function poisoned(stream: string, isBroken: () => boolean): readonly Projection[] {
  const healthy = statusProjection.handlers.RunStarted;
  return withStatus({
    handlers: {
      RunStarted: (fact, where, rows) => {
        if (where.stream === stream && isBroken()) throw new Error('poison');
        return healthy?.(fact, where, rows) ?? [];
      },
    },
  });
}

function sampleOf(families: readonly MetricFamily[], name: string, projection: string): number {
  const family = families.find((each) => each.name === name);
  const sample = family?.samples.find(({ labels }) => labels.projection === projection);
  return sample?.value ?? NaN;
}

describe('a poison event', () => {
  const told = [...foundation(), run('alpha', 1), run('alpha-2', 2), run('alpha', 3)];

  it('parks one stream only; its later facts wait with it, all others go on', async () => {
    const journal = await journalOf(told);
    const views = await open(journal, { projections: poisoned('collector-alpha', () => true) });
    await follow(views, await journal.head());
    expect(views.docs('alpha')?.collector.runs.started).toBe(0);
    expect(views.docs('alpha-2')?.collector.runs.started).toBe(1);
    const [parked, ...others] = views.parked();
    expect(others).toEqual([]);
    expect(parked).toMatchObject({ projection: 'status', stream: 'collector-alpha', events: 2 });
    expect(parked).toMatchObject({ fromRevision: 2, toRevision: 3, error: 'poison' });
    expect(sampleOf(views.metrics(), 'headgate_projection_parked_events', 'status')).toBe(2);
  });

  it('stays parked over a restart, then is told in order once its handler can', async () => {
    const path = join(directory, 'views.db');
    const journal = await journalOf(told);
    let isBroken = true;
    const projections = poisoned('collector-alpha', () => isBroken);
    const before = await open(inPagesOf(journal, 1), { path, projections });
    await follow(before, await journal.head());
    await close(before);
    const views = await open(journal, { path, projections });
    await follow(views, await tell(journal, [run('alpha', 4)]));
    expect(await views.replayParked('status')).toMatchObject({ events: 0 });
    expect(views.parked()).toMatchObject([{ fromRevision: 2, toRevision: 4, events: 3 }]);
    isBroken = false;
    expect(await views.replayParked('status', 'collector-alpha-2')).toMatchObject({ events: 0 });
    const changes = views.changes('alpha');
    expect(await views.replayParked('status')).toEqual({ events: 3, stillParked: [] });
    expect(views.changes('alpha')).toBeGreaterThan(changes);
    expect(views.docs('alpha')?.collector).toMatchObject({
      runs: { started: 3 },
      lastRun: { run: 'r4' },
    });
    await follow(views, await tell(journal, [run('alpha', 5)]));
    expect(views.docs('alpha')?.collector.runs.started).toBe(4);
  });

  it('two replays at once tell each fact once', async () => {
    const journal = await journalOf(told);
    let isBroken = true;
    const views = await open(journal, {
      projections: poisoned('collector-alpha', () => isBroken),
    });
    await follow(views, await journal.head());
    isBroken = false;
    const replays = await Promise.all([views.replayParked('status'), views.replayParked('status')]);
    expect(replays.map(({ events }) => events).sort()).toEqual([0, 2]);
    expect(views.docs('alpha')?.collector.runs.started).toBe(2);
  });

  it('two replays at once, stuck at the same fact, tell those before it once', async () => {
    const journal = await journalOf(told);
    let broken = ['r1', 'r3'];
    const healthy = statusProjection.handlers.RunStarted;
    const projections = withStatus({
      handlers: {
        RunStarted: (fact, where, rows) => {
          if (broken.includes(fact.run)) throw new Error('poison');
          return healthy?.(fact, where, rows) ?? [];
        },
      },
    });
    const views = await open(journal, { projections });
    await follow(views, await journal.head());
    broken = ['r3'];
    await Promise.all([views.replayParked('status'), views.replayParked('status')]);
    expect(views.docs('alpha')?.collector.runs.started).toBe(1);
    expect(views.parked()).toMatchObject([{ fromRevision: 3, events: 1 }]);
  });

  it('a fact of a newer program parks its stream in every projection that reads it', async () => {
    const journal = await journalOf(foundation());
    await tell(journal, [run('alpha', 1)], 99);
    const views = await open(journal);
    await follow(views, await tell(journal, [run('alpha-2', 2)]));
    expect(views.parked()).toMatchObject([{ projection: 'status', stream: 'collector-alpha' }]);
    expect(views.parked()[0]?.error).toContain('schema version 99');
    expect(views.docs('alpha-2')?.collector.runs.started).toBe(1);
  });

  it('a type that no read model knows changes nothing', async () => {
    const journal = await journalOf(foundation());
    const views = await open(journal);
    const strange = { stream: 'collector-alpha', type: 'CommandAnswered', data: { atMs: BEGIN } };
    await follow(views, await tell(journal, [strange, run('alpha', 1)]));
    expect(views.parked()).toEqual([]);
    expect(views.docs('alpha')?.collector.runs.started).toBe(1);
  });

  it('E4: over a thousand parked streams the projection halts; the others go on', async () => {
    const many = Array.from({ length: 1002 }, (_, n) => run(`c${String(n)}`, n));
    const journal = await journalOf(many);
    const broken: Handlers = {
      RunStarted: () => {
        throw new Error('wrong for everyone');
      },
    };
    const views = await open(inPagesOf(journal, 100), {
      projections: withStatus({ handlers: broken }),
    });
    views.start();
    const head = await journal.head();
    const halted = async (): Promise<void> => {
      while (sampleOf(views.metrics(), 'headgate_projection_halted', 'status') === 0) {
        await settle();
      }
    };
    await halted();
    while (sampleOf(views.metrics(), 'headgate_projection_lag_events', 'costs') > 0) await settle();
    expect(views.parked().length).toBeLessThanOrEqual(1000);
    expect(await views.caughtUp(head, 0)).toBe(false);
    expect(views.position()).toBeLessThan(head);
  });
});

describe('the checkpoint', () => {
  it('E1: of two projectors on one store the loser reads again and tells nothing twice', async () => {
    const store = sqliteReadStore(':memory:');
    const instance = store.create('status', 1, 'serving');
    const make = () => projector(statusProjection, store, instance, () => undefined, silentLogger);
    const [one, two] = [make(), make()];
    const journal = await journalOf([...foundation(), run('alpha', 1), run('alpha', 2)]);
    const { events, next } = await journal.readAll(0, {}, 500);
    const page = events.map(incoming);
    expect(one.apply(0, page, { next, last: undefined })).toBe('applied');
    expect(two.position()).toBe(0);
    expect(two.apply(0, page, { next, last: undefined })).toBe('applied');
    expect(two.position()).toBe(next);
    expect(two.instance().moves).toBe(1);
    expect(two.rows.get(COLLECTOR_DOCS, 'alpha')?.doc.runs.started).toBe(2);
    store.close();
  });

  it('E2: a page that does not follow the checkpoint is not applied', async () => {
    const store = sqliteReadStore(':memory:');
    const instance = store.create('status', 1, 'serving');
    const one = projector(statusProjection, store, instance, () => undefined, silentLogger);
    const journal = await journalOf([...foundation(), run('alpha', 1)]);
    const { events, next } = await journal.readAll(3, {}, 500);
    expect(one.apply(3, events.map(incoming), { next, last: undefined })).toBe('behind');
    expect(one.position()).toBe(0);
    store.close();
  });

  it('E2: of a page that overlaps the checkpoint only the rest is applied', async () => {
    const store = sqliteReadStore(':memory:');
    const instance = store.create('status', 1, 'serving');
    const one = projector(statusProjection, store, instance, () => undefined, silentLogger);
    const journal = await journalOf([...foundation(), run('alpha', 1), run('alpha', 2)]);
    const { events, next } = await journal.readAll(0, {}, 500);
    const half = next - 1;
    one.apply(0, events.slice(0, half).map(incoming), { next: half, last: undefined });
    expect(one.rows.get(COLLECTOR_DOCS, 'alpha')?.doc.runs.started).toBe(1);
    one.apply(0, events.map(incoming), { next, last: undefined });
    expect(one.rows.get(COLLECTOR_DOCS, 'alpha')?.doc.runs.started).toBe(2);
    store.close();
  });

  it('R1: when the commit fails nothing of the page is kept, in the store or in memory', async () => {
    const store = sqliteReadStore(':memory:');
    let isFailing = true;
    const flaky = {
      ...store,
      commit: (...of: Parameters<typeof store.commit>) => {
        if (isFailing) throw new Error('disk full');
        return store.commit(...of);
      },
    };
    const instance = store.create('status', 1, 'serving');
    const one = projector(statusProjection, flaky, instance, () => undefined, silentLogger);
    const journal = await journalOf([...foundation(), run('alpha', 1)]);
    const { events, next } = await journal.readAll(0, {}, 500);
    const page = events.map(incoming);
    expect(() => one.apply(0, page, { next, last: undefined })).toThrow('disk full');
    expect(one.rows.get(COLLECTOR_DOCS, 'alpha')).toBeUndefined();
    isFailing = false;
    one.apply(0, page, { next, last: undefined });
    expect(one.rows.get(COLLECTOR_DOCS, 'alpha')?.doc.runs.started).toBe(1);
    store.close();
  });

  it('past the head of the journal is refused, or built anew when told so', async () => {
    const path = join(directory, 'views.db');
    const long = await journalOf([...foundation(), run('alpha', 1), run('alpha', 2)]);
    const views = await open(long, { path });
    await follow(views, await long.head());
    await close(views);
    const short = await journalOf(foundation());
    await expect(open(short, { path })).rejects.toThrow(CheckpointPastHead);
    const rebuilt = await open(short, { path, onRegression: 'rebuild' });
    await follow(rebuilt, await short.head());
    expect(rebuilt.docs('alpha')?.collector.runs.started).toBe(0);
  });

  it('of another journal is refused even when that journal is longer', async () => {
    const path = join(directory, 'views.db');
    const mine = await journalOf([...foundation(), run('alpha', 1)]);
    const views = await open(mine, { path });
    await follow(views, await mine.head());
    await close(views);
    const other = await journalOf([...foundation(), run('alpha', 9), run('alpha', 10)]);
    await expect(open(other, { path })).rejects.toThrow(/another one/);
    await follow(await open(mine, { path }), await mine.head());
  });
});

describe('a new version', () => {
  const renamed = (version = statusProjection.version + 1): readonly Projection[] =>
    withStatus({
      version,
      handlers: {
        CollectorRegistered: (fact, where, rows) => {
          const [write] = statusProjection.handlers.CollectorRegistered?.(fact, where, rows) ?? [];
          if (write?.kind !== 'put') return [];
          const { doc } = write.body as NonNullable<(typeof COLLECTOR_DOCS)['row']>;
          const next = { ...doc, source: 'renamed' };
          return [put(COLLECTOR_DOCS, fact.name, { doc: next, revision: 0 }, [fact.name])];
        },
      },
    });

  it('V2: is built beside the old rows, which serve until it has caught up', async () => {
    const path = join(directory, 'views.db');
    const journal = await journalOf(foundation());
    const old = await open(journal, { path });
    await follow(old, await journal.head());
    await close(old);
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const gated: Journal = {
      ...journal,
      async *subscribe(...of) {
        if (of[0] === 0) await gate;
        yield* journal.subscribe(...of);
      },
    };
    const views = await open(gated, { path, projections: renamed() });
    views.start();
    const head = await tell(journal, [run('alpha', 1)]);
    await settle();
    expect(views.docs('alpha')?.collector).toMatchObject({ source: 'fake', runs: { started: 0 } });
    expect(await views.caughtUp(head, 0)).toBe(false);
    release();
    expect(await views.caughtUp(head, PATIENCE_MS)).toBe(true);
    expect(views.docs('alpha')?.collector).toMatchObject({
      source: 'renamed',
      runs: { started: 1 },
    });
    await follow(views, await tell(journal, [run('alpha', 2)]));
    expect(views.docs('alpha')?.collector.runs.started).toBe(2);
    await close(views);
    const again = await open(journal, { path, projections: renamed() });
    expect(again.docs('alpha')?.collector.source).toBe('renamed');
  });

  it('asked for while it is being built, it is the same building', async () => {
    const journal = await journalOf([...foundation(), run('alpha', 1)]);
    const views = await open(inPagesOf(journal, 2));
    await follow(views, await journal.head());
    await Promise.all([views.rebuild('status'), views.rebuild('status'), views.rebuild('costs')]);
    const rebuilds = views.metrics().find(({ name }) => name.endsWith('rebuilds_total'));
    expect(rebuilds?.samples[0]?.value).toBe(2);
    expect(views.docs('alpha')?.collector.runs.started).toBe(1);
  });

  it('R3: leaves no row of the old one behind', () => {
    const store = sqliteReadStore(':memory:');
    const old = store.create('status', 1, 'serving');
    const writes = Array.from({ length: 25 }, (_, n) =>
      put(COLLECTOR_DOCS, `c${String(n)}`, { doc: {}, revision: 0 } as never, []),
    );
    const to = { position: 1, eventPosition: 1, eventHash: 'x' };
    const stuck = { stream: 's', fromRevision: 0, toRevision: 0, fromPosition: 1, events: 1 };
    const parked = [{ ...stuck, error: 'e' }];
    expect(store.commit(old.id, { moves: 0, to, writes, parked, unparked: [] })).toBe(true);
    expect(store.parked(old.id)).toEqual(parked);
    const built = store.create('status', 2, 'building');
    store.activate(built.id);
    expect(store.instances().map(({ version, state }) => [version, state])).toEqual([
      [2, 'serving'],
    ]);
    expect(store.commit(old.id, { moves: 1, to, writes, parked, unparked: [] })).toBe(false);
    const slices: number[] = [];
    for (let gone = store.purge(10); gone > 0; gone = store.purge(10)) slices.push(gone);
    expect(slices).toEqual([10, 10, 5]);
    expect(store.row(old.id, COLLECTOR_DOCS.name, 'c0')).toBeUndefined();
    expect(store.parked(old.id)).toEqual([]);
    store.close();
  });

  it('goes on where an earlier process stopped building it', async () => {
    const path = join(directory, 'views.db');
    const journal = await journalOf(foundation());
    await follow(await open(journal, { path }), await journal.head());
    await close(opened[0] ?? (await open(journal)));
    const one = inPagesOf(journal, 1);
    const asked: number[] = [];
    const stuck: Journal = {
      ...journal,
      async *subscribe(after, filter, signal) {
        asked.push(after);
        let pages = 0;
        for await (const page of one.subscribe(after, filter, signal)) {
          yield page;
          pages += 1;
          if (after < 9 && pages === 3)
            await new Promise((go) => signal.addEventListener('abort', go));
        }
      },
    };
    const first = await open(stuck, { path, projections: renamed() });
    first.start();
    await settle();
    await close(first);
    const second = await open(stuck, { path, projections: renamed() });
    second.start();
    await settle();
    expect(asked).toContain(3);
    await close(second);
  });

  it('all versions new at once: everything is built and then followed', async () => {
    const path = join(directory, 'views.db');
    const journal = await journalOf([...foundation(), run('alpha', 1)]);
    const old = await open(journal, { path });
    await follow(old, await journal.head());
    await close(old);
    const projections = allProjections().map((each) => ({ ...each, version: each.version + 7 }));
    const views = await open(inPagesOf(journal, 3), { path, projections });
    views.start();
    await follow(views, await tell(journal, [run('alpha', 2)]));
    await follow(views, await tell(journal, [run('alpha', 3)]));
    expect(views.docs('alpha')?.collector.runs.started).toBe(3);
  });
});

describe('following', () => {
  it('F2: pauses after a failure of the journal, and goes on where it was', async () => {
    const clock = virtualClock();
    const { journal } = memoryJournal();
    await tell(journal, foundation());
    let failures = 2;
    const flaky: Journal = {
      ...journal,
      subscribe(...of) {
        failures -= 1;
        if (failures >= 0) throw new JournalUnavailable('not now');
        return journal.subscribe(...of);
      },
    };
    const views = await open(flaky, { clock });
    views.start();
    const there = views.caughtUp(await journal.head(), 60_000);
    await clock.advance(250);
    expect(views.position()).toBe(0);
    await clock.advance(500);
    expect(await there).toBe(true);
    const failed = views.metrics().find(({ name }) => name.endsWith('failures_total'));
    expect(failed?.samples[0]?.value).toBe(2);
  });

  it('waits for a position as long as it is told, and not longer', async () => {
    const clock = virtualClock();
    const journal = await journalOf(foundation());
    const views = await open(journal, { clock });
    views.start();
    const head = await journal.head();
    await settle();
    expect(await views.caughtUp(head, 0)).toBe(true);
    const late = views.caughtUp(head + 1, 2000);
    const intime = views.caughtUp(head + 1, 9000);
    await clock.advance(2000);
    expect(await late).toBe(false);
    await tell(journal, [run('alpha', 1)]);
    expect(await intime).toBe(true);
    expect(clock.pending()).toBe(0);
  });

  it('whoever still waits when it stops is told that it is not there', async () => {
    const views = await open(await journalOf(foundation()));
    views.start();
    const waiting = views.caughtUp(1_000_000, PATIENCE_MS);
    await close(views);
    expect(await waiting).toBe(false);
  });

  it('empties a file that is no database, for everything in it is in the journal', async () => {
    const path = join(directory, 'views.db');
    writeFileSync(path, 'not a database at all, but long enough to be read as one'.repeat(100));
    const journal = await journalOf(foundation());
    const views = await open(journal, { path });
    await follow(views, await journal.head());
    expect(views.names()).toEqual(['alpha', 'alpha-2']);
  });

  it('counts a change of what is shown for the collectors it concerns only', async () => {
    const journal = await journalOf(foundation());
    const views = await open(journal);
    await follow(views, await journal.head());
    const before = [views.changes('alpha'), views.changes('alpha-2')];
    await follow(views, await tell(journal, [run('alpha', 1)]));
    expect(views.changes('alpha')).toBe((before[0] ?? 0) + 1);
    expect(views.changes('alpha-2')).toBe(before[1]);
  });
});
