/**
 * Turns between the series of a source: a run that is cut short goes on, the next time, where it was
 * cut. Without this, a collector that may make two calls a run would ask for its first two series for
 * ever.
 *
 * U1 The place is a cursor of its own, written only when a run is cut short: one that gets through all
 *    its series costs nothing.
 * U2 A series whose call was let out has had its turn, whatever came of it: one that always fails holds
 *    up nobody. One that was blocked before its first call begins the next run.
 */
import type { RequestFailure, SourceContext, SourcePage } from './port.js';

/** The cursor's own series; `lane` tells several lists of one source apart. */
export function rotationSeries(lane: string): string {
  return `rotation/${lane}`;
}

/** All series, begun with the one whose turn it is; in their own order where nothing was cut short. */
export function rotated<S>(
  series: readonly S[],
  nameOf: (each: S) => string,
  context: Pick<SourceContext<unknown>, 'cursor'>,
  lane: string,
): readonly S[] {
  const place = context.cursor(rotationSeries(lane));
  const first = series.findIndex((each) => nameOf(each) === place);
  return first <= 0 ? series : [...series.slice(first), ...series.slice(0, first)];
}

export type Cut = {
  /** The series the run was cut at. */
  readonly at: string;
  /** It yielded something in this run. */
  readonly hadTurn: boolean;
  readonly failure: RequestFailure;
};

/** Yields the page that remembers whose turn is next; nothing where we stopped the run ourselves. */
export function* nextTurn(
  turns: readonly string[],
  lane: string,
  { at, hadTurn, failure }: Cut,
): Generator<SourcePage, void> {
  if (turns.length < 2 || failure.outcome === 'cancelled') return;
  const wasOut = hadTurn || failure.outcome !== 'blocked'; // U2
  const next = (turns.indexOf(at) + (wasOut ? 1 : 0)) % turns.length;
  const cursor = turns[next];
  if (cursor !== undefined) yield { series: rotationSeries(lane), records: [], cursor };
}
