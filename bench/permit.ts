/** One permit of the limiter, three windows and a durable ledger, against token buckets by hand. */
import { byLimiter, handWrittenBuckets, ourGates, work, type Guard } from './support/guards.js';
import { flexibleOne, flexibleThree, limiterTry, limiterWait } from './support/permit-peers.js';
import { costRatio, interleaved, type Measured, type Subject } from './support/measure.js';
import type { BenchOptions } from './support/options.js';
import { atMost, type Report } from './support/report.js';
import { CALLS, inARow, WARM_UP_CALLS } from './support/row.js';
import { hostOver, memoryStores } from './support/world.js';

const NAMES = {
  ours: 'limiter gate: pace, rolling bucket, month’s quota, ledger',
  one: 'one token bucket by hand',
  three: 'three token buckets by hand',
  flexibleOne: 'rate-limiter-flexible 11 (memory), one window',
  flexibleThree: 'rate-limiter-flexible 11 (memory), three windows',
  limiterTry: 'limiter 4, one bucket, `tryRemoveTokens`',
  limiterWait: 'limiter 4, one bucket, `removeTokens`',
} as const;
type Name = keyof typeof NAMES;

export async function permit({ rounds }: BenchOptions): Promise<Report> {
  const stores = memoryStores();
  const host = hostOver(stores);
  const gates = await ourGates(host);
  const guards: Readonly<Record<Name, Guard>> = {
    ours: byLimiter(gates.limiters),
    one: byBuckets(1),
    three: byBuckets(3),
    flexibleOne: flexibleOne(),
    flexibleThree: flexibleThree(),
    limiterTry: limiterTry(),
    limiterWait: limiterWait(),
  };
  for (const guard of Object.values(guards)) await inARow(guard, WARM_UP_CALLS);
  const names = Object.keys(guards) as Name[];
  const subjects = Object.fromEntries(
    names.map((name) => [name, () => inARow(guards[name], CALLS)] as const),
  ) as Readonly<Record<Name, Subject>>;
  const seen = await interleaved(subjects, rounds);
  await gates.flush();
  gates.close();
  await host.stop();
  await stores.close();
  return told(seen, rounds);
}

function byBuckets(count: number): Guard {
  const take = handWrittenBuckets(count);
  return async () => {
    if (!take()) throw new Error('the buckets are large enough');
    return work();
  };
}

function told(seen: Readonly<Record<Name, Measured>>, rounds: number): Report {
  return {
    title: 'one admitted permit',
    lead:
      'A permit asked for, spent and reported, around work that answers at once. Ours keeps the pace of ' +
      'the scope and of the collector, a rolling bucket, a quota, and takes a unit of a durable block, ' +
      'counted by endpoint and outcome; a token bucket by hand is a clock reading and a subtraction.',
    tables: [
      {
        caption: `${String(CALLS)} permits a round, medians of ${String(rounds)} rounds.`,
        columns: [
          'limiter',
          'CPU ns/permit',
          'p50 ns',
          'p99 ns',
          '× one bucket',
          '× flexible, one',
        ],
        rows: (Object.keys(NAMES) as readonly Name[]).map((name) => [
          NAMES[name],
          seen[name].cpuNs,
          seen[name].p50Ms * 1e6,
          seen[name].p99Ms * 1e6,
          costRatio(seen[name], seen.one),
          costRatio(seen[name], seen.flexibleOne),
        ]),
      },
    ],
    verdicts: [
      atMost('limiter gate / one token bucket by hand', costRatio(seen.ours, seen.one), 3, ' ×'),
      atMost(
        'limiter gate / rate-limiter-flexible, one window',
        costRatio(seen.ours, seen.flexibleOne),
        0.4,
        ' ×',
      ),
      atMost(
        'limiter gate / rate-limiter-flexible, three windows',
        costRatio(seen.ours, seen.flexibleThree),
        0.4,
        ' ×',
      ),
    ],
    notes: [
      'Cause: three clock readings of 40 ns here (a bucket takes one): both clocks at `spend`, which must see a jump, and the moment of the answer; and what a bucket by hand does not keep: three lanes held and spent, a block taken from and counted, usage by endpoint and outcome, a permit that can be given back. Asking reads no clock: what was free at the last reading is free now.',
    ],
    notMeasured: ['callers who must wait', 'many keys'],
  };
}
