/**
 * The peer of durable-commands: what one would write by hand with better-sqlite3 alone. A worker thread
 * takes rows, inserts all that have queued in one transaction (synchronous=FULL), answers their ids. No
 * hashing, no revisions checked, no repeats, no witness, no lock.
 */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { openToWrite } from '../../src/journal/schema.sqlite.js';

/** What a statement binds: stream, revision, type, data, metadata, hash. */
export type BareRow = readonly [number, number, string, string, string, string];
export type BareRequest = { readonly id: number; readonly row: BareRow };

/** As ours. */
const GROUP_MAX = 512;
const CHECKPOINT_PAGES = 4000;
const GROUPS_PER_LOOK = 16;

const db = openToWrite(workerData as string);
const insert = db.prepare<[number, number, string, string, string, string]>(
  'INSERT INTO events (stream_id, revision, type, data, metadata, hash) VALUES (?, ?, ?, ?, ?, ?)',
);
const begin = db.prepare('BEGIN IMMEDIATE');
const commit = db.prepare('COMMIT');
const queue: BareRequest[] = [];
let groups = 0;

function work(): void {
  drain();
  const group = queue.splice(0, GROUP_MAX);
  if (group.length === 0) return;
  begin.run();
  for (const { row } of group) insert.run(...row);
  commit.run();
  parentPort?.postMessage(group.map(({ id }) => id));
  groups += 1;
  if (groups % GROUPS_PER_LOOK === 0) checkpointIfDue();
  if (queue.length > 0) setImmediate(work);
}

function drain(): void {
  if (parentPort === null) return;
  for (let next = receiveMessageOnPort(parentPort); next !== undefined;) {
    take(next.message as Message);
    next = receiveMessageOnPort(parentPort);
  }
}

type Message = readonly BareRequest[] | 'close';

function take(message: Message): void {
  if (message === 'close') {
    db.close();
    parentPort?.close();
  } else queue.push(...message);
}

function checkpointIfDue(): void {
  const [wal] = db.pragma('wal_checkpoint(NOOP)') as readonly WalState[];
  if ((wal?.log ?? 0) - (wal?.checkpointed ?? 0) < CHECKPOINT_PAGES) return;
  db.pragma('wal_checkpoint(PASSIVE)');
}

type WalState = { readonly log: number; readonly checkpointed: number };

parentPort?.on('message', (message: Message) => {
  take(message);
  if (message !== 'close') work();
});
parentPort?.postMessage('open');
