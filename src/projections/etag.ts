/** The etag of a collector, as its documents have it: the twin of what the actors' room says of memory. */
import { breakerStream } from '../kernel/ids.js';
import type { Revision, StreamId } from '../kernel/types.js';
import type { CollectorDoc } from './views.js';

export type CommandRevisions = {
  readonly collector: Revision;
  /** By stream. */
  readonly breaker: (stream: StreamId) => Revision;
  /** By scope. */
  readonly limiter: (scope: string) => Revision;
};

/**
 * "c.b.l": each the sum over its streams of (command revision + 1). The streams are those of the
 * upstreams and scopes that the collector is configured with: earlier ones are shown, but steered no more.
 */
export function etagOf(doc: CollectorDoc, revisions: CommandRevisions): string {
  const streams = doc.upstreams.map((upstream) => breakerStream(doc.name, upstream));
  const breakers = streams.map((stream) => revisions.breaker(stream) + 1);
  const limiters = [...new Set(doc.scopes)].map((scope) => revisions.limiter(scope) + 1);
  return [revisions.collector + 1, sum(breakers), sum(limiters)].join('.');
}

function sum(list: readonly number[]): number {
  return list.reduce((all, each) => all + each, 0);
}
