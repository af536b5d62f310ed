/** What was given for one collector, as its options say it is: each value was checked when it was read. */
import type { ConfigProblem } from './problem.js';

/** By key below `collectors.<name>.`. */
export type CollectorValues = ReadonlyMap<string, unknown>;

/** Notes that an option breaks a rule. */
export type Wrong = (key: string, rule: string, more?: Partial<ConfigProblem>) => void;

export function textIn(values: CollectorValues, key: string): string | undefined {
  return values.get(key) as string | undefined;
}

export function numberIn(values: CollectorValues, key: string): number | undefined {
  return values.get(key) as number | undefined;
}

export function flagIn(values: CollectorValues, key: string): boolean | undefined {
  return values.get(key) as boolean | undefined;
}
