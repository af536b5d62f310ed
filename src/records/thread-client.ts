/**
 * Asks the sink's thread, from compiled JavaScript as from TypeScript sources.
 *
 * T1 What was asked and is not answered is bounded; beyond it the sink is unavailable.
 * T2 When the thread dies, everyone who waits is told, and the next question starts another: what is in
 *    the file is durable, and a page that is written twice changes nothing.
 */
import { Worker } from 'node:worker_threads';
import { messageOf } from '../kernel/errors.js';
import type { Logger } from '../kernel/observe.js';
import { SinkUnavailable } from './port.js';
import type { CallName, Calls, Reply, TablesConfig } from './protocol.js';

/** T1 */
const WAITING_MAX = 1024;

export type ThreadClient = {
  /** @throws {SinkUnavailable} it was not done. */
  readonly ask: <N extends CallName>(call: N, ask: Calls[N]['ask']) => Promise<Calls[N]['answer']>;
  /** What was asked before is answered; then the thread ends. */
  readonly close: () => Promise<void>;
  /** Ends the thread without waiting for anything, as a crash would. */
  readonly kill: () => Promise<void>;
};

type Waiting = {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
};

/** @throws {SinkUnavailable} the file cannot be opened. */
export async function threadClient(config: TablesConfig, log: Logger): Promise<ThreadClient> {
  const waiting = new Map<number, Waiting>();
  let lastId = 0;
  let worker: Promise<Worker> | undefined;
  let current: Worker | undefined;
  let isClosed = false;

  /** The thread that is gone may be heard of twice (error, exit), the second time with another begun. */
  const lost = (gone: Worker, why: string): void => {
    if (gone !== current) return;
    current = undefined;
    worker = undefined;
    if (!isClosed) log.error('the record sink lost its thread', { error: why });
    for (const { reject } of waiting.values()) reject(new SinkUnavailable(why));
    waiting.clear();
  };
  const heard = (reply: Reply): void => {
    if (reply.kind !== 'answer' && reply.kind !== 'error') return;
    const asked = waiting.get(reply.id);
    waiting.delete(reply.id);
    if (reply.kind === 'answer') asked?.resolve(reply.answer);
    else asked?.reject(new SinkUnavailable(`the record sink failed: ${reply.error}`));
  };
  const begin = async (): Promise<Worker> => {
    const started = await startThread(config);
    current = started;
    started.on('message', heard);
    started.on('error', (error) => {
      lost(started, `the record sink's thread died: ${messageOf(error)}`);
    });
    started.on('exit', () => {
      lost(started, "the record sink's thread ended");
    });
    return started;
  };
  const thread = (): Promise<Worker> => {
    worker ??= begin().catch((thrown: unknown) => {
      worker = undefined;
      throw thrown;
    });
    return worker;
  };

  const ask: ThreadClient['ask'] = async (call, asked) => {
    if (isClosed) throw new SinkUnavailable('the record sink is closed');
    const to = await thread();
    if (waiting.size >= WAITING_MAX) throw new SinkUnavailable('the record sink is overloaded');
    lastId += 1;
    const id = lastId;
    return new Promise((resolve, reject) => {
      to.postMessage({ id, call, ask: asked });
      waiting.set(id, { resolve: resolve as Waiting['resolve'], reject });
    });
  };

  await thread();
  return {
    ask,
    async kill() {
      await current?.terminate();
    },
    async close() {
      if (isClosed) return;
      const running = worker;
      const answered = running === undefined ? Promise.resolve() : ask('close', null);
      isClosed = true;
      await answered.catch(() => null);
      await (await running)?.terminate();
    },
  };
}

/** Resolves with the thread once it has the file open. */
async function startThread(config: TablesConfig): Promise<Worker> {
  const worker = newWorker(config);
  const first = await new Promise<Reply>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', () => {
      reject(new SinkUnavailable("the record sink's thread ended before it began"));
    });
  }).catch((thrown: unknown) => {
    throw new SinkUnavailable(`the record sink cannot start: ${messageOf(thrown)}`, {
      cause: thrown,
    });
  });
  for (const event of ['message', 'error', 'exit']) worker.removeAllListeners(event);
  if (first.kind === 'ready') return worker;
  await worker.terminate();
  throw new SinkUnavailable(
    `cannot open the record sink: ${first.kind === 'failed' ? first.error : first.kind}`,
  );
}

function newWorker(config: TablesConfig): Worker {
  if (!import.meta.url.endsWith('.ts')) {
    return new Worker(new URL('./thread.sqlite.js', import.meta.url), { workerData: config });
  }
  // From source: a thread has loaders of its own, and `--import tsx` leaves threads alone.
  const thread = JSON.stringify(new URL('./thread.sqlite.ts', import.meta.url).href);
  const loader = JSON.stringify(import.meta.resolve('tsx/esm/api'));
  const start = `import(${loader}).then(({ register }) => { register(); return import(${thread}); })`;
  return new Worker(start, { workerData: config, eval: true, execArgv: [] });
}
