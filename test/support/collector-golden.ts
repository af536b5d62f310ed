/**
 * Writes a golden history of a collector: stored events as this program writes them, and the state's
 * hash after each. Run it only to add a NEW file, for a new fact or a new schema version:
 *
 *   npx tsx test/support/collector-golden.ts test/golden/collector-3.json
 *
 * A file once committed is never written again: whatever the program becomes, it must fold for ever to
 * the hashes in it (or raise the kind's foldVersion and say why).
 */
import { writeFileSync } from 'node:fs';
import { argv } from 'node:process';
import { collectorKind, type CollectorFact } from '../../src/actors/collector/index.js';
import { folder } from '../../src/actors/fold.js';
import { stateHash } from '../../src/actors/state-hash.js';
import { HOUR_MS, MINUTE_MS } from '../../src/kernel/time.js';
import { configure, ended, given, NOON, startRun, type Given } from './collector-given.js';

type Command = Parameters<Given['when']>[0];

const facts: CollectorFact[] = [];
let now: Given = given();

function step(command: Command, atMs: number, chance = 0.25): void {
  const decision = now.when(command, NOON + atMs, chance);
  if (!decision.ok) throw new Error(`${command.type}: ${JSON.stringify(decision.refusal)}`);
  if (decision.facts.length === 0) throw new Error(`${command.type} decided nothing`);
  facts.push(...decision.facts);
  now = now.then(command, NOON + atMs, chance);
}

const page = (ordinal: number, more: object = {}): Command => ({
  type: 'Progress',
  run: 'run-1',
  page: {
    series: 'BTCUSDT/1m',
    cursor: `{"from":${String(ordinal)},"next":${String(ordinal * 100)}}`,
    ordinal,
    records: 100,
    newRecords: 99,
    gaps: [],
    ...more,
  },
});
const schedule = { intervalMs: 0, cron: '*/5 * * * *', zone: 'Europe/Berlin', jitter: 0 };
const obstacle = { cause: 'breaker', detail: 'the breaker is open', until: NOON + HOUR_MS };
const evidence = { sha256: 'ab'.repeat(32), bytes: 512.5 };
const disable = { type: 'Disable', reason: 'maintenance', drainMs: 10_000 } as const;
const restart = { type: 'Restart', reason: 'kick', drainMs: 10_000 } as const;
const timer = (name: string): Command => ({ type: 'TimerDue', name, generation: 0 });

// Registered, waits for its key, gets it, collects.
const keyless = { ...configure, missingKey: 'MORALIS_API_KEY', hasApiKey: false };
step({ ...keyless, schedule: { ...configure.schedule, jitter: 0.1 } }, 0);
step({ type: 'KeyMissing' }, 1);
step({ type: 'Recover' }, 1000);
step(configure, 1001);
step({ type: 'Connected' }, 1002, 0.75);
step(startRun, 2000);
step(page(1, { newestAt: NOON - 1 }), 2100);
step(page(2, { gaps: [{ fromMs: NOON - 900_000, toMs: NOON - 600_000, missing: 5 }] }), 2200);
step(ended('ok', { calls: 3, latencyP95Ms: 120.5 }), 2300);
// Every other end of a run.
step({ ...startRun, trigger: 'manual', priority: 'probe' }, 10_000);
step(ended('bad_data', { endpoint: 'klines', status: 200, evidence }), 10_500);
step({ ...startRun, obstacle }, MINUTE_MS);
step({ ...startRun, trigger: 'wake', priority: 'probe' }, 3 * MINUTE_MS);
step(ended('blocked', { obstacle: { cause: 'rate_limit', detail: 'full' } }), 3 * MINUTE_MS + 1);
step(startRun, 5 * MINUTE_MS);
step(ended('throttled', { until: NOON + 10 * MINUTE_MS, status: 429 }), 5 * MINUTE_MS + 1);
step(startRun, 11 * MINUTE_MS);
step(ended('crashed'), 11 * MINUTE_MS + 1, 0.9);
step(startRun, 12 * MINUTE_MS);
// The process dies within a run, and comes back to another schedule.
step({ type: 'Recover' }, 13 * MINUTE_MS);
step({ ...configure, schedule }, 13 * MINUTE_MS + 1);
step({ type: 'Connected' }, 13 * MINUTE_MS + 2);
// A drain cut short, a wish that ends, a cursor set by hand.
step(startRun, 20 * MINUTE_MS);
step({ ...disable, ttlMs: HOUR_MS }, 20 * MINUTE_MS + 1);
step(timer('drain'), 20 * MINUTE_MS + 10_001);
const cursor = { type: 'SetCursor', series: 'BTCUSDT/1m', cursor: '{"next":7}' } as const;
step({ ...cursor, ordinal: 2, cause: 'operator' }, 30 * MINUTE_MS);
step(timer('wish'), 80 * MINUTE_MS + 1);
step({ ...cursor, series: 'ETHUSDT/1m', cursor: 'null', ordinal: 4, cause: 'sink_behind' }, 81e5);
step({ type: 'Connected' }, 81e5);
// Suspended and lifted in each way, restarted in each state.
let at = 9e6;
for (const outcome of ['auth', 'quota_exhausted', 'banned']) {
  step(startRun, (at += 1000));
  step(ended(outcome, { until: NOON + 5 * HOUR_MS, status: 401 }), (at += 1000));
  const lift: Readonly<Record<string, Command>> = {
    auth: { type: 'Recover' },
    quota_exhausted: { type: 'Enable', reason: 'plan upgraded', ttlMs: 2 * HOUR_MS },
    banned: timer('suspension'),
  };
  step(lift[outcome] ?? { type: 'Recover' }, (at += 1000));
  step({ type: 'Connected' }, (at += 1000));
}
step(restart, (at += 1000));
step({ type: 'Connected' }, (at += 1000));
step(startRun, (at += 1000));
step(restart, (at += 1000));
step(ended('cancelled'), (at += 1000));
step({ type: 'Connected' }, (at += 1000));
step(disable, (at += 1000));
step({ type: 'Enable', reason: 'done' }, (at += 1000));
step({ type: 'Shutdown', drainMs: 8000 }, (at += 1000));
// Since collector-2: several upstreams, one without its key; warnings; a run that goes on by another.
const upstreamDetails = [
  { name: 'primary', scope: 'moralis-account', missingKey: '' },
  { name: 'second', scope: 'second-account', missingKey: 'SECOND_API_KEY' },
];
step({ ...configure, upstreams: ['primary', 'second'], upstreamDetails }, (at += 1000));
step({ type: 'Connected' }, (at += 1000));
step(startRun, (at += 1000));
step(ended('ok', { warnings: ['second: set SECOND_API_KEY'] }), (at += 1000));
step(startRun, (at += 1000));
const further = { upstream: 'second', isElsewhereFree: true, warnings: ['the second was cut off'] };
step(ended('auth', { ...further, status: 401, endpoint: 'news' }), (at += 1000));
step(startRun, (at += 1000));
step(ended('blocked', { isElsewhereFree: true }), at + 1000);

const [, , path] = argv;
if (path === undefined) {
  throw new Error('usage: npx tsx test/support/collector-golden.ts <new file>');
}
const fold = folder<unknown, CollectorFact>(collectorKind.machine);
let state = fold.initial();
const events = facts.map((fact) => {
  const folded = fold.apply(state, fact);
  if (folded === undefined) throw new Error(`${fact.type} has no arrow`);
  state = folded;
  return { ...collectorKind.codec.encode(fact), stateHash: stateHash(state) };
});
const head = `{"kind":"collector","foldVersion":${String(collectorKind.foldVersion)},"events":[`;
const lines = events.map((event) => JSON.stringify(event)).join(',\n');
// `wx`: never over a file that is there.
writeFileSync(path, `${head}\n${lines}\n]}\n`, { flag: 'wx' });
