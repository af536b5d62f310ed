/** Every collector as it is, then each change of one: a watcher that is slow sees the latest, not all. */
import { Type } from '@sinclair/typebox';
import { ok } from '../../kernel/types.js';
import type { Position } from '../../kernel/types.js';
import { NAME_CHARS_MAX, TYPES } from '../inputs.js';
import { streamOperation } from '../operation.js';
import type { Reach, StreamItem } from '../operation.js';
import { HEARTBEAT_MS } from './alarm.js';
import type { WatchFilter, Watcher } from './collector-feed.js';

/** More names than this are a wish for all. */
const NAMES_MAX = 1_000;

const input = Type.Object(
  {
    /** A position of an item that was received; what the process does not know of is told from the start. */
    after_position: Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })),
    names: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: NAME_CHARS_MAX }), {
        minItems: 1,
        maxItems: NAMES_MAX,
      }),
    ),
    type: Type.Optional(Type.Union(TYPES.map((word) => Type.Literal(word)))),
  },
  { additionalProperties: false },
);

export const watchCollectors = streamOperation({
  name: 'watchCollectors',
  summary: 'Every collector as it is, then the latest state of each that changes; resumable.',
  role: 'viewer',
  input,
  writes: { none: 'it only reads' },
  grpc: { service: 'CollectorService', method: 'WatchCollectors' },
  sse: { besides: 'listCollectors', resume: 'after_position' },
  open({ after_position: after, names, type }, reach, _caller, signal) {
    const filter = {
      ...(names === undefined ? {} : { names: new Set(names) }),
      ...(type === undefined ? {} : { type }),
    };
    return ok(watch(reach, filter, after, signal));
  },
});

async function* watch(
  { collectorFeed, views }: Reach,
  filter: WatchFilter,
  after: Position | undefined,
  signal: AbortSignal,
): AsyncGenerator<StreamItem, void, undefined> {
  const isKnown = after !== undefined && after > 0 && collectorFeed.knows(after);
  const watcher = collectorFeed.watch(filter, isKnown ? after : undefined);
  const leave = (): void => {
    watcher.leave();
  };
  // A reader that never comes back for more must not be kept by what it left.
  signal.addEventListener('abort', leave, { once: true });
  try {
    if (isKnown) yield* changesNow(watcher, signal);
    else {
      // Before the first: what changes while the snapshot goes out is told after it.
      const complete = collectorFeed.mark('snapshot_complete');
      for (const name of views.names()) {
        if (signal.aborted) return;
        if (filter.names?.has(name) === false) continue;
        const item = watcher.snapshot(name);
        if (item !== undefined) yield item;
      }
      yield complete;
    }
    if (isKnown) yield collectorFeed.mark('heartbeat');
    while (!signal.aborted) {
      const how = await watcher.alarm.wait(HEARTBEAT_MS, signal);
      if (how === 'late') yield collectorFeed.mark('heartbeat');
      yield* changesNow(watcher, signal);
    }
  } finally {
    leave();
    signal.removeEventListener('abort', leave);
  }
}

function* changesNow(
  watcher: Watcher,
  signal: AbortSignal,
): Generator<StreamItem, void, undefined> {
  while (!signal.aborted) {
    const item = watcher.next();
    if (item === undefined) return;
    yield item;
  }
}
