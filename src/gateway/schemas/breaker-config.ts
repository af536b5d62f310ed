/** The settings of a breaker, as they are given and as they are told (gateway/breaker-config.ts). */
import { Type } from '@sinclair/typebox';
import { POLICY_RULES } from '../../actors/index.js';
import { commandAnswer } from './commands.js';
import { count, etag, list, moment, named, nullable, number, object, text } from './words.js';

type Field = keyof typeof POLICY_RULES;

/** What each means, and its unit. */
const MEANINGS = {
  failureThreshold: 'Counted failures in a row that open it; 0 switches this rule off.',
  minimumCalls: 'Calls the window must hold before a rate may open it.',
  failureRate: 'Share of failed calls in the window that opens it.',
  slowRate: 'Share of slow calls in the window that opens it.',
  slowCallMs: 'A call strictly longer than this is slow, in ms.',
  windowMs: 'Length of the window, in ms.',
  openMs: 'First open period, before growth and jitter, in ms.',
  openMultiplier: 'Growth of the open period per failed recovery.',
  openMaxMs: 'Longest open period, in ms; at least open_ms.',
  openJitter: 'Jitter of the open period, as a share: 0.1 is uniformly +-10 %.',
  halfOpenPermits: 'Probes admitted while it is half-open.',
  successThreshold: 'Successes that close a half-open one; at most half_open_permits.',
  halfOpenDeadlineMs: 'How long it may stay half-open after its first probe, in ms.',
} as const satisfies Record<Field, string>;

/** A new value within its range; null gives the setting back to the configuration. */
const setting = (field: Field) => {
  const { min, max, ...rule }: { min: number; max: number; integer?: true } = POLICY_RULES[field];
  const bounds = { minimum: min, maximum: max };
  const value = rule.integer === true ? Type.Integer(bounds) : Type.Number(bounds);
  const description = `${MEANINGS[field]} Null: as the configuration has it.`;
  return Type.Optional(Type.Union([value, Type.Null()], { description }));
};

/** Members of the input, by REST's names. */
export const breakerSettings = {
  failure_threshold: setting('failureThreshold'),
  minimum_calls: setting('minimumCalls'),
  failure_rate: setting('failureRate'),
  slow_rate: setting('slowRate'),
  slow_call_ms: setting('slowCallMs'),
  window_ms: setting('windowMs'),
  open_ms: setting('openMs'),
  open_multiplier: setting('openMultiplier'),
  open_max_ms: setting('openMaxMs'),
  open_jitter: setting('openJitter'),
  half_open_permits: setting('halfOpenPermits'),
  success_threshold: setting('successThreshold'),
  half_open_deadline_ms: setting('halfOpenDeadlineMs'),
};

export const breakerConfig = named(
  'BreakerConfig',
  {
    failure_threshold: count(MEANINGS.failureThreshold),
    minimum_calls: count(MEANINGS.minimumCalls),
    failure_rate: number(MEANINGS.failureRate),
    slow_rate: number(MEANINGS.slowRate),
    slow_call_ms: number(MEANINGS.slowCallMs),
    window_ms: number(MEANINGS.windowMs),
    open_ms: number(MEANINGS.openMs),
    open_multiplier: number(MEANINGS.openMultiplier),
    open_max_ms: number(MEANINGS.openMaxMs),
    open_jitter: number(MEANINGS.openJitter),
    half_open_permits: count(MEANINGS.halfOpenPermits),
    success_threshold: count(MEANINGS.successThreshold),
    half_open_deadline_ms: number(MEANINGS.halfOpenDeadlineMs),
  },
  'All settings of a breaker.',
);

/** `configured`: as the configuration has them, without what an operator holds. */
export const breakerConfigTold = object({
  collector: text('The collector.'),
  upstream: text('The upstream it guards.'),
  config: breakerConfig,
  configured: breakerConfig,
  set_by_operator: list(text('A setting.'), 'Which settings an operator holds, by name.'),
  config_revision: count('Counts the policies this breaker has had, from 1.'),
  etag,
  timestamp: moment('When it was told.'),
});

export const breakerConfigDone = commandAnswer({
  updated_config: nullable(breakerConfig, 'Null: the read models do not show it yet.'),
});
