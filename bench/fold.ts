/**
 * Folding facts through the charts of the three kinds, against plain hand-written folds of the same
 * facts; how it grows with the length of a history.
 */
import { breakerKind } from '../src/actors/breaker/index.js';
import { collectorKind } from '../src/actors/collector/index.js';
import { folder } from '../src/actors/fold.js';
import type { ActorKind, AnyFact } from '../src/actors/kind.js';
import { limiterKind } from '../src/actors/limiter/index.js';
import { assert } from '../src/kernel/errors.js';
import { trio } from './support/lives.js';
import { interleaved, throughputRatio, timed } from './support/measure.js';
import type { BenchOptions } from './support/options.js';
import {
  foldBreaker,
  foldCollector,
  foldLimiter,
  PLAIN_BREAKER,
  PLAIN_COLLECTOR,
  PLAIN_LIMITER,
} from './support/plain-folds.js';
import type { Report } from './support/report.js';

/** Runs of a collector in the histories that are folded: 500 is two days at five minutes. */
const RUNS = [500, 5000] as const;
/** A round folds at least so many facts: a short history again and again. */
const FACTS_PER_ROUND = 40_000;

type Row = readonly (string | number)[];

export async function foldRates({ rounds }: BenchOptions): Promise<Report> {
  const rows: Row[] = [];
  for (const runs of RUNS) {
    const { collector, breaker, limiter } = historyOf(runs);
    rows.push(
      await compare(
        collectorKind,
        collector,
        (facts) => facts.reduce(foldCollector, PLAIN_COLLECTOR),
        rounds,
      ),
      await compare(
        breakerKind,
        breaker,
        (facts) => facts.reduce(foldBreaker, PLAIN_BREAKER),
        rounds,
      ),
      await compare(
        limiterKind,
        limiter,
        (facts) => facts.reduce(foldLimiter, PLAIN_LIMITER),
        rounds,
      ),
    );
  }
  return {
    title: 'facts through the charts',
    lead:
      'Facts in memory through `folder(machine)`, the one place where XState runs, against a switch ' +
      'over the type with the same assignments, the value kept by hand and nothing checked. Both end ' +
      'with the same memory: that is compared first.',
    tables: [
      {
        caption: `Medians of ${String(rounds)} rounds of at least ${String(FACTS_PER_ROUND)} facts.`,
        columns: [
          'kind',
          'facts of a history',
          'chart facts/s',
          'µs/fact',
          'plain facts/s',
          'ratio',
        ],
        rows,
      },
    ],
    verdicts: [],
    notes: [
      'No target of its own: what a chart costs is inside recovery, cold-start and durable-commands.',
      'The rate does not fall with the length of the history: a fact costs what the state weighs, and states are bounded.',
    ],
    notMeasured: ['emmett’s aggregateStream (not installed)'],
  };
}

function historyOf(runs: number) {
  const life = trio('bench');
  for (let run = 0; run < runs; run += 1) life.run(run);
  return {
    collector: life.collector.takeFacts(),
    breaker: life.breaker.takeFacts(),
    limiter: life.limiter.takeFacts(),
  };
}

async function compare<C, Cmd extends { readonly type: string }, F extends AnyFact>(
  kind: ActorKind<C, Cmd, F>,
  facts: readonly F[],
  plain: (facts: readonly F[]) => { readonly context: unknown },
  rounds: number,
): Promise<Row> {
  const { initial, apply } = folder<C, F>(kind.machine);
  const chart = () =>
    facts.reduce((state, fact) => {
      const next = apply(state, fact);
      assert(next !== undefined, `${fact.type} has an arrow`);
      return next;
    }, initial());
  const same = JSON.stringify(chart().context) === JSON.stringify(plain(facts).context);
  assert(same, `both folds of ${kind.category} end with the same memory`);
  const times = Math.ceil(FACTS_PER_ROUND / facts.length);
  const repeat = (fold: () => unknown) => () =>
    timed(() => {
      for (let n = 0; n < times; n += 1) fold();
      return times * facts.length;
    });
  const subjects = { chart: repeat(chart), plain: repeat(() => plain(facts)) };
  const seen = await interleaved(subjects, rounds);
  const { chart: ours, plain: theirs } = seen;
  const ratio = throughputRatio(ours, theirs);
  return [kind.category, facts.length, ours.perSecond, ours.cpuNs / 1000, theirs.perSecond, ratio];
}
