/**
 * A copy of what a dead service left on disk, and what is asked of it: does the journal verify, do the
 * read models, once they caught up, equal those that are folded anew (P7) and a recount by plain loops.
 */
import { cpSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { join } from 'node:path';
import { openJournal, verifyJournalFile } from '../../src/journal/index.js';
import type { Journal, StoredEvent } from '../../src/journal/port.js';
import { silentLogger } from '../../src/kernel/observe.js';
import { DAY_MS, systemClock } from '../../src/kernel/time.js';
import { openViews, type LiveViews } from '../../src/projections/index.js';
import { sentSince } from './process-checks.js';
import { recountRuns } from './projection-recount.js';

/** What must not be copied: it belongs to processes, and the lock to the one that had it. */
const LEFT_BEHIND = /(-shm|\.lock|\.owner)$/;
const PATIENCE_MS = 120_000;
const CHECKS_MAX = 1_000_000;

export function copyOf(dataDir: string, to: string): string {
  rmSync(to, { recursive: true, force: true });
  mkdirSync(to);
  for (const name of ['journal.db', 'views.db']) {
    for (const suffix of ['', '-wal', '.witness']) {
      const from = join(dataDir, `${name}${suffix}`);
      if (existsSync(from) && !LEFT_BEHIND.test(from)) cpSync(from, join(to, `${name}${suffix}`));
    }
  }
  return to;
}

/** Objections to a copied data directory; it is used up by this. */
export async function objectionsToCopy(
  directory: string,
  collectors: readonly string[],
  events: readonly StoredEvent[],
): Promise<readonly string[]> {
  // Killed before anything was written: the next start makes it.
  if (events.length === 0) return [];
  const path = join(directory, 'journal.db');
  const { first } = await verifyJournalFile(path);
  if (first !== undefined) return [`the journal does not verify: ${first.detail}`];
  const onFatal = (error: Error): void => {
    throw error;
  };
  const opened = await openJournal({ kind: 'sqlite', path }, onFatal);
  try {
    return await objectionsToViews(opened.journal, join(directory, 'views.db'), collectors, events);
  } finally {
    await opened.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function objectionsToViews(
  journal: Journal,
  path: string,
  collectors: readonly string[],
  events: readonly StoredEvent[],
): Promise<readonly string[]> {
  const parts = { journal, clock: systemClock(), log: silentLogger };
  const left = await openViews({ ...parts, path });
  const fresh = await openViews({ ...parts, memory: true });
  try {
    const head = await journal.head();
    for (const views of [left, fresh]) {
      views.start();
      if (!(await views.caughtUp(head, PATIENCE_MS))) return ['the read models do not catch up'];
    }
    const parked = left.parked().map(({ stream }) => `the read models parked ${stream}`);
    const now = Date.now();
    return [
      ...parked,
      ...collectors.flatMap((name) => [
        ...differences(name, everything(left, name, now), everything(fresh, name, now)),
        ...recounted(left, name, events, now),
      ]),
    ];
  } finally {
    await left.stop();
    await fresh.stop();
  }
}

/** All that can be asked about a collector, at one moment. */
function everything(
  views: LiveViews,
  name: string,
  now: number,
): Readonly<Record<string, unknown>> {
  return {
    docs: views.docs(name),
    health: views.health(name, now),
    checks: views.checks(name, 0, CHECKS_MAX),
    statistics: views.healthStatistics(name, now - DAY_MS),
    costs: views.costs(name, now),
    calls: views.callsToday(name, now),
  };
}

function differences(
  name: string,
  left: Readonly<Record<string, unknown>>,
  fresh: Readonly<Record<string, unknown>>,
): readonly string[] {
  return Object.keys(fresh)
    .filter((question) => !isDeepStrictEqual(left[question], fresh[question]))
    .map((question) => {
      const [was, is] = [left[question], fresh[question]].map((one) => JSON.stringify(one));
      return `${name}: ${question} of the read models is ${was ?? ''}, folded anew ${is ?? ''}`;
    });
}

/** Other code than the projections: what they would both get wrong shows here. */
function recounted(
  views: LiveViews,
  name: string,
  events: readonly StoredEvent[],
  now: number,
): readonly string[] {
  const docs = views.docs(name)?.collector;
  const runs = recountRuns(events, name);
  const told = { ...docs?.runs, ...docs?.records } as Readonly<Record<string, unknown>>;
  const counted = { ...runs } as Readonly<Record<string, unknown>>;
  const names = ['started', 'succeeded', 'failed', 'unknown', 'blocked', 'collected', 'added'];
  const midnight = Math.floor(now / DAY_MS) * DAY_MS;
  const calls = sentSince(events, name, midnight);
  return [
    ...names
      .filter((one) => told[one] !== counted[one])
      .map((one) => `${name}: ${one} is ${String(told[one])}, counted ${String(counted[one])}`),
    ...(views.callsToday(name, now) === calls
      ? []
      : [`${name}: ${String(views.callsToday(name, now))} calls today, counted ${String(calls)}`]),
  ];
}
