/** The limiters of the running collectors: one per scope, shared by all who draw from it. */
import { assert } from '../kernel/errors.js';
import { limiterStream } from '../kernel/ids.js';
import { configure, type EngineDeps } from './engine-deps.js';
import {
  limiterGate,
  limiterKind,
  type CollectorRate,
  type LimiterCommand,
  type LimiterGate,
  type LimiterHandle,
} from './limiter/index.js';
import type { ProviderProfile } from '../sources/port.js';
import type { CollectorSetup, UpstreamSetup } from './setup.js';

export type Scope = {
  readonly name: string;
  readonly handle: LimiterHandle;
  readonly gate: LimiterGate;
  /** Tells the limiter its configuration (again). */
  readonly configure: () => Promise<void>;
};

export async function startScopes(
  deps: EngineDeps,
  setups: readonly CollectorSetup[],
): Promise<ReadonlyMap<string, Scope>> {
  const users = new Map<string, { setup: CollectorSetup; upstream: UpstreamSetup }[]>();
  for (const setup of setups) {
    for (const upstream of Object.values(setup.upstreams)) {
      users.set(upstream.scope, [...(users.get(upstream.scope) ?? []), { setup, upstream }]);
    }
  }
  const started = await Promise.all(
    [...users].map(async ([name, list]) => [name, await startScope(deps, name, list)] as const),
  );
  return new Map(started);
}

async function startScope(
  deps: EngineDeps,
  name: string,
  users: readonly { readonly setup: CollectorSetup; readonly upstream: UpstreamSetup }[],
): Promise<Scope> {
  const { host, clock, random, log, limits } = deps;
  const [first] = users;
  assert(first !== undefined, `scope ${name} has no collector`);
  const { profile } = first.upstream;
  const { backoffMultiplier, maxBackoff } = first.setup.rate;
  const rates = users.map(
    ({ setup }) => setup.rate.maxRequestsPerSecond ?? profile.maxRequestsPerSecond,
  );
  const slowest = Math.max(...users.map(({ setup }) => setup.cadenceMs));
  const handle = await host.actor(limiterKind, limiterStream(name));
  const command: LimiterCommand = {
    type: 'Configure',
    scope: name,
    collectors: [...new Set(users.map(({ setup }) => setup.name))],
    buckets: profile.buckets.map((bucket) => ({
      name: bucket.name,
      kind: bucket.kind,
      limit: bucket.limit,
      windowMs: bucket.windowMs ?? 0,
      burst: bucket.burst ?? 1,
      period: bucket.period ?? '',
      zone: bucket.zone ?? '',
      anchorDay: bucket.anchorDay ?? 0,
      unit: bucket.unit,
      priceMicros: bucket.priceMicros,
      quota: bucket.quota,
      ...(bucket.anchor !== undefined && { anchor: bucket.anchor }),
    })),
    maxRequestsPerSecond: Math.max(...rates),
    backoffMultiplier,
    maxBackoff,
    recoveryWindowMs: profile.recoveryWindowMs,
    // Floor: one request per poll interval.
    floorRate: Math.min(Math.max(...rates), 1000 / slowest),
    margin: limits.margin,
    tier: profile.tier,
    currency: profile.currency,
    callMaxMs: Math.max(...users.map(({ setup }) => setup.requestTimeoutMs)),
    ...ownRates(users, profile),
  };
  const configured = (): Promise<void> => configure(deps, handle, command);
  await configured();
  const gate = limiterGate({
    scope: name,
    handle,
    clock,
    random,
    context: (cause) => host.system(cause),
    log: log.child({ scope: name }),
    limits: { queueMax: limits.permitQueueMax, waitMaxMs: limits.permitWaitMaxMs },
  });
  return { name, handle, gate, configure: configured };
}

/** What each was configured to, where several share the scope: one's rate is not another's. */
function ownRates(
  users: readonly { readonly setup: CollectorSetup }[],
  profile: Pick<ProviderProfile, 'maxRequestsPerSecond'>,
): { readonly rates?: readonly CollectorRate[] } {
  const setups = new Map(users.map(({ setup }) => [setup.name, setup]));
  if (setups.size < 2) return {};
  const rates = [...setups.values()].map(({ name, rate }) => ({
    collector: name,
    maxRequestsPerSecond: rate.maxRequestsPerSecond ?? profile.maxRequestsPerSecond,
    backoffMultiplier: rate.backoffMultiplier,
    maxBackoff: rate.maxBackoff,
  }));
  return { rates };
}
