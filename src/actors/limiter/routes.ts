/**
 * The routes of a scope's calls: all that a call of one collector to one endpoint touches, looked up once.
 *
 * U1 A route is used only for the very weights it was made for, and the buckets it was made in.
 * U2 A call keeps the route it was admitted by until its report.
 */
import type { Lanes, Way, Weights } from './lanes.js';
import type { Tab } from './tab.js';

export type Counters = {
  admitted: number;
  delayed: number;
  rejected: number;
  /** The last weights asked for: what the next permit is computed for. */
  weights: Weights;
};

export type Route = {
  readonly endpoint: string;
  readonly collector: string;
  readonly weights: Weights;
  readonly way: Way;
  readonly counters: Counters;
  /** On the block that its calls were paid from last. */
  tab: Tab | undefined;
};

type Key = Pick<Route, 'collector' | 'endpoint' | 'weights'>;

/** The route of such a call. Weights are not changed once they were asked with. */
export type Routes = (request: Key) => Route;

/** Routes kept of one collector: profiles have fewer endpoints. With more all are looked up anew. */
const ROUTES_MAX = 256;

export function routesOver(lanes: Lanes, counters: (collector: string) => Counters): Routes {
  const known = new Map<string, Map<string, Route>>();
  let last: Route | undefined;
  const find = (key: Key): Route => {
    const mine = known.get(key.collector) ?? new Map<string, Route>();
    if (mine.size === 0) known.set(key.collector, mine);
    const found = mine.get(key.endpoint);
    if (found !== undefined && fits(found, key, lanes)) return found;
    if (mine.size >= ROUTES_MAX) mine.clear();
    const { collector, endpoint, weights } = key;
    const way = lanes.way(collector, weights);
    const made = {
      endpoint,
      collector,
      weights,
      way,
      counters: counters(collector),
      tab: undefined,
    };
    mine.set(endpoint, made);
    return made;
  };
  return (key) => {
    if (last === undefined || !fits(last, key, lanes)) last = find(key);
    return last;
  };
}

/** U1. */
function fits(route: Route, { collector, endpoint, weights }: Key, lanes: Lanes): boolean {
  return (
    route.weights === weights &&
    route.collector === collector &&
    route.endpoint === endpoint &&
    route.way.version === lanes.version
  );
}
