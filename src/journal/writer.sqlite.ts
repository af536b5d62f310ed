/**
 * The journal's writer thread: holds the lock, commits what queued in groups, follows with the witness,
 * checkpoints off the way to the acknowledgement.
 *
 * W1 An answer leaves only after the commit that made it durable.
 * W2 After a commit that failed in an unknown way nothing is answered any more.
 */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { HeadgateError, messageOf } from '../kernel/errors.js';
import { SECOND_MS, systemClock } from '../kernel/time.js';
import type { Group, GroupWriter } from './group.sqlite.js';
import { groupWriter } from './group.sqlite.js';
import type { Lock } from './lock.sqlite.js';
import { takeLock } from './lock.sqlite.js';
import { JournalUnavailable } from './port.js';
import type { AppendRequest, FromWriter, ToWriter, WireError, WriterConfig } from './protocol.js';
import { TEXTS_PER_EVENT, packAnswers, unpackAppends } from './protocol.js';
import type { SqliteFile } from './schema.sqlite.js';
import { headPosition, journalId, openToWrite, sqliteCode } from './schema.sqlite.js';
import { checkTail, newestEvent, skipPositions } from './tail-check.sqlite.js';
import type { Witness } from './witness.js';
import { openWitness, readWitness, witnessPath } from './witness.js';

const clock = systemClock({ unref: true });

type Writer = {
  readonly config: WriterConfig;
  readonly lock: Lock;
  readonly db: SqliteFile;
  readonly group: GroupWriter;
  readonly witness: Witness;
  readonly queue: AppendRequest[];
  head: number;
  groupsSinceLook: number;
  witnessSyncedAt: number;
  isClosing: boolean;
  /** Closed, or failed (W2): nothing is done any more. */
  isDead: boolean;
};

function tell(message: FromWriter): void {
  parentPort?.postMessage(message);
}

function wire(thrown: unknown): WireError {
  if (thrown instanceof JournalUnavailable) {
    return { code: thrown.code, message: thrown.message, outcome: thrown.outcome };
  }
  const code = thrown instanceof HeadgateError ? thrown.code : (sqliteCode(thrown) ?? 'unknown');
  return { code, message: messageOf(thrown) };
}

function start(config: WriterConfig): Writer {
  const lock = takeLock(config.path);
  let db: SqliteFile | undefined;
  try {
    db = openToWrite(config.path);
    if (config.filePagesMax !== undefined) {
      db.pragma(`max_page_count = ${String(config.filePagesMax)}`);
    }
    const id = journalId(db);
    const path = witnessPath(config.path);
    const { warnings, positionsTaken } = checkTail(
      db,
      id,
      readWitness(path),
      config.acceptRegressed,
    );
    skipPositions(db, positionsTaken);
    const witness = openWitness(path, newestEvent(db, id));
    const head = headPosition(db);
    const streams = db.prepare<[], number>('SELECT count(*) FROM streams').pluck().get() ?? 0;
    tell({ kind: 'opened', opened: { head, streams, warnings } });
    const state = { groupsSinceLook: 0, witnessSyncedAt: 0, isClosing: false, isDead: false };
    return { config, lock, db, group: groupWriter(db, id), witness, queue: [], head, ...state };
  } catch (thrown) {
    db?.close();
    lock.release();
    throw thrown;
  }
}

/** Takes in whatever is waiting at the port; whether that was anything. */
function drainPort(writer: Writer): boolean {
  if (parentPort === null) return false;
  for (let isFirst = true; ; isFirst = false) {
    const waiting = receiveMessageOnPort(parentPort);
    if (waiting === undefined) return !isFirst;
    take(writer, waiting.message as ToWriter);
  }
}

/**
 * Who was just answered often asks again at once: waking a sleeping thread would take longer than
 * looking at the port for this long after a commit.
 */
const LINGER_MS = 0.08;

function linger(writer: Writer): void {
  const until = clock.monotonic() + LINGER_MS;
  while (!drainPort(writer) && clock.monotonic() < until);
}

function take(writer: Writer, message: ToWriter): void {
  if (message.kind === 'close') writer.isClosing = true;
  else for (const request of unpackAppends(message)) writer.queue.push(request);
}

function nextGroup(writer: Writer): readonly AppendRequest[] {
  const { groupEventsMax, groupBytesMax } = writer.config.limits;
  let events = 0;
  let bytes = 0;
  let count = 0;
  for (const request of writer.queue) {
    events += request.texts.length / TEXTS_PER_EVENT;
    bytes += request.bytes;
    if (count > 0 && (events > groupEventsMax || bytes > groupBytesMax)) break;
    count += 1;
  }
  return writer.queue.splice(0, count);
}

function work(writer: Writer): void {
  drainPort(writer);
  if (writer.isDead) return;
  if (writer.queue.length > 0) {
    commit(writer, nextGroup(writer));
    checkpointIfDue(writer);
    if (writer.queue.length === 0) linger(writer);
    // Back to the event loop between groups: the port and the witness's sync get their turn.
    setImmediate(work, writer);
  } else if (writer.isClosing) {
    close(writer);
  }
}

function commit(writer: Writer, requests: readonly AppendRequest[]): void {
  const began = clock.monotonic();
  const bytes = requests.reduce((sum, request) => sum + request.bytes, 0);
  let group: Group;
  try {
    group = writer.group.commit(requests);
  } catch (thrown) {
    refuse(writer, requests, thrown, clock.monotonic() - began);
    return;
  }
  const commitMs = clock.monotonic() - began;
  writer.groupsSinceLook += 1;
  if (group.newest !== undefined) writer.head = group.newest.position;
  const { events } = group;
  const answers = packAnswers(group.answers);
  tell({ kind: 'group', answers, head: writer.head, events, bytes, commitMs });
  // Off the way to the acknowledgement: a witness that is behind is no lie (W1 of witness.ts).
  if (group.newest !== undefined) follow(writer, group.newest);
}

function follow(writer: Writer, newest: NonNullable<Group['newest']>): void {
  try {
    writer.witness.follow(newest);
  } catch {
    // W1 of witness.ts: a witness that stays behind is no lie. On a full disk it may not be written.
    return;
  }
  const now = clock.monotonic();
  if (now - writer.witnessSyncedAt < SECOND_MS) return;
  writer.witnessSyncedAt = now;
  writer.witness.sync();
}

/** The disk is full: nothing of the group was written, and a later one may succeed. */
const REFUSALS = new Set(['SQLITE_FULL']);

function refuse(
  writer: Writer,
  requests: readonly AppendRequest[],
  thrown: unknown,
  commitMs: number,
): void {
  const code = sqliteCode(thrown) ?? 'unknown';
  if (!REFUSALS.has(code) || writer.db.inTransaction) {
    writer.isDead = true;
    const message = `the journal could not be written (${code}): ${messageOf(thrown)}`;
    tell({ kind: 'fatal', error: { code: 'journal_unavailable', message, outcome: 'unknown' } });
    return;
  }
  const message = `the journal's disk is full: ${messageOf(thrown)}`;
  const error: WireError = { code: 'journal_unavailable', message, outcome: 'not-written' };
  const answers = { numbers: [], errors: requests.map(({ id }) => ({ id, error })) };
  tell({ kind: 'group', answers, head: writer.head, events: 0, bytes: 0, commitMs });
}

/** Looking at the log's length costs a few microseconds: done once in so many groups. */
const GROUPS_PER_LOOK = 16;

type WalState = { readonly log: number; readonly checkpointed: number };

function wal(db: SqliteFile, mode: 'NOOP' | 'PASSIVE'): WalState {
  const [row] = db.pragma(`wal_checkpoint(${mode})`) as readonly WalState[];
  return row ?? { log: 0, checkpointed: 0 };
}

/** Moves the log into the file while nobody waits for an answer; the next commit starts the log anew. */
function checkpointIfDue(writer: Writer): void {
  if (writer.isDead || writer.groupsSinceLook < GROUPS_PER_LOOK) return;
  writer.groupsSinceLook = 0;
  const began = clock.monotonic();
  try {
    const before = wal(writer.db, 'NOOP');
    if (before.log - before.checkpointed < writer.config.checkpointPages) return;
    const { log: walPages, checkpointed: movedPages } = wal(writer.db, 'PASSIVE');
    tell({ kind: 'checkpoint', walPages, movedPages, tookMs: clock.monotonic() - began });
  } catch (thrown) {
    const error = wire(thrown);
    const tookMs = clock.monotonic() - began;
    tell({ kind: 'checkpoint', walPages: 0, movedPages: 0, tookMs, error: error.message });
    if (REFUSALS.has(error.code)) return;
    // A failed fsync: pages may be lost without a later sync saying so.
    writer.isDead = true;
    const message = `the journal could not be checkpointed (${error.code}): ${error.message}`;
    tell({ kind: 'fatal', error: { code: 'journal_unavailable', message, outcome: 'unknown' } });
  }
}

function close(writer: Writer): void {
  writer.isDead = true;
  writer.db.close();
  writer.witness.close(() => {
    writer.lock.release();
    tell({ kind: 'closed' });
    parentPort?.close();
  });
}

function main(): void {
  let writer: Writer;
  try {
    writer = start(workerData as WriterConfig);
  } catch (thrown) {
    tell({ kind: 'failed', error: wire(thrown) });
    parentPort?.close();
    return;
  }
  parentPort?.on('message', (message: ToWriter) => {
    take(writer, message);
    work(writer);
  });
}

main();
