/** Which events of the journal somebody asks for. */
import type { EventFilter, StoredEvent } from '../../journal/port.js';
import { breakerStream, categoryOf, collectorStream, limiterStream } from '../../kernel/ids.js';
import type { StreamId } from '../../kernel/types.js';
import type { Views } from '../../projections/views.js';
import { forbidden } from '../auth/principal.js';
import type { Role } from '../auth/roles.js';
import type { Problem } from '../problems.js';

/** All that is given must hold. */
export type EventQuestion = {
  /** Its own stream, its breakers' and its limiters'. */
  readonly collector?: string;
  readonly categories?: readonly string[];
  readonly types?: readonly string[];
  /** The door by which it came, as events spell it. */
  readonly interface?: string;
  /** Of whoever reads. */
  readonly reader: Role;
};

export type Asked = {
  /** What the journal itself can leave out. */
  readonly filter: EventFilter;
  /** Whether an event that the journal let through is asked for. */
  readonly fits: (event: StoredEvent) => boolean;
};

/** As GET /audit: who tried what, remembered answers, tokens. Left out for those who have less. */
const GUARDED: readonly string[] = ['audit', 'settings'];
const GUARDED_ROLE: Role = 'operator';

/** What is wrong with naming these categories, or undefined. */
export function unreadable({ categories, reader }: EventQuestion): Problem | undefined {
  const named = categories?.find((each) => GUARDED.includes(each));
  const problem = named === undefined ? undefined : forbidden(reader, GUARDED_ROLE);
  return problem && { ...problem, detail: `facts of category ${String(named)}: ${problem.detail}` };
}

const OF_COLLECTORS: readonly string[] = ['collector', 'breaker', 'limiter'];

/** As the views know the collector's streams now: ask again for each page, scopes and upstreams change. */
export function askedOf(question: EventQuestion, views: Pick<Views, 'docs'>): Asked {
  const { collector, types, interface: door } = question;
  const isGuarded = forbidden(question.reader, GUARDED_ROLE) !== undefined;
  const streams = collector === undefined ? undefined : new Set(streamsOf(collector, views));
  const categories =
    streams === undefined
      ? question.categories
      : (question.categories ?? OF_COLLECTORS).filter((each) => OF_COLLECTORS.includes(each));
  return {
    filter: categories === undefined ? {} : { categories },
    fits: ({ stream, type, metadata }) =>
      streams?.has(stream) !== false &&
      categories?.includes(categoryOf(stream)) !== false &&
      types?.includes(type) !== false &&
      !(isGuarded && GUARDED.includes(categoryOf(stream))) &&
      (door === undefined || metadata.interface === door),
  };
}

/** The streams whose facts make what is shown of a collector. A scope may be shared with others. */
export function streamsOf(name: string, views: Pick<Views, 'docs'>): readonly StreamId[] {
  const docs = views.docs(name);
  const breakers = docs?.breakers.map(({ stream }) => stream) ?? [];
  const limiters = docs?.limiters.map(({ scope }) => limiterStream(scope)) ?? [];
  return [...new Set([collectorStream(name), breakerStream(name), ...breakers, ...limiters])];
}
