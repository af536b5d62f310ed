/** What the calls of one route put on one block: its columns looked up once, its calls counted by outcome. */
import type { Block, Column } from './block.js';
import { isCounted } from './buckets.js';
import type { LimiterContext } from './context.js';
import type { Weights } from './lanes.js';
import { count, TALLIES_MAX, usageOf, type Tally } from './usage.js';

export type Tab = {
  readonly block: Block;
  readonly endpoint: string;
  readonly weights: Weights;
  readonly entries: readonly Entry[];
  /** The one counted in last, and in which state. */
  tally: Tally | undefined;
  talliedIn: LimiterContext | undefined;
};

type Entry = { readonly column: Column; readonly units: number };

/** Undefined: the block reserved nothing of a bucket that the route draws from and that is counted. */
export function openTab(
  block: Block,
  { endpoint, weights }: Pick<Tab, 'endpoint' | 'weights'>,
  of: LimiterContext,
): Tab | undefined {
  const entries: Entry[] = [];
  for (const name in weights) {
    const units = weights[name] ?? 0;
    const column = block.columns.find((one) => one.name === name);
    if (column !== undefined) entries.push({ column, units });
    else if (isCountedIn(of, name)) return undefined;
  }
  return { block, endpoint, weights, entries, tally: undefined, talliedIn: undefined };
}

/** A bucket the scope does not have is not, and one that is paced needs no reservation. */
export function isCountedIn({ config }: LimiterContext, name: string): boolean {
  return config?.buckets.some((bucket) => bucket.name === name && isCounted(bucket)) === true;
}

/** Whether the block has a unit for one call more. */
export function covers({ block, entries }: Tab): boolean {
  if (block.calls < 1) return false;
  for (const { column, units } of entries) if (column.left < units) return false;
  return true;
}

export function take({ block, entries }: Tab): void {
  block.calls -= 1;
  for (const { column, units } of entries) column.left -= units;
}

export function giveBack({ block, entries }: Tab): void {
  block.calls += 1;
  for (const { column, units } of entries) column.left += units;
}

export function sent({ block, entries }: Tab): void {
  block.sent += 1;
  block.inFlight += 1;
  for (const { column, units } of entries) column.sent += units;
}

/** A call came that drew what was reserved for it. */
export function came(tab: Tab, outcome: string, charged: boolean, context: LimiterContext): void {
  const { tally } = tab;
  if (tally?.charged === charged && tab.talliedIn === context && tally.usage.outcome === outcome) {
    tally.calls += 1;
    return;
  }
  const found = tallyOf(tab, outcome, charged, context);
  if (found === undefined) {
    drew(tab, outcome, charged, context, tab.weights);
    return;
  }
  found.calls += 1;
  tab.tally = found;
  tab.talliedIn = context;
}

/** A call came whose answer told what it drew. */
export function drew(
  { block, endpoint }: Tab,
  outcome: string,
  charged: boolean,
  { config }: LimiterContext,
  weights: Weights,
): void {
  const usage = usageOf(block.usage, endpoint, outcome);
  count({ usage, weights, config, charged, calls: 1 });
}

/** Undefined: the block has no place for another one. */
function tallyOf(
  { block: { tallies, usage: list }, endpoint, weights }: Tab,
  outcome: string,
  charged: boolean,
  { config }: LimiterContext,
): Tally | undefined {
  const usage = usageOf(list, endpoint, outcome);
  for (const known of tallies) {
    const isSame = known.usage === usage && known.weights === weights;
    if (isSame && known.charged === charged && known.config === config) return known;
  }
  if (tallies.length >= TALLIES_MAX) return undefined;
  const made = { usage, weights, config, charged, calls: 0 };
  tallies.push(made);
  return made;
}
