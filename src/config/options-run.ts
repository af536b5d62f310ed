/** The table of options: actors, the way out, limits and breakers, and what each collector may set. */
import { LENGTH_MAX_MS, type OptionSpec } from './option.js';

const COUNT = { type: 'integer', min: 1 } as const;
const DURATION = { type: 'integer', unit: 'ms', min: 0 } as const;
const LENGTH = { type: 'integer', unit: 'ms', min: 1, max: LENGTH_MAX_MS } as const;
/** A share of nothing would open a breaker at its first call. */
const SHARE = { type: 'number', min: 0.0001, max: 1, unit: 'share' } as const;

const ACTORS = [
  {
    key: 'actors.mailbox_max',
    ...COUNT,
    default: 1000,
    unit: 'commands',
    meaning: 'Commands that may wait for one actor; one more is refused.',
  },
  {
    key: 'actors.recoveries_max',
    ...COUNT,
    default: 32,
    max: 1000,
    unit: 'actors',
    meaning: 'Actors that are loaded at the same time.',
  },
  {
    key: 'actors.passivate_after_ms',
    ...LENGTH,
    default: 300_000,
    meaning: 'An actor without a command for this long leaves memory; a command or timer wakes it.',
  },
  {
    key: 'actors.snapshot_every',
    ...COUNT,
    default: 500,
    unit: 'facts',
    meaning: 'Facts between two snapshots of one actor.',
  },
] as const satisfies readonly OptionSpec[];

const WAY_OUT = [
  {
    key: 'http.request_timeout_ms',
    ...LENGTH,
    default: 10_000,
    max: 600_000,
    meaning: 'Whole time one exchange with an upstream may take.',
  },
  {
    key: 'http.body_bytes_max',
    ...COUNT,
    default: 8_388_608,
    unit: 'bytes',
    meaning: 'Decoded bytes of an answer that are read; more is bad data.',
  },
  {
    key: 'http.connections_per_origin',
    ...COUNT,
    default: 16,
    max: 1024,
    meaning: 'Connections kept to one upstream.',
  },
  {
    key: 'limiter.wait_max_ms',
    ...DURATION,
    default: 30_000,
    meaning: 'Longest wait for a permit inside a run; a longer one ends the run as blocked.',
  },
  {
    key: 'limiter.queue_max',
    ...COUNT,
    default: 1000,
    unit: 'calls',
    meaning: 'Calls that may wait for permits of one scope.',
  },
  {
    key: 'limiter.margin',
    type: 'number',
    min: 0,
    max: 0.5,
    default: 0.05,
    unit: 'share',
    meaning: 'Share of each limit that is left unused.',
  },
  {
    key: 'limiter.backoff_multiplier',
    type: 'number',
    min: 1,
    max: 100,
    default: 2,
    unit: 'factor',
    meaning: 'What the rate is divided by at each cut of an episode.',
  },
  {
    key: 'limiter.max_backoff',
    type: 'number',
    min: 1,
    max: 10_000,
    default: 60,
    unit: 'factor',
    meaning: 'The most the rate is divided by.',
  },
  {
    key: 'retry.attempts_max',
    ...COUNT,
    default: 3,
    max: 10,
    unit: 'attempts',
    meaning: 'Attempts at one request, the first included.',
  },
  {
    key: 'retry.base_ms',
    ...LENGTH,
    default: 500,
    meaning: 'Upper bound of the wait before the first retry; doubles with each, drawn uniformly.',
  },
  {
    key: 'retry.cap_ms',
    ...LENGTH,
    default: 20_000,
    meaning: 'The most that upper bound grows to.',
  },
  {
    key: 'retry.budget_tokens',
    type: 'integer',
    min: 0,
    default: 500,
    unit: 'tokens',
    meaning: 'Retry budget of a collector: a retry takes 5, after a timeout 10; a success gives 1.',
  },
] as const satisfies readonly OptionSpec[];

const BREAKER = [
  {
    key: 'breaker.failure_threshold',
    ...COUNT,
    default: 5,
    max: 1000,
    unit: 'calls',
    meaning: 'Counted failures in a row that open the breaker.',
  },
  {
    key: 'breaker.minimum_calls',
    ...COUNT,
    default: 10,
    max: 10_000,
    unit: 'calls',
    meaning: 'Calls the window must hold before a rate may open the breaker.',
  },
  {
    key: 'breaker.failure_rate',
    ...SHARE,
    default: 0.5,
    meaning: 'Share of failed calls in the window that opens the breaker.',
  },
  {
    key: 'breaker.slow_rate',
    ...SHARE,
    default: 1,
    meaning: 'Share of slow calls in the window that opens the breaker.',
  },
  {
    key: 'breaker.slow_call_ms',
    ...LENGTH,
    absent: 'half of the request timeout',
    meaning: 'A call strictly longer than this is slow.',
  },
  {
    key: 'breaker.window_ms',
    ...LENGTH,
    min: 1000,
    absent: 'max(60 s, 20 x poll interval)',
    meaning: 'Length of the window the rates are taken over.',
  },
  {
    key: 'breaker.open_ms',
    ...LENGTH,
    default: 300_000,
    meaning: 'First open period, before growth and jitter.',
  },
  {
    key: 'breaker.open_multiplier',
    type: 'number',
    min: 1,
    max: 10,
    default: 1.5,
    unit: 'factor',
    meaning: 'Growth of the open period with each recovery that failed.',
  },
  {
    key: 'breaker.open_max_ms',
    ...LENGTH,
    default: 3_600_000,
    meaning: 'Longest open period.',
  },
  {
    key: 'breaker.open_jitter',
    type: 'number',
    min: 0,
    max: 0.5,
    default: 0.1,
    unit: 'share',
    meaning: 'Jitter of the open period, uniform in both directions, applied before open_max_ms.',
  },
  {
    key: 'breaker.half_open_permits',
    ...COUNT,
    default: 3,
    max: 100,
    unit: 'calls',
    meaning: 'Calls admitted while half-open.',
  },
  {
    key: 'breaker.success_threshold',
    ...COUNT,
    default: 2,
    max: 100,
    unit: 'calls',
    meaning: 'Successes that close a half-open breaker.',
  },
  {
    key: 'breaker.half_open_deadline_ms',
    ...LENGTH,
    absent: 'max(2 x poll interval, 2 x (limiter.wait_max_ms + request timeout))',
    meaning: 'How long a breaker may stay half-open after its first admission.',
  },
] as const satisfies readonly OptionSpec[];

export const RUN_OPTIONS = [
  ...ACTORS,
  ...WAY_OUT,
  ...BREAKER,
] as const satisfies readonly OptionSpec[];

export const BREAKER_OPTIONS = BREAKER;
