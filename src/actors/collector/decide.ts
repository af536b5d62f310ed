/**
 * All policy of a collector (semantics §4). Pure: command, state and circumstances in, facts out.
 * Intent (`desired`) is changed by operators only; automation suspends beside it.
 */
import { canonicalJson } from '../../kernel/canonical.js';
import { unreachable } from '../../kernel/types.js';
import {
  facts,
  refuse,
  type Circumstances,
  type Decision,
  type MachineryCommand,
  type Of,
} from '../kind.js';
import type { CollectorCommand, Settings } from './commands.js';
import { mayFetch, regions, type CollectorState } from './context.js';
import type { CollectorFact } from './events.js';
import { dueAfter, finishRun, progress, startOrBlock } from './runs.js';
import { lifted, liftSuspension, stopped, stopOrDrain, suspensionLifted } from './stopping.js';

export type CollectorDecision = Decision<CollectorFact>;

export function decideCollector(
  command: CollectorCommand | MachineryCommand,
  state: CollectorState,
  circumstances: Circumstances,
): CollectorDecision {
  switch (command.type) {
    case 'Configure':
      return configure(command, state, circumstances);
    case 'Enable':
      return enable(command, state, circumstances);
    case 'Disable':
      return disable(command, state, circumstances);
    case 'Restart':
      return restart(command, state, circumstances);
    case 'LiftSuspension':
      return liftSuspension(command, state, circumstances);
    case 'Shutdown':
      return facts(...stopOrDrain('shutdown', command.drainMs, state, circumstances));
    case 'Connected':
      return connected(state, circumstances);
    case 'KeyMissing':
      return keyMissing(state, circumstances);
    case 'StartRun':
      return startOrBlock(command, state, circumstances);
    case 'Progress':
      return progress(command, state, circumstances);
    case 'FinishRun':
      return finishRun(command, state, circumstances);
    case 'SetCursor':
      return setCursor(command, state, circumstances);
    case 'TimerDue':
      return timerDue(command.name, state, circumstances);
    case 'Recover':
      return recover(state, circumstances);
    default:
      return unreachable(command);
  }
}

function configure(
  command: Of<CollectorCommand, 'Configure'>,
  { context }: CollectorState,
  { at }: Circumstances,
): CollectorDecision {
  const { name, collectorType, source, enabled, enabledReason, ...wanted } = command;
  const revision = context.config?.configRevision ?? 0;
  const config = { ...settingsOf(wanted), configRevision: revision };
  const decided: CollectorFact[] = [];
  const isNew = context.name === '';
  if (isNew) {
    const reason = enabledReason;
    decided.push({
      type: 'CollectorRegistered',
      atMs: at,
      name,
      collectorType,
      source,
      enabled,
      reason,
    });
  }
  if (context.config === null || canonicalJson(config) !== canonicalJson(context.config)) {
    decided.push({
      type: 'CollectorConfigured',
      atMs: at,
      ...config,
      scopes: [...config.scopes],
      upstreams: [...config.upstreams],
      upstreamDetails: (config.upstreamDetails ?? []).map((each) => ({ ...each })),
      configRevision: revision + 1,
    });
  }
  if (isNew) {
    const wish = { atMs: at, reason: enabledReason, actor: 'system' };
    decided.push(
      enabled ? { type: 'CollectorEnabled', ...wish } : { type: 'CollectorDisabled', ...wish },
    );
  }
  return facts(...decided);
}

function settingsOf(command: Settings): Settings {
  const { schedule, scopes, upstreams, requestTimeoutMs } = command;
  const { missingKey, hasApiKey, upstreamMode, options, expectedEveryMs } = command;
  const { upstreamDetails } = command;
  return {
    schedule,
    scopes,
    upstreams,
    requestTimeoutMs,
    missingKey,
    hasApiKey,
    upstreamMode,
    options,
    expectedEveryMs,
    ...(upstreamDetails !== undefined && { upstreamDetails }),
  };
}

/** Idempotent. Lifts a suspension: an operator who enables wants it tried now. */
function enable(
  command: Of<CollectorCommand, 'Enable'>,
  state: CollectorState,
  { at, actor }: Circumstances,
): CollectorDecision {
  const { desired, suspension, activity } = regions(state);
  const decided: CollectorFact[] = [];
  if (suspension === 'suspended') decided.push(suspensionLifted('enable', at));
  const sameWish =
    desired === 'enabled' && command.ttlMs === undefined && state.context.wish.until === null;
  if (!sameWish || (suspension === 'suspended' && activity === 'stopped')) {
    decided.push({
      type: 'CollectorEnabled',
      atMs: at,
      reason: command.reason,
      actor,
      ...(command.ttlMs !== undefined && { untilMs: at + command.ttlMs }),
    });
  }
  return facts(...decided);
}

/** Idempotent. What is in flight drains, then the session is released. */
function disable(
  command: Of<CollectorCommand, 'Disable'>,
  state: CollectorState,
  circumstances: Circumstances,
): CollectorDecision {
  const { at, actor } = circumstances;
  const sameWish =
    regions(state).desired === 'disabled' &&
    command.ttlMs === undefined &&
    state.context.wish.until === null;
  if (sameWish) return facts();
  return facts<CollectorFact>(
    {
      type: 'CollectorDisabled',
      atMs: at,
      reason: command.reason,
      actor,
      ...(command.ttlMs !== undefined && { untilMs: at + command.ttlMs }),
    },
    ...stopOrDrain('disable', command.drainMs, state, circumstances),
  );
}

/** Drain, disconnect, connect. Never resets what the limiter learned, the usage or an override. */
function restart(
  command: Of<CollectorCommand, 'Restart'>,
  state: CollectorState,
  circumstances: Circumstances,
): CollectorDecision {
  const { at, actor } = circumstances;
  const { desired, suspension, activity } = regions(state);
  if (desired === 'disabled') {
    return refuse({ kind: 'illegal-state', detail: 'it is disabled: enable it instead' });
  }
  const lifted = suspension === 'suspended' ? [suspensionLifted('restart', at)] : [];
  const { reason } = command;
  if (activity === 'collecting') {
    return facts<CollectorFact>(
      ...lifted,
      ...stopOrDrain('restart', command.drainMs, state, circumstances),
    );
  }
  if (activity === 'draining') return facts<CollectorFact>(...lifted);
  if (activity === 'stopped') {
    return facts<CollectorFact>(...lifted, { type: 'CollectorEnabled', atMs: at, reason, actor });
  }
  return facts<CollectorFact>(...lifted, { type: 'RestartRequested', atMs: at, reason, actor });
}

function connected(state: CollectorState, circumstances: Circumstances): CollectorDecision {
  const { at, chance } = circumstances;
  const { activity } = regions(state);
  if (
    !mayFetch(state) ||
    activity === 'idle' ||
    activity === 'collecting' ||
    activity === 'draining'
  ) {
    return facts();
  }
  const { config, name } = state.context;
  if (config === null) return refuse({ kind: 'illegal-state', detail: 'it is not configured yet' });
  // The first run comes soon, spread over a second, so that a start is seen to work.
  const soon = at + chance * Math.min(1000, dueAfter(config.schedule, name, circumstances) - at);
  return facts({ type: 'CollectorConnected', atMs: at, nextDueMs: Math.ceil(soon) });
}

function keyMissing(state: CollectorState, { at }: Circumstances): CollectorDecision {
  const { activity } = regions(state);
  if (!mayFetch(state) || state.context.blocked?.cause === 'key') return facts();
  if (activity === 'idle' || activity === 'collecting' || activity === 'draining') return facts();
  const detail = `set ${state.context.config?.missingKey ?? ''}`;
  return facts({ type: 'RunBlocked', atMs: at, cause: 'key', detail, nextDueMs: 0 });
}

function setCursor(
  command: Of<CollectorCommand, 'SetCursor'>,
  state: CollectorState,
  { at }: Circumstances,
): CollectorDecision {
  const { desired, activity } = regions(state);
  if (command.cause === 'operator' && (desired === 'enabled' || activity !== 'stopped')) {
    const is = desired === 'enabled' ? 'it is enabled' : `it is still ${activity}`;
    const detail = `a cursor can be set only while it is disabled and stopped: ${is}`;
    return refuse({ kind: 'illegal-state', detail });
  }
  const { series, cursor, ordinal, cause } = command;
  return facts({ type: 'CursorSet', atMs: at, series, cursor, ordinal, cause });
}

/** How long a collector whose temporary wish ends may drain. */
const TTL_DRAIN_MS = 10_000;

function timerDue(
  name: string,
  state: CollectorState,
  circumstances: Circumstances,
): CollectorDecision {
  const { at } = circumstances;
  const { desired } = regions(state);
  switch (name) {
    case 'wish': {
      const reason = 'the time given with the command is over';
      const wish = { atMs: at, reason, actor: 'system' };
      if (desired === 'disabled') return facts({ type: 'CollectorEnabled', ...wish });
      const disabled: CollectorFact = { type: 'CollectorDisabled', ...wish };
      return facts(disabled, ...stopOrDrain('disable', TTL_DRAIN_MS, state, circumstances));
    }
    case 'suspension':
      return facts(...lifted('retry', state, at));
    case 'drain':
      return facts(...cutShort(state, circumstances));
    default:
      return facts();
  }
}

/** The drain's deadline passed: what is still in flight is given up. */
function cutShort(state: CollectorState, { at }: Circumstances): CollectorFact[] {
  const { run, drain } = state.context;
  const ended: CollectorFact[] =
    run === null
      ? []
      : [{ type: 'RunUnknown', atMs: at, run: run.id, cause: 'drain deadline', nextDueMs: 0 }];
  return drain === null ? ended : [...ended, stopped(drain.cause, at)];
}

/** A5: a run without an outcome is unknown; the session is gone with the process. */
function recover(state: CollectorState, { at }: Circumstances): CollectorDecision {
  const { run, suspension } = state.context;
  const decided: CollectorFact[] = [];
  if (run !== null) {
    decided.push({
      type: 'RunUnknown',
      atMs: at,
      run: run.id,
      cause: 'process ended',
      nextDueMs: 0,
    });
  }
  if (regions(state).activity !== 'stopped') decided.push(stopped('crash', at));
  // `auth` is tried once at process start: the key may have been replaced.
  if (suspension?.cause === 'auth') decided.push(suspensionLifted('start', at));
  return facts(...decided);
}
