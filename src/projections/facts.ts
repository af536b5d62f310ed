/**
 * The facts that read models fold, decoded once per event from the journal's JSON by the codecs of
 * the actors, so that an old event is lifted in one place only.
 */
import { breakerCodec, type BreakerFact } from '../actors/breaker/events.js';
import { collectorCodec, type CollectorFact } from '../actors/collector/events.js';
import { limiterCodec, type LimiterFact } from '../actors/limiter/events.js';
import { categoryOf } from '../kernel/ids.js';
import type { StoredEvent } from '../journal/port.js';

export type { BreakerFact, CollectorFact, LimiterFact };

export type Fact = BreakerFact | CollectorFact | LimiterFact;

/** The categories whose facts read models know. */
export const FACT_CATEGORIES = ['collector', 'breaker', 'limiter'] as const;
export type FactCategory = (typeof FACT_CATEGORIES)[number];

const CODECS: Readonly<Record<FactCategory, { decode: (...of: DecodeArgs) => Fact }>> = {
  collector: collectorCodec,
  breaker: breakerCodec,
  limiter: limiterCodec,
};
type DecodeArgs = [type: string, schema: number, data: StoredEvent['data']];

/** The category of a stream, if its facts are known here. */
export function factCategoryOf(stream: string): FactCategory | undefined {
  const category = categoryOf(stream);
  return FACT_CATEGORIES.find((known) => known === category);
}

/**
 * The fact an event holds.
 * @throws {UnknownFact} a type or a schema version that this program does not know.
 */
export function factOf(event: StoredEvent, category: FactCategory): Fact {
  return CODECS[category].decode(event.type, event.metadata.schema, event.data);
}

/** An event on its way through the projections: decoded at most once, whoever asks first. */
export type Incoming = {
  readonly event: StoredEvent;
  readonly category: FactCategory | undefined;
  /** @throws {UnknownFact} as `factOf`, each time it is asked. */
  readonly fact: () => Fact;
};

export function incoming(event: StoredEvent): Incoming {
  const category = factCategoryOf(event.stream);
  let decoded: Fact | undefined;
  return {
    event,
    category,
    fact: () => (decoded ??= factOf(event, category ?? 'collector')),
  };
}
