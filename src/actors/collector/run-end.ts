/** What the end of a run comes to, before it is decided on. */
import type { EpochMs } from '../../kernel/types.js';
import type { DoorRun } from '../door-parts.js';
import type { Obstacle, RunEnd } from './commands.js';
import type { Ended } from './pages.js';
import type { RuntimeDeps } from './runtime-parts.js';
import { oneLine, type Warnings } from './warnings.js';

/** A message goes into a fact. */
const MESSAGE_CHARS_MAX = 500;

/**
 * The end of a run by what its source returned. A further upstream that was blocked (no key, an open
 * breaker, a spent quota) makes no run fail: the collector did what it could.
 */
export function endOf(
  deps: RuntimeDeps,
  failure: Ended | undefined,
  run: DoorRun,
  said: Warnings,
): RunEnd {
  if (failure === undefined) return endWith(run, said, { outcome: 'ok', message: '' });
  const { outcome, message, endpoint, status, evidence, upstream } = failure;
  if (outcome === 'blocked' && upstream !== undefined) {
    run.warn(`${upstream}: ${message}`);
    return endWith(run, said, { outcome: 'ok', message: '' });
  }
  const isElsewhereFree = hasSeveral(deps) && deps.obstacle() === undefined;
  const obstacle = isElsewhereFree ? undefined : obstacleOf(deps, failure);
  const until = untilOf(deps, failure);
  return endWith(run, said, {
    outcome,
    message: oneLine(message, MESSAGE_CHARS_MAX),
    endpoint,
    status,
    ...(until !== undefined && { until }),
    ...(evidence !== undefined && { evidence }),
    ...(obstacle !== undefined && { obstacle }),
    ...(upstream !== undefined && { upstream }),
    ...(isElsewhereFree && { isElsewhereFree }),
  });
}

/** A pause lasts no longer than until another upstream can be asked again. */
function untilOf(deps: RuntimeDeps, { outcome, until }: Ended): EpochMs | undefined {
  if (outcome !== 'throttled' || until === undefined || !hasSeveral(deps)) return until;
  return Math.min(until, deps.obstacle()?.until ?? until);
}

/** More than one upstream whose keys are there. */
function hasSeveral({ door }: RuntimeDeps): boolean {
  const all = [...new Set(door.upstreams.values())];
  return all.filter(({ missingKeys }) => missingKeys.length === 0).length > 1;
}

/** What the collector now waits for. */
function obstacleOf(deps: RuntimeDeps, failure: Ended): Obstacle | undefined {
  const { outcome, message, until, cause } = failure;
  if (outcome !== 'blocked' || cause === undefined) return undefined;
  if (cause === 'desired' || cause === 'draining' || cause === 'key') return undefined;
  const told = { cause, detail: message, ...(until !== undefined && { until }) };
  return hasSeveral(deps) ? (deps.obstacle() ?? told) : told;
}

export function endWith(
  run: DoorRun,
  said: Warnings,
  end: Partial<RunEnd> & Pick<RunEnd, 'outcome' | 'message'>,
): RunEnd {
  const durations = [...run.durationsMs].sort((a, b) => a - b);
  const latencyP95Ms =
    durations[Math.min(durations.length - 1, Math.floor(durations.length * 0.95))] ?? 0;
  const counted = { calls: durations.length, latencyP95Ms, warnings: said.all() };
  return { endpoint: '', status: 0, ...counted, ...end };
}
