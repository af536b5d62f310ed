/** What each scenario must have brought about: judges that met nothing to judge prove nothing. */
import type { ScenarioName } from '../../src/sources/sandbox/index.js';
import { of, type Hour } from './scenario-hour.js';
import { classed, type OwnClass } from './scenario-judge.js';
import { held } from './scenario-why.js';

const PRIMARIES = [
  'binance',
  'moralis',
  'glassnode',
  'lunarcrush',
  'twitter',
  'alternative_me',
  'reddit',
  'yahoo',
];
/** Those that sell plans; of the others, Alpha Vantage and NewsAPI are asked too seldom to be met. */
const PLANNED = ['moralis', 'glassnode', 'lunarcrush', 'twitter'];

function met(hour: Hour, own: OwnClass, providers: readonly string[]): readonly string[] {
  const all = classed(hour).filter((each) => each.own === own);
  return providers
    .filter((name) => !all.some(({ sent }) => sent.provider === name))
    .map((name) => `reached: nothing of ${name} was ${own}`);
}

/** Breakers of these upstreams opened and closed again. */
function tripped(hour: Hour, providers: readonly string[]): readonly string[] {
  const guards = hour.routes.filter(({ provider }) => providers.includes(provider));
  return guards.flatMap(({ breaker }) =>
    ['BreakerTripped', 'BreakerRecovered']
      .filter((type) => of(hour, type, breaker).length === 0)
      .map((type) => `reached: no ${type} of ${breaker}`),
  );
}

function noBreaker(hour: Hour): readonly string[] {
  return of(hour, 'BreakerTripped').map(({ stream }) => `reached: ${stream} opened`);
}

function said(hour: Hour, cause: RegExp, collectors: number): readonly string[] {
  const found = new Set(
    held(hour)
      .filter(({ sentence }) => cause.test(sentence))
      .map(({ collector }) => collector),
  );
  return found.size >= collectors
    ? []
    : [`reached: only ${[...found].join()} said ${String(cause)}`];
}

function kept(hour: Hour): readonly string[] {
  const collectors = [...hour.world.records.evidence.values()].map(({ collector }) => collector);
  return new Set(collectors).size >= 5 ? [] : ['reached: evidence of fewer than five collectors'];
}

// Glassnode's rows of a day are few: most of its answers have none that could drift.
const SPARED = 2;
const WITH_ROWS = PRIMARIES.filter((name) => name !== 'glassnode');

export const REACHED: Readonly<Record<ScenarioName, (hour: Hour) => readonly string[]>> = {
  calm: (hour) => [
    ...noBreaker(hour),
    ...held(hour).map(({ sentence }) => `reached: calm, and ${sentence}`),
  ],
  'throttle-storm': (hour) => [
    ...met(hour, 'throttled', PRIMARIES),
    ...noBreaker(hour),
    ...said(hour, /rate limit until/, 5),
  ],
  'slow-death': (hour) => [
    ...met(hour, 'server', PRIMARIES),
    ...tripped(hour, PRIMARIES),
    ...said(hour, /breaker is open/, 5),
  ],
  flapping: (hour) => [
    ...met(hour, 'server', PRIMARIES),
    ...tripped(hour, PRIMARIES),
    ...said(hour, /breaker is open/, 5),
  ],
  ban: (hour) => [
    ...met(hour, 'banned', ['binance']),
    ...noBreaker(hour),
    ...said(hour, /suspended: banned/, 1),
  ],
  'quota-gone': (hour) => [
    ...met(hour, 'quota_exhausted', PLANNED),
    ...noBreaker(hour),
    ...said(hour, /suspended: quota/, PLANNED.length),
  ],
  'schema-drift': (hour) => [
    ...met(hour, 'spoilt', PRIMARIES),
    // Whether five in a row had rows to drift is chance at some of them.
    ...tripped(hour, WITH_ROWS).slice(2 * SPARED),
    ...kept(hour),
  ],
  garbage: (hour) => [
    ...met(hour, 'spoilt', PRIMARIES),
    ...tripped(hour, PRIMARIES),
    ...kept(hour),
  ],
};
