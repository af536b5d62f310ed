/** The documents as they were at a moment: folds the streams up to it, without any read model. */
import { breakerStream, collectorStream, limiterStream } from '../kernel/ids.js';
import type { EpochMs, Revision, StreamId } from '../kernel/types.js';
import type { Journal } from '../journal/port.js';
import { factCategoryOf, factOf } from './facts.js';
import type { BreakerFact, CollectorFact, Fact, LimiterFact } from './facts.js';
import { breakerDocAfter } from './status-breaker.js';
import { collectorDocAfter } from './status-collector.js';
import { limiterDocAfter } from './status-limiter.js';
import { primaryFirst } from './status-view.js';
import type { BreakerDoc, CollectorDoc, CollectorDocs, LimiterDoc } from './views.js';

const PAGE_EVENTS = 500;

/**
 * Undefined when the collector did not exist then. Facts of one stream never run backwards (A7), so
 * each fold ends at the first fact that is later.
 * @throws {UnknownFact} a fact of its streams cannot be read by this program.
 */
export async function docsAt(
  journal: Journal,
  name: string,
  at: EpochMs,
): Promise<CollectorDocs | undefined> {
  const { doc: collector, revision } = await foldUpTo<CollectorDoc>(
    journal,
    collectorStream(name),
    at,
    (doc, fact) => collectorDocAfter(doc, fact as CollectorFact, name),
  );
  if (collector === undefined) return undefined;
  const breakers: BreakerDoc[] = [];
  for (const stream of await breakerStreams(journal, name)) {
    const { doc } = await foldUpTo<BreakerDoc>(journal, stream, at, (before, fact) =>
      breakerDocAfter(before, fact as BreakerFact, stream),
    );
    if (doc?.collector === name) breakers.push(doc);
  }
  const limiters: LimiterDoc[] = [];
  for (const scope of collector.scopes) {
    const stream = limiterStream(scope);
    const { doc } = await foldUpTo<LimiterDoc>(journal, stream, at, (before, fact) =>
      limiterDocAfter(before, fact as LimiterFact, stream),
    );
    if (doc !== undefined) limiters.push(doc);
  }
  return { collector, breakers: primaryFirst(name, breakers), limiters, revision };
}

type Folded<D> = { readonly doc: D | undefined; readonly revision: Revision };

async function foldUpTo<D>(
  journal: Journal,
  stream: StreamId,
  at: EpochMs,
  after: (doc: D | undefined, fact: Fact) => D,
): Promise<Folded<D>> {
  let folded: Folded<D> = { doc: undefined, revision: -1 };
  const category = factCategoryOf(stream);
  if (category === undefined) return folded;
  for (;;) {
    const page = await journal.read(stream, folded.revision + 1, PAGE_EVENTS);
    for (const event of page.events) {
      const fact = factOf(event, category);
      if (fact.atMs > at) return folded;
      folded = { doc: after(folded.doc, fact), revision: event.revision };
    }
    if (page.atEnd || page.events.length === 0) return folded;
  }
}

/** `breaker-<name>` and every `breaker-<name>.<upstream>`. */
async function breakerStreams(journal: Journal, name: string): Promise<readonly StreamId[]> {
  const found: StreamId[] = [breakerStream(name)];
  const prefix = `${breakerStream(name)}.`;
  for (let after = prefix; ;) {
    const page = await journal.streams('breaker', after, PAGE_EVENTS);
    const ours = page.filter(({ stream }) => stream.startsWith(prefix));
    found.push(...ours.map(({ stream }) => stream));
    const last = page.at(-1);
    if (last === undefined || ours.length < page.length || page.length < PAGE_EVENTS) return found;
    after = last.stream;
  }
}
