/** Steering a collector's breakers: the one named, or all of them. */
import type { Member } from './assembly.js';
import { conditioned } from './conditions.js';
import type { BreakerChange, BreakerTarget, SteerContext } from './engine.js';
import type { Steered, SteerOptions } from './engine.js';
import type { OneByOne } from './one-by-one.js';
import { andThen, refused, steered, type Done } from './steered.js';

type BreakerSteering = Parameters<Member['upstreams'][number]['handle']['ask']>[0];

export function resetCommand(reason: string): BreakerSteering {
  return { type: 'Reset', reason };
}

export function breakerCommand(
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

/** Judged at the cadence of this collector. */
export function policyCommand(member: Member, change: BreakerChange): BreakerSteering {
  return { type: 'SetPolicy', change, pollIntervalMs: member.setup.cadenceMs };
}

export function noUpstream(name: string): Steered {
  return refused({ kind: 'illegal-state', detail: `${name} has no such upstream` });
}

/**
 * The breaker named, or all of the collector: of several, one for which the command makes no sense (a
 * probe of one that is closed) holds up no other; what else goes wrong is the answer.
 */
export function eachBreaker(
  turns: OneByOne,
  member: Member,
  upstream: string | undefined,
  context: SteerContext,
  command: BreakerSteering,
): Promise<Steered> {
  const { name } = member.setup;
  const chosen = member.upstreams.filter(
    (each) => upstream === undefined || each.name === upstream,
  );
  return turns(`breaker ${name}`, () =>
    conditioned(member, 'breaker', context, async (contextFor) => {
      let failed = noUpstream(name);
      let done: Done | undefined;
      for (const { gate, handle } of chosen) {
        // What the gate holds is recorded first, so that it is decided on; a dry run records nothing.
        if (context.dryRun !== true) await gate.flush();
        const answer = steered(handle.stream, await handle.ask(command, contextFor(handle)));
        if (answer.ok) done = done === undefined ? answer : andThen(done, answer);
        else if (answer.refusal.kind !== 'illegal-state') return answer;
        else failed = answer;
      }
      return done ?? failed;
    }),
  );
}
