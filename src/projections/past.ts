/**
 * All answers as of a past moment: folds the streams up to it, without any read model. The documents,
 * the checks and the money come from the same functions that make the read models.
 */
import { breakerStream, collectorStream, limiterStream } from '../kernel/ids.js';
import type { EpochMs, Position, Revision, StreamId } from '../kernel/types.js';
import type { Journal, StoredEvent } from '../journal/port.js';
import { etagOf } from './etag.js';
import { factCategoryOf, factOf } from './facts.js';
import type { BreakerFact, CollectorFact, Fact, LimiterFact } from './facts.js';
import { quotaShares } from './cost-view.js';
import { healthOf } from './health.js';
import { pastHealth, pastMoney } from './past-rows.js';
import { commandRevisionAfter } from './status.js';
import { breakerDocAfter } from './status-breaker.js';
import { collectorDocAfter } from './status-collector.js';
import { limiterDocAfter } from './status-limiter.js';
import { primaryFirst } from './status-view.js';
import type { BreakerDoc, CollectorDoc, LimiterDoc, PastView } from './views.js';

const PAGE_EVENTS = 500;

/**
 * Undefined when the collector did not exist then. Facts of one stream never run backwards (A7), so
 * each fold ends at the first fact that is later.
 * @throws {UnknownFact} a fact of its streams cannot be read by this program.
 */
export async function pastOf(
  journal: Journal,
  name: string,
  at: EpochMs,
  upTo: Position = Infinity,
): Promise<PastView | undefined> {
  const end = { at, upTo };
  const checked = pastHealth(at);
  const {
    doc: collector,
    revision,
    commandRevision,
  } = await foldUpTo<CollectorDoc>(journal, collectorStream(name), end, (before, fact, event) => {
    checked.add(fact, event);
    return collectorDocAfter(before, fact as CollectorFact, name);
  });
  if (collector === undefined) return undefined;
  const breakers = await breakersAt(journal, name, end);
  const money = pastMoney();
  const limiters: Folded<LimiterDoc>[] = [];
  for (const scope of collector.scopes) {
    const stream = limiterStream(scope);
    const limiter = await foldUpTo<LimiterDoc>(journal, stream, end, (before, fact, event) => {
      money.add(fact, event);
      return limiterDocAfter(before, fact as LimiterFact, stream);
    });
    limiters.push(limiter);
  }
  const etag = etagOf(collector, {
    collector: commandRevision,
    breaker: (stream) => revisionOf(breakers, stream),
    limiter: (scope) => revisionOf(limiters, limiterStream(scope)),
  });
  const docs = {
    collector,
    breakers: primaryFirst(name, docsOf(breakers)),
    limiters: docsOf(limiters),
    revision,
    etag,
  };
  const question = { name, limiters: docs.limiters, now: at };
  const costs = money.costs(question);
  const quota = quotaShares(costs, at);
  const checks = checked.lastHour();
  return {
    docs,
    health: healthOf({ ...docs, checks, now: at, ...(quota !== undefined && { quota }) }),
    checks: checked.lastDay(),
    healthStatistics: checked.statistics(),
    costs,
    callsToday: money.callsToday(question),
    revision: etag,
  };
}

/** What is later than either is not folded. */
type PastEnd = { readonly at: EpochMs; readonly upTo: Position };

type Folded<D> = {
  readonly stream: StreamId;
  readonly doc: D | undefined;
  readonly revision: Revision;
  readonly commandRevision: Revision;
};

function revisionOf(folded: readonly Folded<unknown>[], wanted: StreamId): Revision {
  return folded.find(({ stream }) => stream === wanted)?.commandRevision ?? -1;
}

function docsOf<D>(folded: readonly Folded<D>[]): readonly D[] {
  return folded.flatMap(({ doc }) => (doc === undefined ? [] : [doc]));
}

async function foldUpTo<D>(
  journal: Journal,
  stream: StreamId,
  { at, upTo }: PastEnd,
  after: (doc: D | undefined, fact: Fact, event: StoredEvent) => D,
): Promise<Folded<D>> {
  let folded: Folded<D> = { stream, doc: undefined, revision: -1, commandRevision: -1 };
  const category = factCategoryOf(stream);
  if (category === undefined) return folded;
  for (;;) {
    const page = await journal.read(stream, folded.revision + 1, PAGE_EVENTS);
    for (const event of page.events) {
      if (event.position > upTo) return folded;
      const fact = factOf(event, category);
      if (fact.atMs > at) return folded;
      const commandRevision = commandRevisionAfter(folded.commandRevision, event);
      const { revision } = event;
      folded = { stream, doc: after(folded.doc, fact, event), revision, commandRevision };
    }
    if (page.atEnd || page.events.length === 0) return folded;
  }
}

/** The primary's first, whether it existed then or not. */
async function breakersAt(
  journal: Journal,
  name: string,
  end: PastEnd,
): Promise<readonly Folded<BreakerDoc>[]> {
  const breakers: Folded<BreakerDoc>[] = [];
  for (const stream of await breakerStreams(journal, name)) {
    const breaker = await foldUpTo<BreakerDoc>(journal, stream, end, (before, fact) =>
      breakerDocAfter(before, fact as BreakerFact, stream),
    );
    if (breaker.doc === undefined || breaker.doc.collector === name) breakers.push(breaker);
  }
  return breakers;
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
