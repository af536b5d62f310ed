/** Journals of any size, made of realistic histories, appended through the journal itself. */
import { copyFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { stateHash } from '../../src/actors/state-hash.js';
import type { Journal, SnapshotStore } from '../../src/journal/port.js';
import { sqliteSnapshots } from '../../src/journal/snapshots.sqlite.js';
import { assert } from '../../src/kernel/errors.js';
import type { JsonObject } from '../../src/kernel/types.js';
import type { Life } from './life.js';
import { trio, type Trio } from './lives.js';
import { sqliteStores } from './world.js';

/** Runs of a collector in one append: the streams of a journal written over weeks are as mixed as that. */
const RUNS_PER_APPEND = 4;
/** As the machinery takes them. */
const SNAPSHOT_EVERY = 500;

export type Filled = {
  readonly path: string;
  readonly events: number;
  /** Snapshots every 500 facts: what a killed process leaves. */
  readonly snapshotsAfterKill: string;
  /** Snapshots at every head: what a process that stopped leaves. */
  readonly snapshotsAfterStop: string;
};

/**
 * A journal of at least so many events of so many collectors, each with a breaker and a limiter.
 * Made once per directory, and meant to be copied before it is written to.
 */
export async function filledJournal(
  directory: string,
  events: number,
  collectors: number,
): Promise<Filled> {
  const path = join(directory, `filled-${String(events)}-${String(collectors)}.db`);
  const snapshotsAfterKill = `${path}.snapshots-kill`;
  const snapshotsAfterStop = `${path}.snapshots-stop`;
  const isThere = existsSync(path);
  const stores = await sqliteStores(path);
  const { journal } = stores;
  if (!isThere) {
    const kill = sqliteSnapshots({ path: snapshotsAfterKill });
    const stop = sqliteSnapshots({ path: snapshotsAfterStop });
    await fill(journal, events, collectors, { kill, stop });
    kill.close();
    stop.close();
  }
  const head = await journal.head();
  await stores.close();
  return { path, events: head, snapshotsAfterKill, snapshotsAfterStop };
}

/** The same file elsewhere, closed and whole; without snapshots unless they are named. */
export function copyOf(filled: Filled, directory: string, snapshots?: string): string {
  const path = join(directory, 'journal.db');
  copyFileSync(filled.path, path);
  copyFileSync(`${filled.path}.witness`, `${path}.witness`);
  if (snapshots !== undefined) copyFileSync(snapshots, `${path}.snapshots`);
  return path;
}

export function streamsOf(collectors: number): readonly string[] {
  return namesOf(collectors).flatMap((name) =>
    ['collector', 'breaker', 'limiter'].map((category) => `${category}-${name}`),
  );
}

function namesOf(collectors: number): readonly string[] {
  return Array.from({ length: collectors }, (_, n) => `c${String(n).padStart(5, '0')}`);
}

type Snapshots = { readonly kill: SnapshotStore; readonly stop: SnapshotStore };
type AnyLife = Pick<Life<never, never>, 'stream' | 'kind' | 'state' | 'revision' | 'lastAt'> & {
  takeEvents: Life<never, never>['takeEvents'];
  takeFacts(): readonly unknown[];
};
/** How far a life is in the journal and in its snapshots. */
type Standing = { readonly life: AnyLife; revision: number; snapshot: number };

async function fill(
  journal: Journal,
  events: number,
  collectors: number,
  snapshots: Snapshots,
): Promise<void> {
  const trios = namesOf(collectors).map((name) => trio(name));
  const standings = trios.map((each, index) =>
    livesOf(each).map((life) => standingOf(life, index)),
  );
  let written = 0;
  for (let run = 0; written < events; run += RUNS_PER_APPEND) {
    const counts = await Promise.all(
      trios.map(async (each, index) => {
        for (let n = 0; n < RUNS_PER_APPEND; n += 1) each.run(run + n);
        return append(journal, standings[index] ?? [], snapshots.kill);
      }),
    );
    written += counts.reduce((sum, count) => sum + count, 0);
  }
  await Promise.all(
    trios.map(async (each, index) => {
      each.stop();
      await append(journal, standings[index] ?? [], snapshots.kill);
      for (const standing of standings[index] ?? []) await save(journal, standing, snapshots.stop);
    }),
  );
}

function livesOf({ collector, breaker, limiter }: Trio): readonly AnyLife[] {
  return [collector, breaker, limiter];
}

/** The first snapshots are taken at other moments for each: actors do not begin together. */
function standingOf(life: AnyLife, index: number): Standing {
  return { life, revision: -1, snapshot: -1 - ((index * 37) % SNAPSHOT_EVERY) };
}

async function append(
  journal: Journal,
  standings: readonly Standing[],
  snapshots: SnapshotStore,
): Promise<number> {
  let count = 0;
  for (const standing of standings) {
    const { life } = standing;
    const events = life.takeEvents();
    life.takeFacts();
    if (events.length === 0) continue;
    const result = await journal.append(life.stream, standing.revision, events);
    assert(result.kind === 'appended', `${life.stream} is written by this program alone`);
    standing.revision = result.revision;
    count += events.length;
    if (standing.revision - standing.snapshot >= SNAPSHOT_EVERY) {
      await save(journal, standing, snapshots);
      standing.snapshot = standing.revision;
    }
  }
  return count;
}

async function save(journal: Journal, { life }: Standing, snapshots: SnapshotStore): Promise<void> {
  const head = await journal.streamHead(life.stream);
  assert(head !== undefined, `${life.stream} is there`);
  const state = life.state();
  await snapshots.save({
    stream: life.stream,
    revision: head.revision,
    eventHash: head.hash,
    foldVersion: life.kind.foldVersion,
    stateHash: stateHash(state),
    state: { state, lastAt: life.lastAt() } as unknown as JsonObject,
  });
}
