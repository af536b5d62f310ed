/** Which policy a breaker obeys: the configured one, and over it what an operator holds. */
import { facts, refuse, type Circumstances, type Decision, type Of } from '../kind.js';
import type { Refusal } from '../refusal.js';
import type { BreakerCommand } from './commands.js';
import type { BreakerFact, BreakerPolicy, BreakerSettings } from './events.js';
import { POLICY_FIELDS, policyRefusal, samePolicy } from './policy.js';
import type { BreakerContext, BreakerState } from './state.js';

/** What is configured anew goes under what an operator holds. Together they must make sense. */
export function configure(
  command: Of<BreakerCommand, 'Configure'>,
  { context }: BreakerState,
  { at }: Circumstances,
): Decision<BreakerFact> {
  const { collector, upstream, policy: configured, pollIntervalMs } = command;
  const settings = context.held?.settings ?? {};
  const policy = { ...configured, ...settings };
  const refusal = policyRefusal(policy, pollIntervalMs);
  if (refusal !== undefined) return refuse(refusal);
  const isSame =
    context.configRevision > 0 &&
    context.collector === collector &&
    context.upstream === upstream &&
    samePolicy(configuredOf(context), configured) &&
    samePolicy(context.policy, policy);
  if (isSame) return facts();
  return facts(configuredFact({ ...context, collector, upstream }, configured, settings, at));
}

/** What is given is held, also where the configuration says the same; null gives it back. */
export function setPolicy(
  { change, pollIntervalMs }: Of<BreakerCommand, 'SetPolicy'>,
  { context }: BreakerState,
  { at }: Circumstances,
): Decision<BreakerFact> {
  const before: BreakerSettings = context.held?.settings ?? {};
  const configured = configuredOf(context);
  const settings = changed(before, change);
  const refusal = policyRefusal({ ...configured, ...settings }, pollIntervalMs);
  if (refusal !== undefined) return refuse(asGiven(refusal));
  if (POLICY_FIELDS.every((field) => before[field] === settings[field])) return facts();
  return facts(configuredFact(context, configured, settings, at));
}

/** The policy under what an operator holds. */
export function configuredOf({ held, policy }: BreakerContext): BreakerPolicy {
  return held?.configured ?? policy;
}

function changed(
  before: BreakerSettings,
  change: Of<BreakerCommand, 'SetPolicy'>['change'],
): BreakerSettings {
  const after = POLICY_FIELDS.flatMap((field) => {
    const given = change[field];
    const value = given === undefined ? before[field] : given;
    return value === undefined || value === null ? [] : [[field, value] as const];
  });
  return Object.fromEntries(after);
}

function configuredFact(
  { collector, upstream, configRevision }: BreakerContext,
  configured: BreakerPolicy,
  settings: BreakerSettings,
  at: number,
): BreakerFact {
  const isHeld = Object.keys(settings).length > 0;
  return {
    type: 'BreakerConfigured',
    atMs: at,
    policy: { ...configured, ...settings },
    configRevision: configRevision + 1,
    collector,
    upstream,
    operator: isHeld ? { ...settings } : undefined,
    configured: isHeld ? { ...configured } : undefined,
  };
}

/** An operator gives the settings themselves, not a policy. */
function asGiven(refusal: Refusal): Refusal {
  if (refusal.kind !== 'invalid') return refusal;
  return { ...refusal, field: refusal.field.replace('/policy/', '/') };
}
