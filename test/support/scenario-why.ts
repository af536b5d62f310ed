/** Judges what `why` said while a collector was held up: whether the cause is named and the time was right. */
import type { EpochMs } from '../../src/kernel/types.js';
import { of, numberIn, type Hour, type Route } from './scenario-hour.js';

/** Consecutive looks that said the same. */
type Said = {
  readonly collector: string;
  readonly sentence: string;
  readonly changesAt: EpochMs | undefined;
  readonly since: EpochMs;
  to: EpochMs;
};

const iso = (at: EpochMs): string => new Date(at).toISOString();
const isHeld = (sentence: string): boolean => /^it (waits:|is suspended)/.test(sentence);

/** What was said while something held a collector up. */
export function held({ looks }: Pick<Hour, 'looks'>): readonly Said[] {
  const open = new Map<string, Said>();
  const all: Said[] = [];
  for (const { at, why } of looks) {
    for (const { changesAt, collector, sentence } of why) {
      const before = open.get(collector);
      if (before?.sentence === sentence && before.changesAt === changesAt) {
        before.to = at;
        continue;
      }
      open.delete(collector);
      if (!isHeld(sentence)) continue;
      const said: Said = { collector, sentence, changesAt, since: at, to: at };
      open.set(collector, said);
      all.push(said);
    }
  }
  return all;
}

/** After the time it named, it goes on at once; its requests may have to queue. */
const PROMPT_MS = 5000;

export function whys(hour: Hour): readonly string[] {
  return held(hour).flatMap((said) => {
    const { changesAt, collector, sentence, since } = said;
    const what = `why: ${collector} says "${sentence}" at ${iso(since)}`;
    if (changesAt === undefined) return [`${what} and no time`];
    const routes = hour.routes.filter((route) => route.collector === collector);
    const findings: string[] = [];
    if (!routes.some((route) => isCause(hour, route, said)))
      findings.push(`${what}, and nothing in the journal ends at ${iso(changesAt)}`);
    const names = routes.map(({ provider }) => provider);
    const sends = hour.world.sent.filter(
      ({ at, provider }) => at > since && names.includes(provider),
    );
    const early = sends.find(({ at }) => at < changesAt);
    if (early !== undefined) findings.push(`${what}, and it asks at ${iso(early.at)}`);
    // A run may find nothing to ask: it began all the same.
    const runs = of(hour, 'RunStarted', `collector-${collector}`).filter(({ at }) => at > since);
    const goesOn = (by: EpochMs): boolean =>
      [...sends, ...runs].some(({ at }) => at <= by + PROMPT_MS);
    const by = goesOn(changesAt) ? changesAt : nextOf(hour, collector, changesAt);
    if (by === undefined) findings.push(`${what}, and is still held up after that`);
    else if (by + PROMPT_MS < hour.to && !goesOn(by))
      findings.push(`${what}, and does not go on at ${iso(by)}`);
    return findings;
  });
}

/** What held it up is gone, and no run is due yet: then it goes on at the time it names next. */
function nextOf({ looks }: Hour, collector: string, after: EpochMs): EpochMs | undefined {
  const look = looks.find(({ at }) => at > after);
  const why = look?.why.find((each) => each.collector === collector);
  // Beyond the last look nobody knows.
  if (look === undefined || why === undefined) return Infinity;
  if (why.sentence === 'it is collecting') return look.at;
  return why.sentence === 'it waits for its next run' ? why.changesAt : undefined;
}

/** The fact that holds it up, and ends when it said. */
function isCause(hour: Hour, route: Route, { changesAt = 0, sentence }: Said): boolean {
  const ends = (type: string, stream: string, name: string): boolean =>
    of(hour, type, stream).some((fact) => Math.abs(numberIn(fact, name) - changesAt) < 1);
  if (sentence.includes('breaker is open'))
    return (
      ends('BreakerTripped', route.breaker, 'retryAtMs') ||
      ends('BreakerReopened', route.breaker, 'retryAtMs')
    );
  if (sentence.includes('suspended: banned')) return ends('ScopeBlocked', route.limiter, 'untilMs');
  if (sentence.includes('suspended: quota')) return ends('BucketBlocked', route.limiter, 'untilMs');
  return sentence.includes('rate limit') && ends('Throttled', route.limiter, 'pauseUntilMs');
}
