/** Collected records in the order they came, a page at a time from the sink: a slow reader is waited for. */
import { ok, fail } from '../../kernel/types.js';
import { subscribeRecordsInput } from '../history-inputs.js';
import { streamOperation } from '../operation.js';
import type { Reach, StreamItem } from '../operation.js';
import { collectorNotFound } from '../problems.js';
import { recordLine } from '../shapes/record-line.js';
import { HEARTBEAT_MS, alarm } from './alarm.js';

/** Records asked of the sink at once: what one reader holds at most. */
const PAGE_RECORDS = 200;

export const subscribeRecords = streamOperation({
  name: 'subscribeRecords',
  summary: 'Records of one collector in the order they came; with `follow`, also those to come.',
  role: 'viewer',
  input: subscribeRecordsInput,
  writes: { none: 'it only reads' },
  grpc: { service: 'RecordService', method: 'SubscribeRecords' },
  sse: { besides: 'listRecords', resume: 'after', unsaid: { follow: true } },
  open({ name, after = 0, follow = false }, reach, _caller, signal) {
    if (!reach.engine.has(name)) return fail(collectorNotFound(name));
    return ok(records(reach, name, after, follow, signal));
  },
});

async function* records(
  reach: Reach,
  collector: string,
  after: number,
  follow: boolean,
  signal: AbortSignal,
): AsyncGenerator<StreamItem, void, undefined> {
  const news = alarm(reach.clock);
  // A page is in the sink before the journal tells of it, so whoever hears of it finds it.
  const unwatch = reach.views.watch((names) => {
    if (names?.includes(collector) !== false) news.ring();
  });
  const isOver = (): boolean => signal.aborted;
  signal.addEventListener('abort', unwatch, { once: true });
  try {
    while (!isOver()) {
      const limit = PAGE_RECORDS;
      const page = await reach.records.query({ collector, after, limit, order: 'oldest' });
      for (const record of page) {
        if (isOver()) return;
        yield { id: String(record.sequence), kind: 'record', value: recordLine(record) };
        after = record.sequence;
      }
      if (page.length === PAGE_RECORDS) continue;
      if (!follow) return;
      // Looks again by itself too: a sink may take records that no fact told of yet.
      await news.wait(HEARTBEAT_MS, signal);
    }
  } finally {
    unwatch();
    signal.removeEventListener('abort', unwatch);
  }
}
