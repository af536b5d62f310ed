/**
 * Judges an hour by what left, what arrived and what the journal says: limits, owners, breakers, retries,
 * evidence, bounds. Each finding is a sentence that begins with the judge's name.
 */
import type { EpochMs } from '../../src/kernel/types.js';
import { PROVIDER_NAMES, type RequestRecord } from '../../src/sources/sandbox/index.js';
import { of, type Fact, type Hour, type Route } from './scenario-hour.js';
import type { Sent } from './scenario-tap.js';
import { fullest, WINDOWS, type Window } from './scenario-windows.js';

const iso = (at: EpochMs): string => new Date(at).toISOString();

/** The sandbox's own count, of every provider. */
export function violations({ sandbox }: Hour['world']): readonly string[] {
  return PROVIDER_NAMES.flatMap((provider) => {
    const { violations: count, beyond, violationsBy } = sandbox.control.counters(provider);
    return count + beyond === 0
      ? []
      : [
          `violations: ${provider} counts ${JSON.stringify(violationsBy)}, beyond ${String(beyond)}`,
        ];
  });
}

/** Our count of every window, refused or not. */
export function windows(
  { arrivals }: Hour['world'],
  all: readonly Window[] = WINDOWS,
): readonly string[] {
  return all.flatMap((window) => {
    const { at, used } = fullest(window, arrivals);
    const { limit, name, provider } = window;
    return used <= limit
      ? []
      : [`windows: ${provider}/${name} holds ${String(used)} of ${String(limit)} at ${iso(at)}`];
  });
}

/** What a request came to, judged by what the sandbox did to it and nothing else. */
export type OwnClass =
  | 'ok'
  | 'throttled'
  | 'banned'
  | 'quota_exhausted'
  | 'server'
  | 'cancelled'
  /** Spoilt: ok if the source could not mind, else bad data. */
  | 'spoilt';

const SPOILS = /schema_drift|invalid_json|garbage|charset|huge|gzip_bomb|truncated/;

export function ownClassOf(sent: Sent, record: RequestRecord | undefined): OwnClass | undefined {
  if (sent.end === undefined) return undefined;
  if (sent.end === 'aborted') return 'cancelled';
  const fault = record?.fault ?? '';
  if (SPOILS.test(fault)) return 'spoilt';
  if (sent.end !== 'answered' || (sent.status ?? 0) >= 500) return 'server';
  if (fault.includes('throttled')) return 'throttled';
  if (fault.includes('ban')) return 'banned';
  if (fault.includes('quota_gone')) return 'quota_exhausted';
  return 'ok';
}

export type Classed = { readonly sent: Sent; readonly own: OwnClass };

/** Every request whose end is known, with its class. */
export function classed({ world }: Pick<Hour, 'world'>): readonly Classed[] {
  const byId = new Map(world.arrivals.map((record) => [record.requestId, record]));
  return world.sent.flatMap((sent) => {
    const own = ownClassOf(sent, byId.get(sent.id));
    return own === undefined ? [] : [{ sent, own }];
  });
}

/** The journal's classes, by provider: how many calls were settled as each. */
function settledAs(hour: Hour, route: Route): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { data } of of(hour, 'UnitsSettled', route.limiter)) {
    const usage = (data['usage'] ?? []) as readonly { outcome: string; calls?: number }[];
    for (const { calls, outcome } of usage)
      counts.set(outcome, (counts.get(outcome) ?? 0) + (calls ?? 0));
  }
  return counts;
}

/** Blocks are settled within two seconds and their calls' timeout: so much may be open at the end. */
const OPEN_AT_END = 3;

/** Each outcome has its own class, and each class its owner; nobody else acts on it. */
export function owners(hour: Hour): readonly string[] {
  const all = classed(hour);
  return hour.routes.flatMap((route) => {
    const own = (name: OwnClass): number =>
      all.filter((each) => each.own === name && each.sent.provider === route.provider).length;
    const settled = settledAs(hour, route);
    const told = (name: string): number => settled.get(name) ?? 0;
    const findings: string[] = [];
    const say = (text: string): void => {
      findings.push(`owners: ${route.provider} ${text}`);
    };
    for (const name of ['throttled', 'banned', 'quota_exhausted', 'server'] as const) {
      const [is, was] = [told(name), own(name)];
      // A retyped `error: null` is an error's name by then.
      const isMore = is > was + (name === 'server' ? own('spoilt') : 0);
      if (is < was || isMore)
        say(`has ${String(is)} calls settled as ${name} where ${String(was)} were`);
    }
    if (told('ok') < own('ok') - OPEN_AT_END || told('ok') > own('ok') + own('spoilt'))
      say(`has ${String(told('ok'))} calls settled as ok where ${String(own('ok'))} were`);
    if (told('bad_data') > own('spoilt')) say('has more bad data than was spoilt');
    for (const name of ['auth', 'client'])
      if (told(name) > 0) say(`has calls settled as ${name}, and none was`);
    const acts = (type: string, stream: string, cause: RegExp): boolean =>
      of(hour, type, stream).some(
        ({ data }) => typeof data['cause'] === 'string' && cause.test(data['cause']),
      );
    const both: readonly (readonly [string, boolean, number])[] = [
      ['is throttled', of(hour, 'Throttled', route.limiter).length > 0, own('throttled')],
      ['has its scope barred', acts('ScopeBlocked', route.limiter, /banned/), own('banned')],
      [
        'has a bucket blocked by its plan',
        acts('BucketBlocked', route.limiter, /quota_exhausted/),
        own('quota_exhausted'),
      ],
    ];
    for (const [what, acted, count] of both) {
      if (acted !== count > 0)
        say(`${acted ? '' : 'never '}${what}, of ${String(count)} such calls`);
    }
    return findings;
  });
}

/** The policy's defaults (semantics §2), not read from the policy. */
const IN_A_ROW = 5;
const CALLS_MIN = 10;
const SHARE = 0.5;
const SHORTEST_WINDOW_MS = 60_000;
const RUNS_IN_WINDOW = 20;

/** A breaker opens for `server` and `bad_data` alone: so much of that was there before each trip. */
export function breakers(hour: Hour): readonly string[] {
  const all = classed(hour);
  return hour.routes.flatMap((route) => {
    const calls = all.filter(({ own, sent }) => {
      const isCounted = own === 'ok' || own === 'server' || own === 'spoilt';
      return isCounted && sent.provider === route.provider;
    });
    return of(hour, 'BreakerTripped', route.breaker).flatMap(({ at }) => {
      // Its window begins anew when it closes.
      const closed = of(hour, 'BreakerRecovered', route.breaker).filter((each) => each.at < at);
      const anew = Math.max(0, ...closed.map((each) => each.at));
      const windowMs = Math.max(SHORTEST_WINDOW_MS, RUNS_IN_WINDOW * route.cadenceMs);
      const before = calls
        .filter(({ sent }) => (sent.endedAt ?? Infinity) <= at)
        .filter(({ sent }) => (sent.endedAt ?? 0) > Math.max(at - windowMs, anew));
      const isBad = ({ own, sent }: Classed): boolean =>
        own !== 'ok' || (sent.endedAt ?? 0) - sent.at > sent.timeoutMs / 2;
      const last = before.slice(-IN_A_ROW);
      const inARow = last.length === IN_A_ROW && last.every(isBad);
      const bad = before.filter(isBad).length;
      const isShare = before.length >= CALLS_MIN && bad >= SHARE * before.length;
      return inARow || isShare
        ? []
        : [
            `breakers: ${route.breaker} opens at ${iso(at)} after ${String(bad)} bad of ${String(before.length)} calls`,
          ];
    });
  });
}

/** Suspended by a ban, a plan or its key, and nothing else within an hour. */
export function suspensions(hour: Hour): readonly string[] {
  const all = classed(hour);
  return of(hour, 'CollectorSuspended').flatMap(({ data, stream }) => {
    const cause = String(data['cause']);
    const providers = hour.routes
      .filter(({ collector }) => stream === `collector-${collector}`)
      .map(({ provider }) => provider);
    const wanted = { banned: 'banned', quota: 'quota_exhausted' }[cause];
    const isDue = all.some(({ own, sent }) => own === wanted && providers.includes(sent.provider));
    return isDue ? [] : [`owners: ${stream} is suspended for ${cause}`];
  });
}

const ATTEMPTS_MAX = 3;
const BUDGET = 500;
const [COST, COST_TIMEOUT] = [5, 10];

/** Attempts at one request, and the budget of each collector, counted from what left. */
export function retries(hour: Hour): readonly string[] {
  const byCollector = new Map<string, Set<string>>();
  for (const { collector, provider } of hour.routes)
    byCollector.set(collector, (byCollector.get(collector) ?? new Set()).add(provider));
  const all = classed(hour);
  return [...byCollector].flatMap(([collector, providers]) => {
    const starts = of(hour, 'RunStarted', `collector-${collector}`).map(({ at }) => at);
    const findings: string[] = [];
    const attempts = new Map<string, { count: number; isTimeout: boolean }>();
    let [left, run] = [BUDGET, 0];
    const calls = all.filter(({ sent }) => providers.has(sent.provider));
    for (const { own, sent } of calls) {
      // A run is known by its beginning; its requests are told apart by their address.
      if ((starts[run] ?? Infinity) <= sent.at) attempts.clear();
      while ((starts[run] ?? Infinity) <= sent.at) run += 1;
      const before = attempts.get(sent.url);
      const count = (before?.count ?? 0) + 1;
      if (before !== undefined) left -= before.isTimeout ? COST_TIMEOUT : COST;
      else if (own === 'ok') left = Math.min(BUDGET, left + 1);
      if (own === 'server' || own === 'throttled')
        attempts.set(sent.url, { count, isTimeout: sent.status === undefined });
      else attempts.delete(sent.url);
      const where = `of ${collector} at ${iso(sent.at)}`;
      if (count > ATTEMPTS_MAX) findings.push(`retries: attempt ${String(count)} ${where}`);
      if (left < 0) findings.push(`retries: the budget is overdrawn ${where}`);
    }
    return findings;
  });
}

const EVIDENCE_CHARS_MAX = 4096;

/** Of bad data the first bytes are kept, in the table and not in the journal. */
export function evidence(hour: Hour): readonly string[] {
  const kept = [...hour.world.records.evidence.values()];
  const findings = kept
    .filter(({ head }) => head.length > EVIDENCE_CHARS_MAX)
    .map(({ collector }) => `evidence: ${collector} has too much of it`);
  const isKept = ({ data, stream }: Fact): boolean => {
    const { sha256 } = (data['evidence'] ?? {}) as { readonly sha256?: string };
    return kept.some((each) => each.sha256 === sha256 && stream === `collector-${each.collector}`);
  };
  for (const fact of of(hour, 'RunFailed')) {
    if (fact.data['outcome'] === 'bad_data' && !isKept(fact))
      findings.push(`evidence: none of ${fact.stream} at ${iso(fact.at)}`);
  }
  return findings;
}

const BOUNDS = { commands: 20, timers: 100, waiting: 10, blocks: 30 };

/** Nothing piles up. */
export function bounds({ looks }: Hour): readonly string[] {
  return (Object.keys(BOUNDS) as (keyof typeof BOUNDS)[]).flatMap((name) => {
    const most = Math.max(...looks.map((look) => look[name]));
    return most <= BOUNDS[name] ? [] : [`bounds: ${String(most)} ${name}`];
  });
}
