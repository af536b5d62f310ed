/** What came of a block's calls, by endpoint and outcome: counted as they come, added up at its end. */
import type { LimiterConfig } from './context.js';
import type { Weights } from './lanes.js';

export type Usage = {
  readonly endpoint: string;
  readonly outcome: string;
  calls: number;
  readonly charged: Map<string, number>;
};

/** Calls that came to the same: one number until the block is settled. */
export type Tally = {
  readonly usage: Usage;
  readonly weights: Weights;
  /** The limits in force when they came. */
  readonly config: LimiterConfig | null;
  readonly charged: boolean;
  calls: number;
};

/** Tallies of one block. What finds no place is added up at once. */
export const TALLIES_MAX = 64;

/** A handful per block: a list is faster to search than a key is to build. */
export function usageOf(list: Usage[], endpoint: string, outcome: string): Usage {
  for (const usage of list) {
    if (usage.endpoint === endpoint && usage.outcome === outcome) return usage;
  }
  const made = { endpoint, outcome, calls: 0, charged: new Map<string, number>() };
  list.push(made);
  return made;
}

export function countAll(tallies: Tally[]): void {
  for (const tally of tallies) count(tally);
  tallies.length = 0;
}

/** A quota is charged what the provider charges; a rate is charged for whatever was sent. */
export function count({ usage, weights, config, charged, calls }: Tally): void {
  usage.calls += calls;
  for (const { name, quota } of config?.buckets ?? []) {
    const weight = weights[name];
    if (weight === undefined || (quota && !charged)) continue;
    usage.charged.set(name, (usage.charged.get(name) ?? 0) + weight * calls);
  }
}
