/**
 * One guarded call, admitted, that succeeds: what our gates cost against a bare await, cockatiel and
 * opossum, with every call's record kept.
 */
import type { BenchOptions } from './support/options.js';
import {
  bareAwait,
  byBoth,
  byBreaker,
  cockatielConsecutive,
  cockatielSampling,
  opossum,
  ourGates,
  unrecorded,
  withTimeoutMs,
  type Guard,
} from './support/guards.js';
import { costRatio, interleaved, type Measured, type Subject } from './support/measure.js';
import { atMost, figure, type Report, type Verdict } from './support/report.js';
import { BATCH, CALLS, inARow, WARM_UP_CALLS } from './support/row.js';
import { hostOver, memoryStores } from './support/world.js';

const NAMES = {
  bare: 'bare await',
  cockatiel: 'cockatiel 3, consecutive breaker',
  sampling: 'cockatiel 3, sampling breaker',
  opossum: 'opossum 9, no timeout',
  opossumTimeout: 'opossum 9, with its timeout',
  breakerAlone: 'breaker gate, its records taken by nobody',
  bothAlone: 'limiter + breaker, the breaker’s records taken by nobody',
  breakerRecorded: 'breaker gate, recorded',
  bothRecorded: 'limiter + breaker, recorded',
} as const;
type Name = keyof typeof NAMES;

export async function guardedCall({ rounds }: BenchOptions): Promise<Report> {
  const stores = memoryStores();
  const host = hostOver(stores);
  const gates = await ourGates(host);
  const alone = unrecorded(gates.breakerHandle, host);
  const [plain, timed] = [opossum(false), opossum(withTimeoutMs)];
  const guards: Readonly<Record<Name, Guard>> = {
    bare: bareAwait,
    cockatiel: cockatielConsecutive(),
    sampling: cockatielSampling(),
    opossum: plain.guard,
    opossumTimeout: timed.guard,
    breakerAlone: byBreaker(alone),
    bothAlone: byBoth(alone, gates.limiters),
    breakerRecorded: byBreaker(gates.breaker),
    bothRecorded: byBoth(gates.breaker, gates.limiters),
  };
  const subject = (name: Name): Subject => {
    return async () => {
      const round = await inARow(guards[name], CALLS);
      await gates.flush();
      return round;
    };
  };
  const names = Object.keys(guards) as Name[];
  const subjects = Object.fromEntries(names.map((name) => [name, subject(name)]));
  for (const name of names) await inARow(guards[name], WARM_UP_CALLS);
  const seen = await interleaved(subjects as Readonly<Record<Name, Subject>>, rounds);
  const lost = gates.breaker.unrecorded();
  gates.close();
  for (const peer of [plain, timed]) peer.end();
  await host.stop();
  await stores.close();
  return told(seen, rounds, lost);
}

function told(seen: Readonly<Record<Name, Measured>>, rounds: number, lost: number): Report {
  const names = Object.keys(NAMES) as Name[];
  const rows = names.map((name) => {
    const one = seen[name];
    const against = (peer: Name): string => figure(costRatio(one, seen[peer]));
    const [p50, p99] = [one.p50Ms * 1e6, one.p99Ms * 1e6];
    const peers = [against('bare'), against('cockatiel'), against('opossumTimeout')];
    return [NAMES[name], one.cpuNs, p50, p99, ...peers];
  });
  const against = (mine: Name, peer: Name, most: number): Verdict => {
    const what = `${NAMES[mine]} / ${NAMES[peer]}`;
    return atMost(what, costRatio(seen[mine], seen[peer]), most, ' ×');
  };
  return {
    title: 'an admitted, successful call',
    lead:
      'Calls one after the other as fast as they go, each guarding work that answers at once. Ours as ' +
      'the door uses them: peek, a permit of a durable reservation block (a rolling bucket and a ' +
      "month's quota, weights 1 and 50), admission, `spend`, both reports. *Recorded*: every call " +
      'ends in the journal as `CallsRecorded` (100 calls a fact), blocks as `UnitsReserved` and ' +
      '`UnitsSettled`; decision, fold, state hash, encoding and hash chain of these facts are inside ' +
      'the time as far as they run on the calling thread; the wait for the last of them is not.',
    tables: [
      {
        caption: `${figure(CALLS)} calls a round, medians of ${String(rounds)} rounds; p50 and p99 are of ${String(BATCH)} calls in a row, per call.`,
        columns: ['guard', 'CPU ns/call', 'p50 ns', 'p99 ns', '× bare', '× cockatiel', '× opossum'],
        rows,
      },
    ],
    verdicts: [
      against('breakerAlone', 'cockatiel', 1.2),
      against('bothAlone', 'cockatiel', 1.2),
      against('bothRecorded', 'cockatiel', 1.2),
      against('breakerAlone', 'opossumTimeout', 0.4),
      against('bothAlone', 'opossumTimeout', 0.4),
      against('bothRecorded', 'opossumTimeout', 0.4),
    ],
    notes: [
      'Cause of what is missed: see permit. The door’s way in makes no promise and no closure, reads no clock and looks no bucket up by name; a breaker alone has no clock to read, no ledger and no permit.',
      'Recording costs what a fact of 100 calls costs (decided, folded, hashed, encoded, chained), shared by those 100. At the rates of collectors it is shared by fewer and happens once a second: see guarded-rates.',
      'Recorded into the memory journal, so that all of its work is on the calling thread and inside the time; with SQLite half of it moves to the writer thread (guarded-rates).',
      `Of ${figure(CALLS * rounds * 2)} recorded calls the gate gave up ${figure(lost)}.`,
    ],
    notMeasured: ['failing or refused calls', 'callers in parallel', 'a real exchange'],
  };
}
