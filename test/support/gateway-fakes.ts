/**
 * An engine, views and records made by hand for the gateway's tests and benchmark. The engine keeps a
 * list of what it was asked (so a test can say "nothing reached it") and turns each command into the
 * change of documents a reader would see; the views show it at once, unless `views.behind` is set.
 */
import type { Engine, Steered } from '../../src/actors/engine.js';
import { tokenBook } from '../../src/gateway/auth/token-book.js';
import type { RecordReader, RecordRow } from '../../src/gateway/operation.js';
import type { GatewayParts } from '../../src/gateway/index.js';
import { seededRandom } from '../../src/kernel/random.js';
import { systemSecretBytes } from '../../src/kernel/secret-bytes.js';
import type { BreakerDoc, CollectorDocs, Views } from '../../src/projections/views.js';
import { walkOver } from '../../src/app/walk.js';
import { memoryJournal } from '../../src/journal/index.js';
import type { Journal } from '../../src/journal/port.js';
import { virtualClock } from './clock.js';
import { heardTrail } from './gateway-trail.js';
import type { HeardTrail } from './gateway-trail.js';
import { COST, HEALTH, MINUTE, NOW, check, docsOf, liveOf, pastOf } from './gateway-docs.js';

/** One call of a command, as the engine saw it. */
export type Asked = { readonly command: string; readonly args: readonly unknown[] };

export type World = GatewayParts & {
  readonly trail: HeardTrail;
  readonly clock: ReturnType<typeof virtualClock>;
  /** Everything the engine was asked to change. */
  readonly asked: Asked[];
  /** Documents by name; `edit` changes one and lets the views know. */
  readonly docs: Map<string, CollectorDocs>;
  edit(name: string, change: (docs: CollectorDocs) => CollectorDocs): void;
  /** What the engine's commands do, when they should not simply succeed. */
  steering: ((asked: Asked) => Promise<Steered> | undefined) | undefined;
  /** The views never show what is new. */
  behind: boolean;
  ready: { ready: boolean; reasons: readonly string[] };
  rows: RecordRow[];
  /** The whole of it: a test may append. */
  readonly journal: Journal;
  /** How often the views were asked for documents: what caching saves. */
  lookups(): number;
};

export function world(names: readonly string[] = ['moralis', 'historical']): World {
  const clock = virtualClock(NOW);
  const docs = new Map(names.map((name) => [name, docsOf(name)]));
  const changes = new Map<string, number>();
  const watchers = new Set<Parameters<Views['watch']>[0]>();
  const { journal } = memoryJournal();
  let position = 100;
  let lookups = 0;

  const trail = heardTrail(() => position);
  const views: Views = {
    position: () => position,
    caughtUp: () => Promise.resolve(!made.behind),
    names: () => [...docs.keys()],
    docs: (name) => {
      lookups += 1;
      return docs.get(name);
    },
    changes: (name) => changes.get(name) ?? 0,
    watch(listener) {
      watchers.add(listener);
      return () => watchers.delete(listener);
    },
    health: (name) => (docs.has(name) ? HEALTH : undefined),
    checks: (name, since, limit) =>
      docs.has(name)
        ? Array.from({ length: 30 }, (_, i) => check(NOW - i * 5 * MINUTE))
            .filter(({ at }) => at >= since)
            .slice(0, limit)
        : [],
    healthStatistics: () => ({ totalChecks: 30, healthy: 27, failed: 1, degraded: 2 }),
    costs: (name) => (docs.has(name) ? COST : undefined),
    callsToday: () => 1234,
    audit: () => ({ entries: [], next: undefined }),
    command: (id, now) => trail.command(id, now),
    past: (name, at) => {
      const found = docs.get(name);
      const existed = found !== undefined && found.collector.registeredAt <= at;
      return Promise.resolve(existed ? pastOf(found, at) : undefined);
    },
  };

  const steer = (
    command: string,
    args: readonly unknown[],
    change: (docs: CollectorDocs) => CollectorDocs,
  ): Promise<Steered> => {
    const asked = { command, args };
    made.asked.push(asked);
    const scripted = made.steering?.(asked);
    if (scripted !== undefined) return scripted;
    made.edit(String(args[0]), change);
    return Promise.resolve({ ok: true, changed: true, position });
  };
  const records: RecordReader = {
    query: ({ after, since, limit, order }) => {
      const fit = made.rows.filter(
        (row) => row.sequence > (after ?? 0) && row.collectedAt >= (since ?? 0),
      );
      return Promise.resolve((order === 'oldest' ? fit : fit.toReversed()).slice(0, limit));
    },
  };

  const made: World = {
    engine: fakeEngine(docs, steer),
    views,
    trail,
    tokens: tokenBook({
      journal,
      clock,
      secretBytes: systemSecretBytes,
      node: 'n1',
      doors: { hasJwt: false, mayStandOpen: true },
    }),
    records,
    journal,
    walk: walkOver(journal),
    service: () => ({
      name: 'headgate',
      version: '0.1.0',
      node: 'n1',
      mode: 'sandbox',
      startedAt: NOW - MINUTE,
      doors: { metrics: 'http://127.0.0.1:9001/metrics' },
    }),
    readiness: () => made.ready,
    collectorTypes: () => [],
    clock,
    random: seededRandom(7),
    asked: [],
    docs,
    edit(name, change) {
      const found = docs.get(name);
      if (found === undefined) return;
      docs.set(name, change(found));
      changes.set(name, (changes.get(name) ?? 0) + 1);
      position += 1;
      for (const told of watchers) told([name]);
    },
    steering: undefined,
    behind: false,
    ready: { ready: true, reasons: [] },
    rows: [],
    lookups: () => lookups,
  };
  return made;
}

type Steer = (
  command: string,
  args: readonly unknown[],
  change: (docs: CollectorDocs) => CollectorDocs,
) => Promise<Steered>;

const wish =
  (enabled: boolean) =>
  (docs: CollectorDocs): CollectorDocs => ({
    ...docs,
    collector: { ...docs.collector, desired: { ...docs.collector.desired, enabled } },
  });

const unblocked = (docs: CollectorDocs): CollectorDocs => ({
  ...docs,
  limiters: docs.limiters.map((limiter) => ({ ...limiter, blockedBuckets: {} })),
});

const same = (docs: CollectorDocs): CollectorDocs => docs;

function fakeEngine(docs: ReadonlyMap<string, CollectorDocs>, steer: Steer): Engine {
  return {
    names: () => [...docs.keys()],
    has: (name) => docs.has(name),
    live: (name) => (docs.has(name) ? liveOf(name) : undefined),
    permits: noPermits(),
    etag: (name) => docs.get(name)?.etag,
    enable: (...args) => steer('enable', args, wish(true)),
    disable: (...args) => steer('disable', args, wish(false)),
    restart: (...args) => steer('restart', args, same),
    collect: (...args) => steer('collect', args, same),
    unblockQuota: (...args) => steer('unblockQuota', args, unblocked),
    setRateLimit: (...args) =>
      steer('setRateLimit', args, (before) => ({
        ...before,
        limiters: before.limiters.map((limiter) => {
          const { maxRequestsPerSecond, backoffMultiplier, maxBackoff } = limiter;
          const cap = { maxRequestsPerSecond, backoffMultiplier, maxBackoff, ...args[1] };
          return { ...limiter, caps: { ...limiter.caps, [args[0]]: cap } };
        }),
      })),
    resetBreaker: (...args) =>
      steer('resetBreaker', args, (before) => ({
        ...before,
        breakers: before.breakers.map((breaker) => ({
          ...breaker,
          computed: 'closed',
          override: null,
          consecutiveFailures: 0,
          window: { at: NOW, calls: 0, failures: 0, slow: 0 },
        })),
      })),
    setBreaker: (...args) =>
      steer('setBreaker', args, (before) => ({
        ...before,
        breakers: before.breakers.map((breaker) => forced(breaker, args[2])),
      })),
    updateBreaker: (...args) => steer('updateBreaker', args, same),
    setCursor: (...args) =>
      steer('setCursor', args, (before) => {
        const { cursors } = before.collector;
        const set = { cursor: args[2], ordinal: 0, newestAt: cursors[args[1]]?.newestAt ?? null };
        const after = { ...cursors, [args[1]]: set };
        return { ...before, collector: { ...before.collector, cursors: after } };
      }),
    unquarantine: (...args) => steer('unquarantine', args, same),
  };
}

function forced(breaker: BreakerDoc, target: string): BreakerDoc {
  if (target === 'closed') return { ...breaker, computed: 'closed', override: null };
  if (target === 'half_open') return { ...breaker, computed: 'half_open', override: null };
  const state = target === 'open' ? 'forced_open' : target;
  return { ...breaker, override: { state, reason: '', actor: 'local', expiresAt: null } };
}

/** Nobody is lent anything: what the desk does has tests of its own. */
function noPermits(): Engine['permits'] {
  const refusal = { kind: 'stopping', detail: 'no permits are lent here' } as const;
  return {
    acquire: () => Promise.resolve({ kind: 'impossible', refusal }),
    report: () => ({ kind: 'not-found' }),
    numbers: () => ({ open: 0, granted: 0, refused: 0, settled: {} }),
    close: () => undefined,
  };
}
