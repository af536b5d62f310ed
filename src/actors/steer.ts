/** The engine: collectors by name, steered (engine.ts). Every change goes through an actor. */
import type { EpochMs } from '../kernel/types.js';
import { assemble, type Member } from './assembly.js';
import { conditioned, etagOf } from './conditions.js';
import type { Engine, LiveCollector, RateLimitChange, SteerContext } from './engine.js';
import type { Steered, SteerOptions } from './engine.js';
import type { EngineDeps } from './engine-deps.js';
import { oneByOne, type OneByOne } from './one-by-one.js';
import { permitDesk } from './permits.js';
import type { PermitDesk } from './permit-parts.js';
import type { Refusal } from './refusal.js';
import type { Scope } from './scopes.js';
import type { CollectorSetup } from './setup.js';
import { breakerCommand, eachBreaker, noUpstream } from './steer-breaker.js';
import { policyCommand, resetCommand } from './steer-breaker.js';
import { setCursor } from './steer-cursor.js';
import { steered } from './steered.js';
import { unblockQuota } from './unblock.js';
import { unquarantine } from './unquarantine.js';
import { phaseOf, whyNot } from './why.js';

export type RunningEngine = Engine & {
  readonly members: readonly Member[];
  readonly scopes: readonly Scope[];
  /** Drains runs within the drain limit, appends what the gates hold, then stops the actors. */
  stop(): Promise<void>;
};

export async function startEngine(
  deps: EngineDeps,
  setups: readonly CollectorSetup[],
): Promise<RunningEngine> {
  const { members, scopes } = await assemble(deps, setups);
  const byName = new Map(members.map((member) => [member.setup.name, member]));
  const find = (name: string): Member | Refused => byName.get(name) ?? unknown(name);
  const permits = permitDesk({ ...deps, find: (name) => byName.get(name) });
  const turns = oneByOne();
  return {
    members,
    scopes,
    permits,
    names: () => [...byName.keys()],
    has: (name) => byName.has(name),
    live: (name) => {
      const member = byName.get(name);
      return member === undefined ? undefined : liveOf(member);
    },
    etag: (name) => {
      const member = byName.get(name);
      return member === undefined ? undefined : etagOf(member);
    },
    enable: (name, options, context) =>
      withMember(find(name), (member) => steerCollector(deps, member, 'Enable', options, context)),
    disable: (name, options, context) =>
      withMember(find(name), (member) => steerCollector(deps, member, 'Disable', options, context)),
    restart: (name, options, context) =>
      withMember(find(name), (member) => steerCollector(deps, member, 'Restart', options, context)),
    collect: (name, _options, context) =>
      withMember(find(name), (member) => collectNow(member, context)),
    setRateLimit: (name, change, context) =>
      withMember(find(name), (member) => setRate(turns, member, change, context)),
    unblockQuota: (name, bucket, context) =>
      withMember(find(name), (member) =>
        turns(LIMITERS, () => unblockQuota(members, member, bucket, context)),
      ),
    resetBreaker: (name, upstream, context) =>
      withMember(find(name), (member) =>
        eachBreaker(turns, member, upstream, context, resetCommand(context.reason ?? '')),
      ),
    setBreaker: (name, upstream, target, options, context) =>
      withMember(find(name), (member) =>
        eachBreaker(turns, member, upstream, context, breakerCommand(target, options)),
      ),
    updateBreaker: (name, upstream, change, context) =>
      withMember(find(name), (member) =>
        eachBreaker(turns, member, upstream, context, policyCommand(member, change)),
      ),
    setCursor: (name, series, cursor, context) =>
      withMember(find(name), (member) => setCursor(member, { series, cursor }, deps.sink, context)),
    unquarantine: (name, context) =>
      withMember(find(name), (member) => unquarantine(member, deps.host, context)),
    stop: () => stopEngine(deps, members, scopes, permits),
  };
}

/** A scope is several collectors': commands on limiters take turns, whoever's they are. */
const LIMITERS = 'limiters';

type Refused = { readonly refused: Refusal };

function unknown(name: string): Refused {
  return { refused: { kind: 'unknown-collector', detail: name } };
}

async function withMember(
  found: Member | Refused,
  steer: (member: Member) => Promise<Steered>,
): Promise<Steered> {
  return 'refused' in found ? { ok: false, refusal: found.refused } : steer(found);
}

function steerCollector(
  { limits }: EngineDeps,
  member: Member,
  type: 'Enable' | 'Disable' | 'Restart',
  { reason = '', ttlMs }: SteerOptions,
  context: SteerContext,
): Promise<Steered> {
  const ttl = ttlMs === undefined ? {} : { ttlMs };
  const { drainMs } = limits;
  const commands = {
    Enable: { type: 'Enable', reason, ...ttl },
    Disable: { type: 'Disable', reason, drainMs, ...ttl },
    Restart: { type: 'Restart', reason, drainMs },
  } as const;
  const { handle } = member;
  return conditioned(member, 'collector', context, async (contextFor) =>
    steered(handle.stream, await handle.ask(commands[type], contextFor(handle))),
  );
}

/** A run by hand: what stands in its way is told, not recorded. One that was begun is not begun again. */
function collectNow(member: Member, context: SteerContext): Promise<Steered> {
  const { handle, runtime } = member;
  return conditioned(member, 'collector', context, async (contextFor) => {
    const wasBegun = context.doneIn?.has(handle.stream) === true;
    const obstacle = wasBegun ? undefined : member.obstacle();
    if (obstacle !== undefined) return { ok: false, refusal: refusalOf(obstacle) };
    const command = runtime.runNow('manual', 'probe');
    return steered(handle.stream, await handle.ask(command, contextFor(handle)));
  });
}

function setRate(
  turns: OneByOne,
  member: Member,
  change: RateLimitChange,
  context: SteerContext,
): Promise<Steered> {
  const { name } = member.setup;
  const [primary] = member.upstreams;
  if (primary === undefined) return Promise.resolve(noUpstream(name));
  const { handle } = primary.scope;
  return turns(LIMITERS, () =>
    conditioned(member, 'limiter', context, async (contextFor) => {
      const command = { type: 'SetRate', collector: name, ...change } as const;
      return steered(handle.stream, await handle.ask(command, contextFor(handle)));
    }),
  );
}

function refusalOf({
  cause,
  detail,
  until,
}: {
  readonly cause: string;
  readonly detail: string;
  readonly until?: EpochMs;
}): Refusal {
  if (cause === 'breaker') {
    return { kind: 'breaker-open', detail, ...(until !== undefined && { retryAt: until }) };
  }
  if (cause === 'rate_limit') {
    return { kind: 'rate-limited', detail, ...(until !== undefined && { retryAt: until }) };
  }
  return { kind: 'blocked', detail, ...(until !== undefined && { until }) };
}

function liveOf(member: Member): LiveCollector {
  const { handle, upstreams, setup } = member;
  const quarantined = handle.quarantined();
  const live = {
    limiters: Object.fromEntries(
      upstreams.map(({ scope }) => [scope.name, scope.gate.live(setup.name)]),
    ),
    breakers: Object.fromEntries(upstreams.map(({ name, gate }) => [name, gate.live()])),
    revision: etagOf(member),
  };
  if (quarantined !== undefined) {
    return {
      phase: 'quarantined',
      why: { sentence: `it is quarantined: ${quarantined}` },
      ...live,
    };
  }
  const state = handle.state();
  return {
    phase: phaseOf(state, quarantined),
    why: whyNot(state, member.obstacle(), quarantined),
    ...live,
  };
}

async function stopEngine(
  deps: EngineDeps,
  members: readonly Member[],
  scopes: readonly Scope[],
  permits: PermitDesk,
): Promise<void> {
  const { drainMs } = deps.limits;
  const shutdown = { type: 'Shutdown', drainMs } as const;
  permits.close();
  for (const { runtime } of members) runtime.close();
  await Promise.all(
    members.map(({ handle }) => handle.ask(shutdown, deps.host.system('shutdown'))),
  );
  await Promise.all(members.map(({ runtime }) => runtime.idle()));
  await Promise.all(members.flatMap(({ upstreams }) => upstreams.map(({ gate }) => gate.flush())));
  await Promise.all(scopes.map(({ gate }) => gate.flush()));
  await deps.host.stop();
  for (const { upstreams } of members) for (const { gate } of upstreams) gate.close();
  for (const { gate } of scopes) gate.close();
}
