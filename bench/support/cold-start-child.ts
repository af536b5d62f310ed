/**
 * One cold start in a process of its own: loads every actor of a journal, or (bare) only opens the files
 * and reads the snapshots. Tells how long it took and how large the process became.
 */
import { performance } from 'node:perf_hooks';
import Database from 'better-sqlite3';
import { breakerKind } from '../../src/actors/breaker/index.js';
import { collectorKind } from '../../src/actors/collector/index.js';
import { limiterKind } from '../../src/actors/limiter/index.js';
import { openToRead } from '../../src/journal/schema.sqlite.js';
import { streamsOf } from './fill.js';
import { hostOver, sqliteStores } from './world.js';

export type ColdStart = {
  readonly ms: number;
  /** From the start of the process: node itself and our modules included. */
  readonly sinceStartMs: number;
  readonly rssMiB: number;
  readonly replayed: number;
  readonly snapshotsIgnored: number;
};

const [mode = '', path = '', collectors = '0'] = process.argv.slice(2);
const began = performance.now();
const counts = await (mode === 'bare' ? bare() : ours());
const now = performance.now();
const told: ColdStart = { ms: now - began, sinceStartMs: now, rssMiB: rss(), ...counts };
process.send?.(told, () => process.exit(0));

function rss(): number {
  return process.memoryUsage().rss / 2 ** 20;
}

/** As the service does it: journal with its tail checked, host, every actor it knows. */
async function ours() {
  const stores = await sqliteStores(path);
  const host = hostOver(stores);
  await Promise.all(
    streamsOf(Number(collectors)).map((stream) => {
      if (stream.startsWith(collectorKind.category)) return host.actor(collectorKind, stream);
      if (stream.startsWith(breakerKind.category)) return host.actor(breakerKind, stream);
      return host.actor(limiterKind, stream);
    }),
  );
  const { replayed, snapshotsIgnored, quarantines } = host.statistics();
  if (quarantines > 0) throw new Error(`${String(quarantines)} actors could not be loaded`);
  return { replayed, snapshotsIgnored };
}

function bare() {
  const journal = openToRead(path);
  journal.prepare('SELECT max(position) FROM events').get();
  const db = new Database(`${path}.snapshots`, { readonly: true });
  const rows = db
    .prepare<[], { readonly snapshot: string }>('SELECT snapshot FROM snapshots')
    .all();
  for (const { snapshot } of rows) JSON.parse(snapshot);
  return { replayed: 0, snapshotsIgnored: 0 };
}
