/** The settings of a breaker: REST's names and ours. */
import type { BreakerPolicy } from '../../actors/breaker/index.js';
import type { breakerSettings } from '../schemas/breaker-config.js';

export type ConfigMember = keyof typeof breakerSettings;

/** REST's name of each setting → ours. */
export const FIELDS = {
  failure_threshold: 'failureThreshold',
  minimum_calls: 'minimumCalls',
  failure_rate: 'failureRate',
  slow_rate: 'slowRate',
  slow_call_ms: 'slowCallMs',
  window_ms: 'windowMs',
  open_ms: 'openMs',
  open_multiplier: 'openMultiplier',
  open_max_ms: 'openMaxMs',
  open_jitter: 'openJitter',
  half_open_permits: 'halfOpenPermits',
  success_threshold: 'successThreshold',
  half_open_deadline_ms: 'halfOpenDeadlineMs',
} as const satisfies Record<ConfigMember, keyof BreakerPolicy>;

export const CONFIG_MEMBERS = Object.keys(FIELDS) as readonly ConfigMember[];

/** All settings of a policy, by REST's names. */
export function configOf(policy: Partial<BreakerPolicy>): object {
  return Object.fromEntries(CONFIG_MEMBERS.map((member) => [member, policy[FIELDS[member]]]));
}
