/** What the tests of limits across kills ask of a service, and of the upstreams that counted meanwhile. */
import { SANDBOX_KEYS, type ProviderName } from '../../src/sources/sandbox/index.js';
import { systemClock } from '../../src/kernel/time.js';
import type { JsonObject } from '../../src/kernel/types.js';
import type { Service } from './process-service.js';
import { until, type World } from './process-world.js';

/** A collector that asks its upstream in the test's process as often as it may. */
export function hungry(world: World, provider: ProviderName, more: JsonObject = {}): JsonObject {
  return {
    enabled: true,
    upstream: 'live',
    base_url: world.sandbox.upstreamUrl(provider),
    interval_ms: 200,
    jitter: 0,
    rate: { max_requests_per_second: 10 },
    ...more,
  };
}

/** The keys that the upstreams of the test accept. */
export function start(world: World): Promise<Service> {
  return world.start({ env: { ...SANDBOX_KEYS } });
}

export type Barrier = { readonly bucket: string; readonly cause: string; readonly until: string };

export type Limited = {
  readonly why: string;
  readonly why_changes_at: string | null;
  readonly phase: string;
  readonly suspended: { readonly cause: string } | null;
  readonly rate_limiter: { readonly blocked: readonly Barrier[] };
};

export async function limited(service: Service, name: string): Promise<Limited> {
  const { body } = await service.get(`/collectors/${name}`);
  return body['collector'] as Limited;
}

/** When a collector that its limits hold may go on, as it says itself; 0: nothing holds it. */
export function freeAt({ why, why_changes_at: changesAt }: Limited): number {
  const isHeld = /^it (waits: |is suspended)/.test(why);
  return isHeld && changesAt !== null ? Date.parse(changesAt) : 0;
}

/** Resolves when a window leaves the collector nothing for a while. */
export async function usedUp(service: Service, name: string, aheadMs = 3000): Promise<Limited> {
  let last: Limited | undefined;
  await until(`${name} has used up its window`, async () => {
    last = await limited(service, name);
    return freeAt(last) > systemClock().now() + aheadMs;
  });
  if (last === undefined) throw new Error('never looked');
  return last;
}

/** Resolves when so many more requests have reached the upstream than had. */
export async function more(world: World, provider: ProviderName, count: number): Promise<void> {
  const { control } = world.sandbox;
  const goal = control.counters(provider).received + count;
  await until(
    `${provider} was asked ${String(count)} times more`,
    () => control.counters(provider).received >= goal,
  );
}

/** What an upstream has against its callers, by its own counters. */
export function held(world: World, provider: ProviderName) {
  const { violations, beyond } = world.sandbox.control.counters(provider);
  return { provider, violations, beyond };
}
