/** Sweeps that take several runs, when the page they stand at cannot be had. */
import type { Json } from '../kernel/types.js';
import type { RequestFailure, SourcePage } from './port.js';

/** As a cursor keeps it. `failed`: the page it stands at was bad data the last time it was asked for. */
export type Sweep = { readonly failed?: true };

/**
 * What is left of a sweep whose first page of a run failed; undefined: it is given up, and the next run
 * begins it anew. A page that is refused is given up at once, for tokens expire. One that is bad data may
 * have had an accident, so it is asked for once more: without an end it would hold up its series for ever.
 */
export function sweepAfter<S extends Sweep>(
  sweep: S,
  { outcome }: Pick<RequestFailure, 'outcome'>,
): S | undefined {
  if (outcome === 'client') return undefined;
  if (outcome !== 'bad_data') return sweep;
  return sweep.failed === true ? undefined : { ...sweep, failed: true };
}

/** Yields the page that remembers it, where it changes anything. `cursorWith`: as a page would have it. */
export function* leaveSweep<S extends Sweep>(
  series: string,
  sweep: S | undefined,
  failure: RequestFailure,
  cursorWith: (left: { readonly sweep?: S }) => Json,
): Generator<SourcePage, void> {
  if (sweep === undefined) return;
  const left = sweepAfter(sweep, failure);
  if (left === sweep) return;
  yield { series, records: [], cursor: cursorWith(left === undefined ? {} : { sweep: left }) };
}
