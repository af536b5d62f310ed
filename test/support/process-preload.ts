/**
 * Loaded into a service before it starts: makes accidents happen on request. SIGUSR2: a promise that is
 * rejected and that nobody handles. SIGHUP: the first thread the program started (the journal's writer)
 * dies. SIGWINCH: the last one (the record sink's) does.
 */
import type { Worker } from 'node:worker_threads';

const threads: Worker[] = [];
process.on('worker', (worker: Worker) => {
  threads.push(worker);
});
process.on('SIGUSR2', () => {
  void Promise.reject(new Error('planted rejection'));
});
process.on('SIGHUP', () => {
  void threads.at(0)?.terminate();
});
process.on('SIGWINCH', () => {
  void threads.at(-1)?.terminate();
});
