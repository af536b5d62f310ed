/** The settings of a collector's breakers, asked and set: an operator's stand over the configuration. */
import { Type } from '@sinclair/typebox';
import type { BreakerChange } from '../actors/engine.js';
import { isoTime } from '../kernel/time.js';
import { fail } from '../kernel/types.js';
import type { BreakerDoc } from '../projections/views.js';
import { answer } from './answer.js';
import { wrongUpstream } from './commands.js';
import { RESERVED_NAMES, name, reason, upstream } from './inputs.js';
import { operation } from './operation.js';
import type { AnyOperation } from './operation.js';
import { collectorNotFound, invalidInput } from './problems.js';
import { missing } from './questions.js';
import { breakerConfigDone, breakerConfigTold, breakerSettings } from './schemas/breaker-config.js';
import { CONFIG_MEMBERS, FIELDS, configOf } from './shapes/breaker-config.js';
import type { Subject } from './shapes/collector.js';
import { steer } from './steer.js';
import type { Command } from './steer.js';

const configInput = Type.Object({ name, upstream }, { additionalProperties: false });
const changeInput = Type.Object(
  { name, upstream, reason, ...breakerSettings },
  { additionalProperties: false },
);

/** The breaker of the upstream; without one, the primary's. */
export function shown(breakers: readonly BreakerDoc[], wanted: string | undefined) {
  return wanted === undefined
    ? breakers[0]
    : breakers.find((breaker) => breaker.upstream === wanted);
}

function updatedConfig(subject: Subject | undefined, wanted: string | undefined): object | null {
  const doc = shown(subject?.docs.breakers ?? [], wanted);
  return doc === undefined ? null : configOf(doc.policy);
}

const getCircuitBreakerConfig = operation({
  name: 'getCircuitBreakerConfig',
  summary: 'What a breaker obeys, and which of its settings an operator holds.',
  role: 'viewer',
  input: configInput,
  output: breakerConfigTold,
  writes: { none: 'reads the views' },
  grpc: { service: 'CollectorService', method: 'GetCircuitBreakerConfig' },
  rest: { method: 'GET', path: '/collectors/{name}/circuit-breaker/config', query: ['upstream'] },
  handler: ({ name: of, upstream: wanted }, reach) => {
    if (RESERVED_NAMES.includes(of)) return fail(collectorNotFound(of));
    const wrong = wrongUpstream(of, wanted, reach);
    if (wrong !== undefined) return fail(wrong);
    const docs = reach.views.docs(of);
    const doc = shown(docs?.breakers ?? [], wanted);
    if (docs === undefined || doc === undefined) return fail(missing(of, reach));
    const { policy, held, configRevision } = doc;
    const told = {
      collector: of,
      upstream: doc.upstream,
      config: configOf(policy),
      configured: configOf(held?.configured ?? policy),
      set_by_operator: CONFIG_MEMBERS.filter(
        (member) => held?.settings[FIELDS[member]] !== undefined,
      ),
      config_revision: configRevision,
      etag: docs.etag,
      timestamp: isoTime(reach.clock.now()),
    };
    return answer(told, { etag: docs.etag });
  },
});

const updateCircuitBreaker = operation({
  name: 'updateCircuitBreaker',
  summary: 'Sets settings of a breaker over its configuration, at once; null gives one back.',
  role: 'operator',
  input: changeInput,
  output: breakerConfigDone,
  writes: { facts: ['BreakerConfigured'], audit: 'every-call' },
  grpc: { service: 'CollectorService', method: 'UpdateCircuitBreaker' },
  rest: { method: 'PUT', path: '/collectors/{name}/circuit-breaker/config', query: ['upstream'] },
  handler: (input, reach, caller) => {
    const given = CONFIG_MEMBERS.filter((member) => input[member] !== undefined);
    if (given.length === 0) {
      const detail = `give at least one of ${CONFIG_MEMBERS.join(', ')}`;
      return fail(invalidInput({ pointer: '', detail }));
    }
    const wrong = wrongUpstream(input.name, input.upstream, reach);
    if (wrong !== undefined) return fail(wrong);
    const change: BreakerChange = Object.fromEntries(
      given.map((member) => [FIELDS[member], input[member]]),
    );
    const command: Command = {
      name: input.name,
      reason: input.reason,
      message: `Circuit breaker configuration updated for ${input.name}`,
      ask: (engine, as) => engine.updateBreaker(input.name, input.upstream, change, as),
      told: (subject) => ({ updated_config: updatedConfig(subject, input.upstream) }),
    };
    return steer(command, reach, caller);
  },
});

export const BREAKER_CONFIG: readonly AnyOperation[] = [
  getCircuitBreakerConfig,
  updateCircuitBreaker,
];
