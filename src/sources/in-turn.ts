/**
 * Reads the series of a source in turn.
 *
 * R1 What is wrong with one series does not hold up the others; what is wrong with the upstream, and
 *    what we stop ourselves, ends the run, and the next begins where it was cut (rotation.ts).
 * R2 The run fails by the first failure of a series, unless something worse ended it.
 */
import { isOfSeries } from './blame.js';
import type { RequestFailure, SourceContext, SourcePage } from './port.js';
import { nextTurn, rotated } from './rotation.js';

export type Pages = AsyncGenerator<SourcePage, RequestFailure | undefined>;

/** `read` asks by the context it is given. */
export type Reader<O> = {
  /** Of the series: unique within its lane. */
  readonly name: string;
  readonly read: (context: SourceContext<O>) => Pages;
};

/** `lane` tells several lists of one source apart, and stays the same over versions: cursors go by it. */
export async function* readInTurn<O>(
  context: SourceContext<O>,
  lane: string,
  readers: readonly Reader<O>[],
): Pages {
  let first: RequestFailure | undefined;
  const turns = rotated(readers, ({ name }) => name, context, lane);
  for (const { name, read } of turns) {
    const watched = watching(context);
    const failure = yield* read(watched.context);
    if (failure === undefined) continue;
    if (!isOfSeries(failure)) {
      const names = turns.map((each) => each.name);
      yield* nextTurn(names, lane, { at: name, hadTurn: watched.letOut() > 0, failure });
      return failure; // R1
    }
    first ??= failure;
  }
  return first; // R2
}

/** The context, and how many requests it let out. Pages do not tell: not every answer makes one. */
function watching<O>(context: SourceContext<O>): {
  readonly context: SourceContext<O>;
  readonly letOut: () => number;
} {
  let letOut = 0;
  const request: SourceContext<O>['request'] = async (endpoint, spec) => {
    const reply = await context.request(endpoint, spec);
    if (reply.ok || (reply.outcome !== 'blocked' && reply.outcome !== 'cancelled')) letOut += 1;
    return reply;
  };
  return { context: { ...context, request }, letOut: () => letOut };
}
