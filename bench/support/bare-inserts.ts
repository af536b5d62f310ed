/** Bare inserts from the callers' thread: hands rows to bare-writer.ts, all of one turn together. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { BareRequest, BareRow } from './bare-writer.js';

export type BareInserts = {
  /** Resolves when the row is durable. */
  readonly insert: (row: BareRow) => Promise<void>;
  readonly close: () => Promise<void>;
};

export async function bareInserts(path: string): Promise<BareInserts> {
  const worker = new Worker(new URL('./bare-writer.js', import.meta.url), { workerData: path });
  await once(worker, 'message');
  const waiting = new Map<number, () => void>();
  let requests: BareRequest[] = [];
  let nextId = 1;
  worker.on('message', (ids: readonly number[]) => {
    for (const id of ids) {
      waiting.get(id)?.();
      waiting.delete(id);
    }
  });
  const send = (): void => {
    worker.postMessage(requests);
    requests = [];
  };
  return {
    insert: (row) =>
      new Promise((resolve) => {
        if (requests.length === 0) (waiting.size === 0 ? queueMicrotask : setImmediate)(send);
        const id = nextId;
        nextId += 1;
        requests.push({ id, row });
        waiting.set(id, resolve);
      }),
    async close() {
      worker.postMessage('close');
      await once(worker, 'exit');
    },
  };
}
