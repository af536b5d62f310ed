/** The engine: collectors by name, steered (engine.ts). Every change goes through an actor. */
import type { EpochMs, Position } from '../kernel/types.js';
import { assemble, type Member } from './assembly.js';
import type { BreakerTarget, Engine, LiveCollector, Steered, SteerOptions } from './engine.js';
import type { EngineDeps } from './engine-deps.js';
import type { Answer, CommandContext } from './handle.js';
import { permitDesk } from './permits.js';
import type { PermitDesk } from './permit-parts.js';
import type { Refusal } from './refusal.js';
import type { Scope } from './scopes.js';
import type { CollectorSetup } from './setup.js';
import { unblockQuota } from './unblock.js';
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
    enable: (name, options, context) =>
      withMember(find(name), (member) => steerCollector(deps, member, 'Enable', options, context)),
    disable: (name, options, context) =>
      withMember(find(name), (member) => steerCollector(deps, member, 'Disable', options, context)),
    restart: (name, options, context) =>
      withMember(find(name), (member) => steerCollector(deps, member, 'Restart', options, context)),
    collect: (name, _options, context) =>
      withMember(find(name), (member) => collectNow(member, context)),
    setRateLimit: (name, change, context) =>
      withMember(find(name), async (member) => {
        const [primary] = member.upstreams;
        if (primary === undefined) return noUpstream(name);
        const command = { type: 'SetRate', collector: name, ...change } as const;
        return steered(await primary.scope.handle.ask(command, context));
      }),
    unblockQuota: (name, bucket, context) =>
      withMember(find(name), (member) => unblockQuota(members, member, bucket, context)),
    resetBreaker: (name, upstream, context) =>
      withMember(find(name), (member) =>
        eachBreaker(member, upstream, context, { type: 'Reset', reason: context.reason ?? '' }),
      ),
    setBreaker: (name, upstream, target, options, context) =>
      withMember(find(name), (member) =>
        eachBreaker(member, upstream, context, breakerCommand(target, options)),
      ),
    stop: () => stopEngine(deps, members, scopes, permits),
  };
}

type Refused = { readonly refused: Refusal };

function unknown(name: string): Refused {
  return { refused: { kind: 'unknown-collector', detail: name } };
}

function noUpstream(name: string): Steered {
  return { ok: false, refusal: { kind: 'illegal-state', detail: `${name} has no such upstream` } };
}

async function withMember(
  found: Member | Refused,
  steer: (member: Member) => Promise<Steered>,
): Promise<Steered> {
  return 'refused' in found ? { ok: false, refusal: found.refused } : steer(found);
}

function steered<F, C>(answer: Answer<F, C>): Steered {
  if (!answer.ok) return answer;
  return { ok: true, changed: answer.facts.length > 0, position: answer.position };
}

async function steerCollector(
  { limits }: EngineDeps,
  { handle }: Member,
  type: 'Enable' | 'Disable' | 'Restart',
  { reason = '', ttlMs }: SteerOptions,
  context: CommandContext,
): Promise<Steered> {
  const ttl = ttlMs === undefined ? {} : { ttlMs };
  const { drainMs } = limits;
  switch (type) {
    case 'Enable':
      return steered(await handle.ask({ type, reason, ...ttl }, context));
    case 'Disable':
      return steered(await handle.ask({ type, reason, drainMs, ...ttl }, context));
    case 'Restart':
      return steered(await handle.ask({ type, reason, drainMs }, context));
  }
}

/** A run by hand: what stands in its way is told, not recorded. */
async function collectNow(member: Member, context: CommandContext): Promise<Steered> {
  const obstacle = member.obstacle();
  if (obstacle !== undefined) return { ok: false, refusal: refusalOf(obstacle) };
  return steered(await member.handle.ask(member.runtime.runNow('manual', 'probe'), context));
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

type BreakerSteering = Parameters<Member['upstreams'][number]['handle']['ask']>[0];

function breakerCommand(
  target: BreakerTarget,
  { reason = '', ttlMs }: SteerOptions,
): BreakerSteering {
  const ttl = ttlMs === undefined ? {} : { ttlMs };
  switch (target) {
    case 'closed':
    case 'half_open':
      return { type: 'SetState', state: target };
    case 'open':
      return { type: 'Force', override: 'forced_open', reason, ...ttl };
    case 'metrics_only':
    case 'disabled':
      return { type: 'Force', override: target, reason, ...ttl };
  }
}

/**
 * The breaker named, or all of the collector: of several, one for which the command makes no sense (a
 * probe of one that is closed) holds up no other; what else goes wrong is the answer.
 */
async function eachBreaker(
  member: Member,
  upstream: string | undefined,
  context: CommandContext,
  command: BreakerSteering,
): Promise<Steered> {
  const chosen = member.upstreams.filter(({ name }) => upstream === undefined || name === upstream);
  let refused: Steered = noUpstream(member.setup.name);
  let done: { readonly changed: boolean; readonly position: Position } | undefined;
  for (const { gate, handle } of chosen) {
    await gate.flush();
    const answer = steered(await handle.ask(command, context));
    if (!answer.ok) {
      if (answer.refusal.kind !== 'illegal-state') return answer;
      refused = answer;
      continue;
    }
    const { changed, position } = answer;
    done = {
      changed: changed || (done?.changed ?? false),
      position: Math.max(position, done?.position ?? 0),
    };
  }
  return done === undefined ? refused : { ok: true, ...done };
}

function liveOf(member: Member): LiveCollector {
  const { handle, upstreams, setup } = member;
  const quarantined = handle.quarantined();
  const [primary] = upstreams;
  const limiter = primary?.scope.handle.revision() ?? -1;
  const breaker = primary?.handle.revision() ?? -1;
  const live = {
    limiters: Object.fromEntries(
      upstreams.map(({ scope }) => [scope.name, scope.gate.live(setup.name)]),
    ),
    breakers: Object.fromEntries(upstreams.map(({ name, gate }) => [name, gate.live()])),
    revision: [handle.revision(), breaker, limiter].join('.'),
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
