/** Starts, hears and ends the writer thread, from compiled JavaScript as from TypeScript sources. */
import { Worker } from 'node:worker_threads';
import { messageOf } from '../kernel/errors.js';
import { JournalUnavailable } from './port.js';
import type { FromWriter, Opened, ToWriter, WriterConfig } from './protocol.js';
import { errorOf } from './wire-errors.js';

export type WriterListener = {
  readonly onMessage: (message: FromWriter) => void;
  /** The thread ended without being asked. */
  readonly onDeath: (why: string) => void;
};

export type WriterThread = {
  readonly tell: (message: ToWriter) => void;
  readonly listen: (listener: WriterListener) => void;
  /** What was told before is answered; then the thread ends. */
  readonly close: () => Promise<void>;
  /** Ends it without waiting for anything. */
  readonly stop: () => Promise<void>;
};

/** @throws {JournalLocked} @throws {JournalRegressed} @throws {JournalUnavailable} */
export async function startWriter(
  config: WriterConfig,
): Promise<{ readonly thread: WriterThread; readonly opened: Opened }> {
  const worker = newWorker(config);
  const first = await new Promise<FromWriter>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', () => {
      reject(new JournalUnavailable("the journal's writer ended before it began"));
    });
  });
  for (const event of ['message', 'error', 'exit']) worker.removeAllListeners(event);
  if (first.kind === 'opened') return { thread: threadOf(worker), opened: first.opened };
  await worker.terminate();
  if (first.kind === 'failed') throw errorOf(first.error);
  throw new JournalUnavailable(`the journal's writer began with ${first.kind}`);
}

function newWorker(config: WriterConfig): Worker {
  if (!import.meta.url.endsWith('.ts')) {
    return new Worker(new URL('./writer.sqlite.js', import.meta.url), { workerData: config });
  }
  // From source: a thread has loaders of its own, and `--import tsx` leaves threads alone.
  const writer = JSON.stringify(new URL('./writer.sqlite.ts', import.meta.url).href);
  const loader = JSON.stringify(import.meta.resolve('tsx/esm/api'));
  const start = `import(${loader}).then(({ register }) => { register(); return import(${writer}); })`;
  return new Worker(start, { workerData: config, eval: true, execArgv: [] });
}

function threadOf(worker: Worker): WriterThread {
  let isEnding = false;
  const ended = new Promise<void>((resolve) => {
    worker.once('exit', () => {
      resolve();
    });
  });
  return {
    tell(message) {
      worker.postMessage(message);
    },
    listen({ onMessage, onDeath }) {
      worker.on('message', onMessage);
      worker.on('error', (error) => {
        onDeath(messageOf(error));
      });
      worker.on('exit', (code) => {
        if (!isEnding) onDeath(`exit code ${String(code)}`);
      });
    },
    async close() {
      isEnding = true;
      worker.postMessage({ kind: 'close' } satisfies ToWriter);
      await ended;
    },
    async stop() {
      isEnding = true;
      await worker.terminate();
    },
  };
}
