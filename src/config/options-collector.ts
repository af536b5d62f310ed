/** The table of what each collector may set: `collectors.<name>.<key>`. */
import type { OptionSpec } from './option.js';
import { BREAKER_OPTIONS } from './options-run.js';

/** Words that are routes below /collectors, hence never names. */
export const RESERVED_NAMES: readonly string[] = ['costs', 'events', 'health', 'batch'];

/** Also what a stream and a metric label can carry: no dot, for breaker-<name>.<upstream>. */
export const COLLECTOR_NAME = /^[a-z][a-z0-9_-]{0,62}$/;

const OWN: readonly OptionSpec[] = [
  {
    key: 'source',
    type: 'string',
    derived: 'the source of the same name',
    meaning: 'The source it polls.',
  },
  {
    key: 'enabled',
    type: 'boolean',
    derived: 'true, but false for a paid source on its live upstream',
    meaning: 'Whether a collector that is new to the journal starts enabled.',
  },
  {
    key: 'interval_ms',
    type: 'integer',
    min: 10,
    unit: 'ms',
    derived: "the source's own",
    meaning: 'Interval between runs.',
  },
  {
    key: 'cron',
    type: 'string',
    absent: 'runs go by interval_ms',
    meaning: 'Cron expression of five or six fields, in place of an interval.',
  },
  {
    key: 'zone',
    type: 'string',
    default: 'UTC',
    meaning: 'IANA zone of the cron expression.',
  },
  {
    key: 'jitter',
    type: 'number',
    min: 0,
    max: 1,
    default: 0.1,
    unit: 'share',
    meaning: 'Share of the interval over which runs are spread.',
  },
  {
    key: 'options',
    type: 'object',
    derived: "the source's own",
    meaning: 'What to ask, by the schema of the source; members not given keep their defaults.',
  },
  {
    key: 'request_timeout_ms',
    type: 'integer',
    min: 1,
    max: 600_000,
    unit: 'ms',
    derived: 'http.request_timeout_ms',
    meaning: 'Whole time one exchange may take.',
  },
  {
    key: 'upstream',
    type: 'string',
    allowed: ['live', 'sandbox'],
    derived: 'mode',
    meaning: 'Which upstream it uses: the real one, or the bundled.',
  },
  {
    key: 'base_url',
    type: 'string',
    absent: "the provider's own",
    pattern: { regex: /^https?:\/\//, says: 'https://..., or http://... on loopback' },
    meaning: 'Base URL of its primary upstream.',
  },
  {
    key: 'scope',
    type: 'string',
    absent: "the provider's own",
    pattern: { regex: /^[a-z0-9][a-z0-9_-]{0,62}$/, says: 'lower-case letters, digits, - and _' },
    meaning: 'What its limits count against; collectors of one scope share them.',
  },
  {
    key: 'key_variable',
    type: 'string',
    absent: "the source's own",
    pattern: { regex: /^[A-Z][A-Z0-9_]{0,127}$/, says: 'the name of an environment variable' },
    meaning: 'Variable that holds its (first) key, when it is not the usual one of its source.',
  },
  {
    key: 'key_suffix',
    type: 'string',
    absent: 'none',
    pattern: { regex: /^_[A-Z0-9_]{1,63}$/, says: '_ and then capital letters, digits or _' },
    meaning:
      'Put behind the usual name of each of its key variables: a second account of a source that ' +
      'needs several secrets.',
  },
  {
    key: 'rate.max_requests_per_second',
    type: 'number',
    above: 0,
    max: 100_000,
    unit: 'requests/s',
    absent: "the provider's own",
    meaning: 'Configured rate; longer windows of the provider stand.',
  },
  {
    key: 'rate.backoff_multiplier',
    type: 'number',
    min: 1,
    max: 100,
    unit: 'factor',
    derived: 'limiter.backoff_multiplier',
    meaning: 'What the rate is divided by at each cut of an episode.',
  },
  {
    key: 'rate.max_backoff',
    type: 'number',
    min: 1,
    max: 10_000,
    unit: 'factor',
    derived: 'limiter.max_backoff',
    meaning: 'The most the rate is divided by.',
  },
];

/** The breaker's options once more, for one collector. */
const OWN_BREAKER: readonly OptionSpec[] = BREAKER_OPTIONS.map((option) => {
  const spec: OptionSpec = option;
  const { default: _default, absent: _absent, ...rest } = spec;
  return { ...rest, derived: option.key };
});

export const COLLECTOR_OPTIONS: readonly OptionSpec[] = [...OWN, ...OWN_BREAKER];
