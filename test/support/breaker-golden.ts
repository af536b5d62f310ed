/**
 * Writes a golden history of a breaker: stored events as this program writes them, and the state's hash
 * after each. Run it only to add a NEW file, for a new fact or a new schema version:
 *
 *   npx tsx test/support/breaker-golden.ts test/golden/breaker-2.json
 *
 * A file once committed is never written again: whatever the program becomes, it must fold for ever to
 * the hashes in it (or raise the kind's foldVersion and say why).
 */
import { writeFileSync } from 'node:fs';
import { argv } from 'node:process';
import { breakerKind } from '../../src/actors/breaker/index.js';
import { stateHash } from '../../src/actors/state-hash.js';
import { call, configure, configured, fold, report, retried } from './breaker-given.js';
import type { Given } from './breaker-given.js';

/** A life with everything in it: all nine facts, all nine triggers. */
function* life(): Generator<Given> {
  const closed = configured();
  yield closed;
  const some = closed.then(report(closed, 'ok', 'server', 'ok'), { at: closed.at + 1500 });
  yield some;
  const tripped = yield* next(some, ['server', 'server', 'bad_data', 'server', 'server']);
  const failed = yield* probed(tripped, ['server'], 0.125);
  const late = retried(failed);
  yield late;
  const { generation } = late.state.context;
  const reopened = late.then({ type: 'ProbeDeadline', generation }, { chance: 0.9 });
  yield reopened;
  const interrupted = retried(reopened);
  yield interrupted;
  const restarted = interrupted.then({ type: 'Recover' });
  yield restarted;
  const recovered = yield* probed(restarted, ['ok', 'ok', 'ok'], 0.5);
  const stricter = recovered.then(configure({ minimumCalls: 4, windowMs: 600_000 }));
  yield stricter;
  const rates = yield* next(stricter, ['ok', 'server', 'ok', 'server']);
  const byHand = rates.then({ type: 'SetState', state: 'closed' });
  yield byHand;
  const slow = ['ok', 'ok', 'ok', 'ok'].map((each) => call(byHand, each, { durationMs: 7000.25 }));
  const slowed = byHand.then({ type: 'ReportCalls', calls: slow }, { at: byHand.at + 7000 });
  yield slowed;
  const held = { type: 'Force', override: 'forced_open', reason: 'maintenance' } as const;
  const ending = slowed.then({ ...held, ttlMs: 60_000 }, { at: slowed.at + 1 });
  yield ending;
  const override = { type: 'TimerDue', name: 'override' } as const;
  const over = { ...override, generation: ending.state.context.generation };
  const free = ending.then(over, { at: ending.at + 60_000 });
  yield free;
  const measured = free.then({ type: 'Force', override: 'metrics_only', reason: '' });
  yield measured;
  const busy = yield* next(measured, ['server', 'ok', 'throttled']);
  const reset = busy.then({ type: 'Reset', reason: 'a new key' });
  yield reset;
  yield reset.then(report(reset, 'ok'), { at: reset.at + 900 });
}

function* next(given: Given, outcomes: readonly string[]): Generator<Given, Given> {
  const after = given.then(report(given, ...outcomes), { at: given.at + 1000, chance: 0.25 });
  yield after;
  return after;
}

function* probed(
  open: Given,
  outcomes: readonly string[],
  chance: number,
): Generator<Given, Given> {
  const half = retried(open);
  yield half;
  const after = half.then(report(half, ...outcomes), { at: half.at + 250, chance });
  yield after;
  return after;
}

const [, , path] = argv;
if (path === undefined) throw new Error('usage: npx tsx test/support/breaker-golden.ts <new file>');
let state = fold.initial();
const events = [...life()]
  .flatMap(({ facts }) => facts)
  .map((fact) => {
    const folded = fold.apply(state, fact);
    if (folded === undefined) throw new Error(`${fact.type} has no arrow`);
    state = folded;
    return { ...breakerKind.codec.encode(fact), stateHash: stateHash(state) };
  });
const head = `{"kind":"breaker","foldVersion":${String(breakerKind.foldVersion)},"events":[`;
const lines = events.map((event) => JSON.stringify(event)).join(',\n');
// `wx`: never over a file that is there.
writeFileSync(path, `${head}\n${lines}\n]}\n`, { flag: 'wx' });
