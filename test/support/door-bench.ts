/** The door between a real breaker, a real limiter and a wire by hand: one collector, one upstream. */
import { Type, type TSchema } from '@sinclair/typebox';
import {
  breakerGate,
  breakerKind,
  defaultPolicy,
  type BreakerGate,
  type BreakerHandle,
  type BreakerPolicy,
} from '../../src/actors/breaker/index.js';
import { request } from '../../src/actors/door.js';
import type { DoorDeps, DoorRun } from '../../src/actors/door-parts.js';
import { tokenKeeper } from '../../src/actors/door-token.js';
import {
  limiterGate,
  limiterKind,
  type LimiterGate,
  type LimiterHandle,
} from '../../src/actors/limiter/index.js';
import { RETRY_LIMITS, retryBudget, type RetryBudget } from '../../src/actors/retry.js';
import { silentLogger } from '../../src/kernel/observe.js';
import type { Random } from '../../src/kernel/random.js';
import { seededRandom } from '../../src/kernel/random.js';
import type { JsonObject } from '../../src/kernel/types.js';
import type { EvidenceStore } from '../../src/records/port.js';
import type { ProviderProfile, Reply, RequestSpec, Transport } from '../../src/sources/port.js';
import { binanceProfile } from '../../src/sources/profiles/binance.js';
import { settle } from './clock.js';
import { handTransport, type HandTransport } from './door-transport.js';
import { byOperator, testHost, type TestHost } from './host.js';

export const CALL = 'ask';

/** Binance's judgement; one weight a call, as many calls as one likes, unless a test says otherwise. */
export const profile: ProviderProfile = {
  ...binanceProfile,
  baseUrl: 'https://upstream.test',
  maxRequestsPerSecond: 10,
  buckets: [],
  weights: { [CALL]: {} },
};

export type Kept = Parameters<EvidenceStore['keep']>[0];

export type Bench = TestHost & {
  readonly wire: HandTransport;
  readonly breaker: BreakerGate;
  readonly breakerActor: BreakerHandle;
  readonly limiter: LimiterGate;
  readonly limiterActor: LimiterHandle;
  readonly deps: DoorDeps;
  readonly budget: RetryBudget;
  readonly evidence: Kept[];
  /** What the collector's intent says: D2's first question. */
  readonly gate: { forbidden: 'desired' | 'draining' | undefined; quarantined: string | undefined };
  /** Facts of one type, oldest first. */
  facts(type: string): readonly JsonObject[];
};

export type BenchOptions = {
  readonly policy?: Partial<BreakerPolicy>;
  readonly profile?: Partial<ProviderProfile>;
  readonly attemptsMax?: number;
  readonly budgetTokens?: number;
  readonly waitMaxMs?: number;
  readonly random?: Random;
  readonly key?: string;
  readonly missingKeys?: readonly string[];
  /** A real wire instead of the one by hand: then loopback is allowed. */
  readonly transport?: Transport;
};

/** Past the limiter's exhausted start. */
export async function doorBench(options: BenchOptions = {}): Promise<Bench> {
  const held = testHost();
  const { host, clock, store } = held;
  const ours = { ...profile, ...options.profile };
  const breakerActor = await host.actor(breakerKind, 'breaker-one');
  const limiterActor = await host.actor(limiterKind, 'limiter-scope');
  await configure(breakerActor, limiterActor, ours, options.policy);
  const context = (cause: string) => host.system(cause);
  const log = silentLogger;
  const breaker = breakerGate({ handle: breakerActor, clock, context, log });
  const limiter = limiterGate({
    scope: 'scope',
    handle: limiterActor,
    clock,
    random: seededRandom(3),
    context,
    log,
    limits: { queueMax: 100, waitMaxMs: 60_000 },
  });
  const wire = handTransport(clock);
  const gate: Bench['gate'] = { forbidden: undefined, quarantined: undefined };
  const budget = retryBudget({ budgetTokens: options.budgetTokens ?? 500 });
  const evidence: Kept[] = [];
  const upstream = {
    profile: ours,
    breaker,
    limiter,
    keys: options.key === undefined ? {} : { KEY: options.key },
    missingKeys: options.missingKeys ?? [],
    tokens: tokenKeeper(),
    allowLoopback: options.transport !== undefined,
    quarantined: () => gate.quarantined,
  };
  const deps: DoorDeps = {
    collector: 'one',
    upstreams: new Map([['primary', upstream]]),
    transport: options.transport ?? wire,
    clock,
    random: options.random ?? seededRandom(5),
    log,
    evidence: {
      keep(each) {
        evidence.push(each);
        return Promise.resolve();
      },
    },
    budget,
    limits: {
      requestTimeoutMs: 10_000,
      bodyBytesMax: 1_000_000,
      waitMaxMs: options.waitMaxMs ?? 30_000,
      retry: { ...RETRY_LIMITS, attemptsMax: options.attemptsMax ?? 1 },
    },
    forbidden: () => gate.forbidden,
  };
  await clock.advance(2000);
  const facts: Bench['facts'] = (type) =>
    store.log.filter((row) => row.type === type).map((row) => JSON.parse(row.data) as JsonObject);
  const guards = { breaker, breakerActor, limiter, limiterActor };
  return { ...held, ...guards, wire, deps, budget, evidence, gate, facts };
}

async function configure(
  breaker: BreakerHandle,
  limiter: LimiterHandle,
  ours: ProviderProfile,
  policy: Partial<BreakerPolicy> = {},
): Promise<void> {
  const cadence = { pollIntervalMs: 60_000, requestTimeoutMs: 10_000, maxWaitMs: 30_000 };
  await breaker.ask(
    {
      type: 'Configure',
      collector: 'one',
      upstream: 'primary',
      policy: { ...defaultPolicy(cadence), ...policy },
      pollIntervalMs: 60_000,
    },
    byOperator(),
  );
  await limiter.ask(
    {
      type: 'Configure',
      scope: 'scope',
      collectors: ['one'],
      buckets: ours.buckets.map((bucket) => ({
        windowMs: 0,
        burst: 1,
        period: '',
        zone: '',
        anchorDay: 0,
        ...bucket,
      })),
      maxRequestsPerSecond: ours.maxRequestsPerSecond,
      backoffMultiplier: 2,
      maxBackoff: 16,
      recoveryWindowMs: ours.recoveryWindowMs,
      floorRate: 0.01,
      margin: 0,
      tier: '',
      currency: 'USD',
    },
    byOperator(),
  );
}

export function doorRun(more: Partial<DoorRun> = {}): DoorRun {
  const signal = new AbortController().signal;
  return {
    run: 'run-1',
    priority: 'live',
    signal,
    durationsMs: [],
    warn: () => undefined,
    ...more,
  };
}

const anything = Type.Object({ ok: Type.Boolean() });

/** Asks the door; what came of it so far is in `reply()`. */
export function asking(
  bench: Bench,
  run: DoorRun = doorRun(),
  more: Partial<RequestSpec> & { readonly check?: (body: unknown) => string | undefined } = {},
): { readonly reply: () => Reply<unknown> | undefined } {
  let reply: Reply<unknown> | undefined;
  const spec = { path: '/x', schema: anything as TSchema, ...more };
  void request(bench.deps, run, CALL, spec).then((came) => {
    reply = came;
  });
  return { reply: () => reply };
}

/** Asks, and lets so much time pass. */
export async function ask(
  bench: Bench,
  passMs = 1000,
  ...more: Parameters<typeof asking> extends [Bench, ...infer R] ? R : never
): Promise<Reply<unknown> | undefined> {
  const { reply } = asking(bench, ...more);
  await bench.clock.advance(passMs);
  await settle();
  return reply();
}
