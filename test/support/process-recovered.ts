/**
 * What a service says after a restart, held against what its clients were told and against the journal:
 * intent, rate, override and breaker. Nobody steers meanwhile; timers go on.
 */
import { isDeepStrictEqual } from 'node:util';
import type { StoredEvent } from '../../src/journal/port.js';
import type { Aspect, Command, CommandBook } from './process-commands.js';
import { numberIn, ofStream, textIn } from './process-journal.js';
import type { Service } from './process-service.js';
import { until } from './process-world.js';

/** How a collector is steered, in the words of the wishes (process-commands.ts). */
export type Steered = {
  readonly desired: string;
  readonly rate: string;
  readonly breaker: string;
  /** closed | open | half-open: the automatic breaker. */
  readonly computed: string;
};

type Nested = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

export async function steeredByRest(service: Service, collector: string): Promise<Steered> {
  const { status, body } = await service.get(`/collectors/${collector}`);
  if (status !== 200) throw new Error(`${collector}: ${JSON.stringify(body)}`);
  const told = body['collector'] as Nested;
  const breaker = told['circuit_breaker'] ?? {};
  const override = breaker['override'] as { readonly state: string } | null;
  const { rate_limiter: limiter = {} } = told;
  return {
    desired: (told['enabled'] as unknown) === true ? 'enabled' : 'disabled',
    rate: [told['configured_rate_limit'], limiter['backoff_multiplier']].join(' / '),
    breaker: override?.state ?? 'none',
    computed: String(breaker['computed']),
  };
}

const BECOMES: Readonly<Record<string, string>> = {
  BreakerTripped: 'open',
  BreakerReopened: 'open',
  BreakerProbing: 'half-open',
  BreakerRecovered: 'closed',
  BreakerReset: 'closed',
};

/** The same by a plain fold of the journal; `rate` where nobody set one is `initialRate`. */
export function steeredByJournal(
  events: readonly StoredEvent[],
  collector: string,
  scope: string,
  initialRate: string,
): Steered {
  let desired = 'disabled';
  for (const { type } of ofStream(events, `collector-${collector}`)) {
    if (type === 'CollectorEnabled') desired = 'enabled';
    if (type === 'CollectorDisabled') desired = 'disabled';
  }
  const set = ofStream(events, `limiter-${scope}`, 'RateLimitConfigured').filter(
    ({ data }) => data['collector'] === collector,
  );
  const last = set.at(-1)?.data;
  const rate =
    last === undefined
      ? initialRate
      : [numberIn(last, 'maxRequestsPerSecond'), numberIn(last, 'backoffMultiplier')].join(' / ');
  let breaker = 'none';
  let computed = 'closed';
  for (const { type, data } of ofStream(events, `breaker-${collector}`)) {
    computed = BECOMES[type] ?? computed;
    if (type === 'BreakerForced') breaker = textIn(data, 'override');
    if (type === 'BreakerOverrideCleared' || type === 'BreakerReset') breaker = 'none';
  }
  return { desired, rate, breaker, computed };
}

/** An override whose end has come and that stands. */
function isOverdue(events: readonly StoredEvent[], collector: string, now: number): boolean {
  const own = ofStream(
    events,
    `breaker-${collector}`,
    'BreakerForced',
    'BreakerOverrideCleared',
    'BreakerReset',
  ).at(-1);
  const end = own?.type === 'BreakerForced' ? own.data['expiresAtMs'] : undefined;
  return typeof end === 'number' && end <= now;
}

/**
 * Resolves with the objections, once REST says what the journal says and no override stands beyond its
 * end. @throws {Error} that never comes.
 */
export async function objectionsAfterRestart(asked: {
  readonly service: Service;
  readonly book: CommandBook;
  readonly events: () => readonly StoredEvent[];
  readonly collector: string;
  readonly scope: string;
  readonly initial: Steered;
}): Promise<readonly string[]> {
  const { service, book, events, collector, scope, initial } = asked;
  let byJournal = initial;
  let byRest = initial;
  const agree = async (): Promise<boolean> => {
    byRest = await steeredByRest(service, collector);
    byJournal = steeredByJournal(events(), collector, scope, initial.rate);
    return isDeepStrictEqual(byRest, byJournal) && !isOverdue(events(), collector, Date.now());
  };
  await until(`${collector} is by REST what it is by the journal`, agree).catch(
    (cause: unknown) => {
      const told = JSON.stringify({ byRest, byJournal });
      throw new Error(`${collector}: REST and journal do not come together: ${told}`, { cause });
    },
  );
  return (['desired', 'rate', 'breaker'] as const).flatMap((aspect) => {
    const wanted = allowed(book, collector, aspect, initial);
    const endedByItself = aspect === 'breaker' && hasEnded(events(), book, collector);
    const values = endedByItself ? [...wanted, 'none'] : wanted;
    if (values.includes(byRest[aspect])) return [];
    return [`${collector}: ${aspect} is ${byRest[aspect]}, commands said ${values.join(' or ')}`];
  });
}

function allowed(
  book: CommandBook,
  collector: string,
  aspect: Exclude<Aspect, 'none'>,
  initial: Steered,
): readonly string[] {
  const latest = book.latest(collector, aspect);
  const isUntouched = !book.commands.some(
    (c: Command) => c.collector === collector && c.aspect === aspect && c.outcome === 'done',
  );
  return [...latest.map(({ value }) => value), ...(isUntouched ? [initial[aspect]] : [])];
}

/** The last override had an end, by a command that may have been the last, and it has ended so. */
function hasEnded(events: readonly StoredEvent[], book: CommandBook, collector: string): boolean {
  const own = ofStream(
    events,
    `breaker-${collector}`,
    'BreakerForced',
    'BreakerOverrideCleared',
    'BreakerReset',
  );
  const [forced, cleared] = own.slice(-2);
  if (forced?.type !== 'BreakerForced' || cleared?.data['cause'] !== 'expired') return false;
  const id = forced.metadata.correlationId;
  return book.latest(collector, 'breaker').some((command) => command.id === id);
}

/** No override ended by itself before its time, and none that had no time. */
export function endedEarly(events: readonly StoredEvent[]): readonly string[] {
  const ends = new Map<string, number>();
  return events.flatMap(({ stream, revision, type, data }) => {
    if (type === 'BreakerForced') ends.set(stream, numberIn(data, 'expiresAtMs') || Infinity);
    if (type !== 'BreakerOverrideCleared' || data['cause'] !== 'expired') return [];
    const early = (ends.get(stream) ?? Infinity) - numberIn(data, 'atMs');
    if (early <= 0) return [];
    return [`${stream}@${String(revision)}: the override ended ${String(early)} ms early`];
  });
}
