/**
 * Words of REST and names of enum values: `half-open` is BREAKER_STATE_HALF_OPEN. A word without a name
 * becomes UNSPECIFIED, never a throw: an older client must be able to read a newer service.
 */
import * as collectors from '../../../gen/headgate/v1/collector_service.js';
import { AuditOutcome } from '../../../gen/headgate/v1/history_service.js';
import { Priority } from '../../../gen/headgate/v1/permit_service.js';
import * as words from '../../../gen/headgate/v1/words.js';
import type { Json } from '../../../kernel/types.js';
import type { Change } from './shape.js';

/** A generated enum: its names, each under itself. */
type Names = Readonly<Record<string, string>>;

export type Vocabulary = {
  /** The name of a word, as `fromJSON` reads it. */
  readonly name: Change;
  /** The word of a name; undefined for UNSPECIFIED. What we have no name for is the word `unrecognized`. */
  readonly word: (name: string) => string | undefined;
};

export function vocabulary(prefix: string, names: Names): Vocabulary {
  const unspecified = `${prefix}UNSPECIFIED`;
  return {
    name(value: Json) {
      if (typeof value !== 'string') return unspecified;
      const name = prefix + value.toUpperCase().replaceAll('-', '_');
      return Object.hasOwn(names, name) ? name : unspecified;
    },
    word(name) {
      if (name === unspecified) return undefined;
      return (name.startsWith(prefix) ? name.slice(prefix.length) : name).toLowerCase();
    },
  };
}

const breakerStates = vocabulary('BREAKER_STATE_', words.BreakerState);

export const BREAKER_STATE: Vocabulary = {
  name: breakerStates.name,
  word(name) {
    const word = breakerStates.word(name);
    return word === 'half_open' ? 'half-open' : word;
  },
};
export const COLLECTOR_TYPE = vocabulary('COLLECTOR_TYPE_', words.CollectorType);
export const COLLECTOR_STATE = vocabulary('COLLECTOR_STATE_', words.CollectorState);
export const HEALTH = vocabulary('HEALTH_', words.Health);
export const PHASE = vocabulary('PHASE_', words.Phase);
export const OUTCOME = vocabulary('OUTCOME_', words.Outcome);
export const ROLE = vocabulary('ROLE_', words.Role);
export const INTERFACE = vocabulary('INTERFACE_', words.Interface);
export const AUDIT_OUTCOME = vocabulary('AUDIT_OUTCOME_', AuditOutcome);
export const PRIORITY = vocabulary('PRIORITY_', Priority);
export const BATCH_ACTION = vocabulary('BATCH_ACTION_', collectors.BatchAction);
export const WATCH_KIND = vocabulary('WATCH_KIND_', collectors.WatchKind);
