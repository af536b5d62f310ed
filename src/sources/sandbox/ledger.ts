/**
 * Every request the fake received: what it was asked, and what became of it.
 *
 * 1. A request is counted when it arrives, before anything can go wrong with it.
 * 2. Memory is bounded: the log is a ring, the counters have one entry per endpoint and status.
 */
import { isoTime } from '../../kernel/time.js';
import type { EpochMs } from '../../kernel/types.js';
import type { Standing } from './provider.js';

/** Most requests the log holds; the counters go on. */
export const LOG_MAX = 10_000;
const QUERY_NAMES_MAX = 32;
const QUERY_CHARS_MAX = 256;
/** Query parameters that carry a key at some upstream: their value is never kept. */
const SECRET_PARAMETERS = new Set(['apikey', 'api_key', 'key', 'token', 'access_token']);

/** forbidden: the provider had said not before. beyond: more than a window holds. */
export type Violation = 'forbidden' | 'beyond';
export type RequestFate = 'pending' | 'answered' | 'broken' | 'abandoned';

export type RequestRecord = {
  /** From 1, over all providers. */
  readonly sequence: number;
  readonly at: EpochMs;
  readonly provider: string;
  readonly endpoint: string;
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  /** Null: none was sent (yet). */
  readonly status: number | null;
  readonly weight: number;
  /** Value of `x-headgate-request-id` or `x-request-id`, if it came with one. */
  readonly requestId: string | null;
  /** The fault that shaped the answer. */
  readonly fault: string | null;
  readonly standing: Standing['kind'] | 'beyond';
  /** broken: cut or never answered on purpose. abandoned: the client left first. */
  readonly fate: RequestFate;
};

export type EndpointCounters = {
  readonly received: number;
  readonly weight: number;
  readonly byStatus: Readonly<Record<string, number>>;
};

export type ProviderCounters = {
  readonly received: number;
  /**
   * What the sender could have known better: requests while they were forbidden, and requests beyond a
   * window, from the first refusal that was answered on (and a grace for what crossed it on the wire).
   */
  readonly violations: number;
  readonly violationsBy: Readonly<Record<Violation, number>>;
  /** Requests while they were forbidden, or beyond a window, so soon after a refusal that they crossed it. */
  readonly crossed: number;
  /** Requests beyond a window, those before the first refusal too: nobody could have known yet. */
  readonly beyond: number;
  /** ISO 8601; null: it never refused anything. */
  readonly firstSignalAt: string | null;
  /** By status, and `none` for what ended without one. */
  readonly byStatus: Readonly<Record<string, number>>;
  readonly endpoints: Readonly<Record<string, EndpointCounters>>;
};

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type Tally = {
  received: number;
  violations: number;
  violationsBy: Record<Violation, number>;
  crossed: number;
  beyond: number;
  firstSignalAt: string | null;
  byStatus: Record<string, number>;
  endpoints: Record<string, { received: number; weight: number; byStatus: Record<string, number> }>;
};

export type Arrival = Omit<RequestRecord, 'sequence' | 'status' | 'fault' | 'fate'>;

export type OpenEntry = {
  /** It went beyond a window. `isKnown`: the sender had been refused before, and had time to hear it. */
  beyond(isKnown: boolean): void;
  /** Called before the first byte leaves: who reads the answer finds it counted. Null: none leaves. */
  answering(status: number | null, fault: string | null): void;
  ended(fate: RequestFate): void;
};

export type Ledger = {
  /** 1: counts it and returns where its end is to be written. */
  arrived(arrival: Arrival): OpenEntry;
  /** A refusal was answered. */
  signalled(provider: string, at: EpochMs): void;
  counters(provider: string): ProviderCounters;
  /** Oldest first, as far as the ring reaches. */
  log(filter?: {
    readonly provider?: string;
    readonly endpoint?: string;
  }): readonly RequestRecord[];
  /** Called after each arrival and each end. */
  subscribe(listener: (record: RequestRecord) => void): () => void;
  clear(): void;
};

const noTally = (): Tally => ({
  received: 0,
  violations: 0,
  violationsBy: { forbidden: 0, beyond: 0 },
  crossed: 0,
  beyond: 0,
  firstSignalAt: null,
  byStatus: {},
  endpoints: {},
});

function bump(counts: Record<string, number>, status: number | null): void {
  const key = status === null ? 'none' : String(status);
  counts[key] = (counts[key] ?? 0) + 1;
}

/** The query as the log keeps it: bounded, and without keys. */
export function queryForLog(query: URLSearchParams): Readonly<Record<string, string>> {
  const kept: [string, string][] = [];
  for (const [name, value] of query) {
    if (kept.length >= QUERY_NAMES_MAX) break;
    const shown = SECRET_PARAMETERS.has(name.toLowerCase()) ? '[redacted]' : value;
    kept.push([name.slice(0, QUERY_CHARS_MAX), shown.slice(0, QUERY_CHARS_MAX)]);
  }
  return Object.fromEntries(kept);
}

/** Counts an arrival and gives back the two places where its end is counted. */
function tallied(tally: Tally, arrival: Arrival): readonly Record<string, number>[] {
  const endpoint = (tally.endpoints[arrival.endpoint] ??= { received: 0, weight: 0, byStatus: {} });
  tally.received += 1;
  endpoint.received += 1;
  endpoint.weight += arrival.weight;
  if (arrival.standing === 'violation') {
    tally.violations += 1;
    tally.violationsBy.forbidden += 1;
  }
  if (arrival.standing === 'crossed') tally.crossed += 1;
  return [tally.byStatus, endpoint.byStatus];
}

export function ledger(): Ledger {
  let sequence = 0;
  let ring: Mutable<RequestRecord>[] = [];
  const tallies = new Map<string, Tally>();
  const listeners = new Set<(record: RequestRecord) => void>();
  const tallyOf = (provider: string): Tally => {
    const tally = tallies.get(provider) ?? noTally();
    tallies.set(provider, tally);
    return tally;
  };
  const tell = (record: RequestRecord): void => {
    for (const listener of [...listeners]) listener({ ...record });
  };
  return {
    arrived(arrival) {
      sequence += 1;
      const open = { status: null, fault: null, fate: 'pending' } as const;
      const record: Mutable<RequestRecord> = { sequence, ...arrival, ...open };
      ring.push(record);
      // Cut in blocks: shifting one by one would cost O(n) per request.
      if (ring.length >= 2 * LOG_MAX) ring = ring.slice(-LOG_MAX);
      const tally = tallyOf(arrival.provider);
      const statusCounts = tallied(tally, arrival);
      tell(record);
      return {
        beyond(isKnown) {
          tally.beyond += 1;
          // One that was forbidden as well is counted as that.
          if (!isKnown || record.standing !== 'clear') return;
          record.standing = 'beyond';
          tally.violations += 1;
          tally.violationsBy.beyond += 1;
        },
        answering(status, fault) {
          record.status = status;
          record.fault = fault;
          for (const counts of statusCounts) bump(counts, status);
        },
        ended(fate) {
          record.fate = fate;
          tell(record);
        },
      };
    },
    signalled(provider, at) {
      tallyOf(provider).firstSignalAt ??= isoTime(at);
    },
    counters: (provider) => structuredClone(tallies.get(provider) ?? noTally()),
    log: ({ provider, endpoint } = {}) =>
      ring
        .slice(-LOG_MAX)
        .filter((record) => (provider ?? record.provider) === record.provider)
        .filter((record) => (endpoint ?? record.endpoint) === record.endpoint)
        .map((record) => ({ ...record })),
    subscribe(listener) {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
    clear() {
      tallies.clear();
      ring = [];
    },
  };
}
