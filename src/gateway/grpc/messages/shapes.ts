/** The shapes that several answers share; what is not named here needs no change. */
import { each, isObject, listed, shape } from './shape.js';
import type { Change } from './shape.js';
import { BREAKER_STATE, COLLECTOR_TYPE, HEALTH, INTERFACE, OUTCOME, PHASE } from './words.js';

const state = BREAKER_STATE.name;
const override = shape({ state });

export const BREAKER = shape({
  state,
  computed: state,
  effective: state,
  override,
  upstreams: listed('name', shape({ state, computed: state, effective: state, override })),
});

const check = shape({ status: HEALTH.name, health: HEALTH.name, outcome: OUTCOME.name });
const BLOCKED_BY = 'blocked_';

/** REST has outcome and cause of a blocked run in one word. */
export const CHECK: Change = (value) => {
  const { outcome } = isObject(value) ? value : {};
  if (!isObject(value) || typeof outcome !== 'string' || !outcome.startsWith(BLOCKED_BY)) {
    return check(value);
  }
  const blocked_by = outcome.slice(BLOCKED_BY.length);
  return check({ ...value, outcome: 'blocked', blocked_by });
};

const collector = {
  type: COLLECTOR_TYPE.name,
  status: HEALTH.name,
  health: HEALTH.name,
  phase: PHASE.name,
};

/** A line of the list. */
export const SUMMARY = shape({
  ...collector,
  rate_limiter: shape({ endpoints: listed('name') }),
  circuit_breaker: shape({ state }),
});

/** The whole page. */
export const COLLECTOR = shape({
  ...collector,
  rate_limiter: shape({ endpoint_details: listed('name') }),
  circuit_breaker: BREAKER,
  recent_health: each(CHECK),
  last_run: shape({ outcome: OUTCOME.name }),
});

export const EVENT = shape({ metadata: shape({ interface: INTERFACE.name }) });

export const TRANSITION = shape({
  from: state,
  to: state,
  last_calls: each(shape({ outcome: OUTCOME.name })),
});
