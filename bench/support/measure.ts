/**
 * How things are measured here: every subject in every round, the order turning, medians of the rounds,
 * ratios taken within a round. A machine that is busy for a while is then busy for all of them.
 */
import { performance } from 'node:perf_hooks';

/** One round of one subject. */
export type Round = {
  readonly operations: number;
  readonly elapsedMs: number;
  /** Of the whole process, its other threads included. */
  readonly cpuMs: number;
  /** What was seen of single operations (or of small batches of them), in ms each. */
  readonly latenciesMs: readonly number[];
};

export type Measured = {
  readonly rounds: readonly Round[];
  /** Medians over the rounds. */
  readonly perSecond: number;
  /** Processor time of one operation. A busy machine stretches the time on the wall, hardly this. */
  readonly cpuNs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
};

export type Subject = () => Promise<Round> | Round;

/** Runs each subject once per round, `rounds` times. The first subject of a round is another each time. */
export async function interleaved<Name extends string>(
  subjects: Readonly<Record<Name, Subject>>,
  rounds: number,
): Promise<Readonly<Record<Name, Measured>>> {
  const names = Object.keys(subjects) as Name[];
  const seen = new Map<Name, Round[]>(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (let turn = 0; turn < names.length; turn += 1) {
      const name = names[(round + turn) % names.length];
      if (name === undefined) continue;
      collectGarbage();
      seen.get(name)?.push(await subjects[name]());
    }
  }
  const entries = names.map((name) => [name, measured(seen.get(name) ?? [])] as const);
  return Object.fromEntries(entries) as Readonly<Record<Name, Measured>>;
}

function measured(rounds: readonly Round[]): Measured {
  return {
    rounds,
    perSecond: median(rounds.map(rateOf)),
    cpuNs: median(rounds.map(cpuOf)),
    p50Ms: median(rounds.map(({ latenciesMs }) => quantile(latenciesMs, 0.5))),
    p99Ms: median(rounds.map(({ latenciesMs }) => quantile(latenciesMs, 0.99))),
  };
}

function rateOf({ operations, elapsedMs }: Round): number {
  return (operations / elapsedMs) * 1000;
}

function cpuOf({ operations, cpuMs }: Round): number {
  return (cpuMs / operations) * 1e6;
}

/** Throughput of `a` against `b`: the median of the rounds' own ratios. */
export function throughputRatio(a: Measured, b: Measured): number {
  return median(pairs(a, b).map(([mine, theirs]) => rateOf(mine) / rateOf(theirs)));
}

/** Cost of `a` against `b`: how many times the processor time one operation takes. */
export function costRatio(a: Measured, b: Measured): number {
  return median(pairs(a, b).map(([mine, theirs]) => cpuOf(mine) / cpuOf(theirs)));
}

function pairs(a: Measured, b: Measured): readonly (readonly [Round, Round])[] {
  return a.rounds.flatMap((mine, index) => {
    const theirs = b.rounds[index];
    return theirs === undefined ? [] : [[mine, theirs] as const];
  });
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** NaN when there is nothing to look at. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export type Stopwatch = () => Pick<Round, 'elapsedMs' | 'cpuMs'>;

/** Runs from now on. */
export function stopwatch(): Stopwatch {
  const began = performance.now();
  const before = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(before);
    return { elapsedMs: performance.now() - began, cpuMs: (user + system) / 1000 };
  };
}

/** Times one piece of work, which answers how much of something it did. */
export async function timed(work: () => Promise<number> | number): Promise<Round> {
  const passed = stopwatch();
  const operations = await work();
  return { operations, ...passed(), latenciesMs: [] };
}

/** The garbage of one subject is not the next one's to collect. Needs `--expose-gc`. */
export function collectGarbage(): void {
  (globalThis as { readonly gc?: () => void }).gc?.();
}
