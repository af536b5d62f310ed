/**
 * Builds the running collectors from their setups: actors, gates, doors, runtimes, and how they wake
 * each other. One limiter per scope, one breaker per collector and upstream.
 */
import { assert } from '../kernel/errors.js';
import { breakerStream, collectorStream } from '../kernel/ids.js';
import type { JsonObject } from '../kernel/types.js';
import { canonicalJson } from '../kernel/canonical.js';
import { breakerGate, breakerKind, type BreakerGate, type BreakerHandle } from './breaker/index.js';
import {
  collectorKind,
  regions,
  type CollectorCommand,
  type CollectorContext,
  type Obstacle,
} from './collector/index.js';
import {
  callGate,
  collectorRuntime,
  type CollectorHandle,
  type CollectorRuntime,
} from './collector/runtime.js';
import type { DoorLimits, DoorUpstream } from './door-parts.js';
import { tokenKeeper } from './door-token.js';
import { configure, type EngineDeps, type EngineLimits } from './engine-deps.js';
import type { Wiring } from './services.js';
import { obstacleOf } from './obstacle.js';
import { retryBudget } from './retry.js';
import { startScopes, type Scope } from './scopes.js';
import type { CollectorSetup } from './setup.js';

export type Upstream = {
  readonly name: string;
  readonly handle: BreakerHandle;
  readonly gate: BreakerGate;
  readonly scope: Scope;
  /** Tells the breaker its configuration (again). */
  readonly configure: () => Promise<void>;
};

/** One collector, running. */
export type Member = {
  readonly setup: CollectorSetup;
  readonly handle: CollectorHandle;
  readonly runtime: CollectorRuntime;
  /** The first is the primary. */
  readonly upstreams: readonly Upstream[];
  readonly obstacle: () => Obstacle | undefined;
  /** Tells the collector its configuration (again). */
  readonly configure: () => Promise<void>;
};

/** Loads (and so recovers) everything; collectors begin what they owe as they are loaded. */
export async function assemble(
  deps: EngineDeps,
  setups: readonly CollectorSetup[],
): Promise<{ readonly members: readonly Member[]; readonly scopes: readonly Scope[] }> {
  const scopes = await startScopes(deps, setups);
  const members = await Promise.all(setups.map((setup) => startMember(deps, setup, scopes)));
  return { members, scopes: [...scopes.values()] };
}

async function startUpstream(
  deps: EngineDeps,
  setup: CollectorSetup,
  name: string,
  scope: Scope,
): Promise<Upstream> {
  const { host, clock, log } = deps;
  const handle = await host.actor(breakerKind, breakerStream(setup.name, name));
  const { breaker: policy, cadenceMs: pollIntervalMs } = setup;
  const told = { collector: setup.name, upstream: name, policy, pollIntervalMs };
  const configured = (): Promise<void> => configure(deps, handle, { type: 'Configure', ...told });
  await configured();
  const context = (cause: string) => host.system(cause);
  const gate = breakerGate({ handle, clock, context, log: log.child({ stream: handle.stream }) });
  return { name, handle, gate, scope, configure: configured };
}

async function startMember(
  deps: EngineDeps,
  setup: CollectorSetup,
  scopes: ReadonlyMap<string, Scope>,
): Promise<Member> {
  const { host, clock, random } = deps;
  const log = deps.log.child({ collector: setup.name });
  const upstreams = await Promise.all(
    Object.entries(setup.upstreams).map(([name, upstream]) => {
      const scope = scopes.get(upstream.scope);
      assert(scope !== undefined, `scope ${upstream.scope} was started`);
      return startUpstream(deps, setup, name, scope);
    }),
  );
  const guarded = doorUpstreams(setup, upstreams);
  const { waitMaxMs } = doorLimits(setup, deps.limits);
  const obstacle = (): Obstacle | undefined =>
    obstacleOf(setup.name, [...new Set(guarded.values())], waitMaxMs);
  // The actor may owe work before its runtime is there: it is kept until then.
  const early: JsonObject[] = [];
  const later: { runtime?: CollectorRuntime } = {};
  const wiring: Wiring<CollectorCommand> = {
    onWork: (_, work) => {
      if (later.runtime === undefined) early.push(work);
      else later.runtime.begin(work);
    },
    onTimer: (timer) => (timer.name === 'due' ? later.runtime?.dueCommand() : undefined),
  };
  const handle = await host.actor(collectorKind, collectorStream(setup.name), wiring);
  const configured = (): Promise<void> => configure(deps, handle, configureOf(setup));
  await configured();
  const door = {
    collector: setup.name,
    upstreams: guarded,
    transport: deps.transport,
    clock,
    random,
    log,
    evidence: deps.evidence,
    budget: retryBudget(deps.limits.retry),
    limits: doorLimits(setup, deps.limits),
    forbidden: callGate(handle),
  };
  const runtime = collectorRuntime({
    name: setup.name,
    handle,
    source: setup.source,
    options: setup.options,
    door,
    sink: deps.sink,
    clock,
    random,
    log,
    system: (cause) => host.system(cause),
    obstacle,
    hasKey: setup.missingKey === '',
  });
  later.runtime = runtime;
  for (const work of early) runtime.begin(work);
  const member: Member = {
    setup,
    handle,
    runtime,
    upstreams,
    obstacle,
    configure: configured,
  };
  wakeWhenFree(deps, member);
  return member;
}

function configureOf(setup: CollectorSetup): CollectorCommand {
  const { name, source, enabled, enabledReason, schedule, requestTimeoutMs, missingKey } = setup;
  const upstreams = Object.entries(setup.upstreams);
  return {
    type: 'Configure',
    name,
    collectorType: source.type,
    source: source.name,
    enabled,
    enabledReason,
    schedule,
    scopes: [...new Set(upstreams.map(([, { scope }]) => scope))],
    upstreams: upstreams.map(([upstream]) => upstream),
    upstreamDetails: upstreams.map(([upstream, { scope, missingKeys }]) => ({
      name: upstream,
      scope,
      missingKey: missingKeys.join(' and '),
    })),
    requestTimeoutMs,
    missingKey,
    hasApiKey: setup.hasApiKey,
    upstreamMode: setup.upstreamMode,
    options: canonicalJson(setup.options),
    expectedEveryMs: Math.max(source.expectedEveryMs(setup.options), setup.cadenceMs),
  };
}

/** By the names of the setup; the primary also by the name its source has for it. */
function doorUpstreams(
  setup: CollectorSetup,
  upstreams: readonly Upstream[],
): ReadonlyMap<string, DoorUpstream> {
  const named = new Map(
    upstreams.map(({ name, handle, gate, scope }): [string, DoorUpstream] => {
      const upstream = setup.upstreams[name];
      assert(upstream !== undefined, `upstream ${name} was started from its setup`);
      const { profile, allowLoopback, keys, missingKeys } = upstream;
      const quarantined = (): string | undefined =>
        handle.quarantined() ?? scope.handle.quarantined();
      const guards = { breaker: gate, limiter: scope.gate, quarantined };
      const tokens = tokenKeeper();
      return [name, { profile, keys, missingKeys, tokens, allowLoopback, ...guards }];
    }),
  );
  const [primary] = named.values();
  const [sourcesName] = Object.keys(setup.source.upstreams);
  if (primary !== undefined && sourcesName !== undefined) named.set(sourcesName, primary);
  return named;
}

function doorLimits(setup: CollectorSetup, limits: EngineLimits): DoorLimits {
  return {
    requestTimeoutMs: setup.requestTimeoutMs,
    bodyBytesMax: limits.bodyBytesMax,
    // Nothing sleeps in a request longer than the poll interval.
    waitMaxMs: Math.min(limits.permitWaitMaxMs, setup.cadenceMs),
    retry: limits.retry,
  };
}

/** A gate that opens lets a collector that waits for it run at once: its first calls are the probe. */
function wakeWhenFree(deps: EngineDeps, member: Member): void {
  const wake = (): void => {
    if (member.handle.quarantined() !== undefined) return;
    const state = member.handle.state();
    const { blocked } = state.context;
    if (regions(state).activity !== 'waiting' || blocked === null || blocked.cause === 'key')
      return;
    if (member.obstacle() !== undefined || isStillBarred(deps, member, blocked)) return;
    void member.handle.ask(member.runtime.runNow('wake', 'probe'), deps.host.system('gate opened'));
  };
  for (const { gate, scope } of member.upstreams) {
    gate.watch(wake);
    scope.gate.watch(wake);
  }
}

/**
 * Whether what blocked the last run is there unchanged, though other endpoints of its upstream are free:
 * the next run, not every change in its scope, finds out whether those are of any use to it.
 */
function isStillBarred(
  { clock }: EngineDeps,
  { setup, upstreams }: Member,
  blocked: NonNullable<CollectorContext['blocked']>,
): boolean {
  const { cause, until } = blocked;
  if (cause === 'breaker' || until === null || until <= clock.now()) return false;
  return upstreams.some(({ scope, name }) => {
    const draws = Object.values(setup.upstreams[name]?.profile.weights ?? {});
    return draws.some((draw) => scope.gate.blockedUntil(setup.name, draw)?.until === until);
  });
}
