/**
 * The record sink's thread: does what it is asked, in order. Pages that queued while the disk was busy
 * are written as one transaction.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { messageOf } from '../kernel/errors.js';
import type { Reply, Request, TablesConfig } from './protocol.js';
import { openRecordTables, type RecordTables } from './tables.sqlite.js';

const PAGES_TOGETHER_MAX = 64;

type WriteRequest = Extract<Request, { readonly call: 'write' }>;

function serve(tables: RecordTables, reply: (to: Reply) => void): (request: Request) => void {
  const queue: Request[] = [];
  const answer = (id: number, run: () => unknown): void => {
    try {
      reply({ kind: 'answer', id, answer: run() });
    } catch (thrown) {
      reply({ kind: 'error', id, error: messageOf(thrown) });
    }
  };
  /** K1: nobody is told before the commit; when it fails, all of the group are told so. */
  const writeTogether = (requests: readonly WriteRequest[]): void => {
    try {
      const results = tables.together(requests.map(({ ask }) => ask));
      requests.forEach(({ id }, index) => reply({ kind: 'answer', id, answer: results[index] }));
    } catch (thrown) {
      const error = messageOf(thrown);
      for (const { id } of requests) reply({ kind: 'error', id, error });
    }
  };
  const drain = (): void => {
    while (queue.length > 0) {
      const writes = leadingWrites(queue);
      queue.splice(0, Math.max(1, writes.length)).forEach((request) => {
        if (request.call !== 'write') answer(request.id, () => call(tables, request));
      });
      if (writes.length > 0) writeTogether(writes);
    }
  };
  return (request) => {
    queue.push(request);
    if (queue.length === 1) setImmediate(drain);
  };
}

function leadingWrites(queue: readonly Request[]): readonly WriteRequest[] {
  const writes: WriteRequest[] = [];
  for (const request of queue) {
    if (request.call !== 'write' || writes.length >= PAGES_TOGETHER_MAX) break;
    writes.push(request);
  }
  return writes;
}

function call(tables: RecordTables, { call: name, ask }: Request): unknown {
  return (tables[name] as (ask: unknown) => unknown)(ask);
}

const port = parentPort;
if (port !== null) {
  const reply = (message: Reply): void => {
    port.postMessage(message);
  };
  try {
    const handle = serve(openRecordTables(workerData as TablesConfig), reply);
    port.on('message', (request: Request) => {
      handle(request);
    });
    reply({ kind: 'ready' });
  } catch (thrown) {
    reply({ kind: 'failed', error: messageOf(thrown) });
    port.close();
  }
}
