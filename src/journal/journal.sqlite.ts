/**
 * The journal in one SQLite file: a writer thread that commits in groups, readers on the caller's
 * thread. What is durable and when is the writer's to say (writer.sqlite.ts); what may
 * wait for it, and what waiters are told when it fails, the queue's (append-queue.ts).
 */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { HeadgateError } from '../kernel/errors.js';
import { messageOf } from '../kernel/errors.js';
import type { Logger, MetricSource } from '../kernel/observe.js';
import { observe, silentLogger } from '../kernel/observe.js';
import type { Clock } from '../kernel/time.js';
import { systemClock } from '../kernel/time.js';
import { checkExpected } from './admission.js';
import type { AppendQueue } from './append-queue.js';
import { appendQueue } from './append-queue.js';
import type { JournalCounters } from './counters.js';
import { journalCounters, journalMetrics } from './counters.js';
import { encodeBatch } from './encode.js';
import type { JournalLimits } from './limits.js';
import { DEFAULT_LIMITS } from './limits.js';
import type { Journal } from './port.js';
import { JournalClosed, JournalUnavailable } from './port.js';
import type { FromWriter, Opened } from './protocol.js';
import type { Reader } from './reader.sqlite.js';
import { sqliteReader } from './reader.sqlite.js';
import type { SqliteFile } from './schema.sqlite.js';
import { openToRead } from './schema.sqlite.js';
import type { Bell } from './subscription.js';
import { bell, livePages, nextTurn } from './subscription.js';
import { errorOf } from './wire-errors.js';
import type { WriterThread } from './writer-thread.sqlite.js';
import { startWriter } from './writer-thread.sqlite.js';

export type SqliteJournalOptions = {
  /** The file; its directory is made. Beside it: `-wal`, `-shm`, `.lock`, `.owner`, `.witness`. */
  readonly path: string;
  /**
   * The writer failed and the truth on disk is unknown: the process must end, non-zero, at once.
   * Called at most once, before anyone who waits for an answer is told.
   */
  readonly onFatal: (error: HeadgateError) => void;
  readonly log?: Logger;
  readonly clock?: Clock;
  readonly limits?: Partial<JournalLimits>;
  /** Opens a journal that ends before what its witness saw, with a warning. */
  readonly acceptRegressed?: boolean;
  /** Pages in the write-ahead log at which a checkpoint is due. */
  readonly checkpointPages?: number;
  /** For tests of a full disk: pages (4 KiB) the file may have. */
  readonly filePagesMax?: number;
};

export type SqliteJournal = Journal & {
  readonly metrics: MetricSource;
  /** What was found at opening. */
  readonly opened: Opened;
};

export const CHECKPOINT_PAGES = 4000;

type Open = {
  readonly options: SqliteJournalOptions;
  readonly log: Logger;
  readonly clock: Clock;
  readonly limits: JournalLimits;
  readonly thread: WriterThread;
  readonly file: SqliteFile;
  readonly reader: Reader;
  readonly news: Bell;
  readonly counters: JournalCounters;
  readonly queue: AppendQueue;
  failure: (() => Error) | undefined;
  closed: Promise<void> | undefined;
};

/**
 * Opens the journal, making it when it is not there.
 * @throws {JournalLocked} another process has it.
 * @throws {JournalRegressed} its tail is missing, or it is an old file, and that was not accepted.
 * @throws {JournalUnavailable} it cannot be written, or is no journal.
 */
export async function sqliteJournal(options: SqliteJournalOptions): Promise<SqliteJournal> {
  const { path, acceptRegressed = false, checkpointPages = CHECKPOINT_PAGES } = options;
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  try {
    mkdirSync(dirname(path), { recursive: true });
  } catch (thrown) {
    const why = messageOf(thrown);
    throw new JournalUnavailable(`cannot make the journal's directory: ${why}`, { cause: thrown });
  }
  const config = { path, limits, acceptRegressed, checkpointPages };
  const { filePagesMax } = options;
  const { thread, opened } = await startWriter(
    filePagesMax === undefined ? config : { ...config, filePagesMax },
  );
  const { log = silentLogger, clock = systemClock() } = options;
  const counters = journalCounters();
  const file = await openReader(path, thread);
  const self: Open = {
    options,
    log,
    clock,
    limits,
    thread,
    file,
    reader: sqliteReader(file),
    news: bell(opened.head),
    counters,
    queue: appendQueue({ limits, counters, clock, log, tell: thread.tell }),
    failure: undefined,
    closed: undefined,
  };
  self.counters.position = opened.head;
  for (const warning of opened.warnings) self.log.warn('journal opened', { path, warning });
  thread.listen({
    onMessage: (message) => {
      hear(self, message);
    },
    onDeath: (why) => {
      die(
        self,
        new JournalUnavailable(`the journal's writer died: ${why}`, { outcome: 'unknown' }),
      );
    },
  });
  return { ...operations(self), opened, metrics: () => journalMetrics(self.counters) };
}

/** @throws {JournalUnavailable} and then the writer is gone again. */
async function openReader(path: string, thread: WriterThread): Promise<SqliteFile> {
  try {
    return openToRead(path);
  } catch (thrown) {
    await thread.close();
    throw thrown;
  }
}

function operations(self: Open): Journal {
  const { reader, news, queue } = self;
  const open = (): void => {
    if (self.closed !== undefined) throw new JournalClosed('the journal is closed');
  };
  const readAll: Journal['readAll'] = async (after, filter, limit) => {
    open();
    const page = reader.readAll(after, filter, limit);
    // Reading is synchronous: whoever reads page after page must let the event loop go round.
    if (!page.atEnd) await nextTurn();
    return page;
  };
  return {
    // Not `async`: on this path each promise more is felt.
    append(stream, expected, events) {
      try {
        open();
        checkExpected(expected);
        return queue.handIn(stream, expected, encodeBatch(stream, events, self.limits));
      } catch (thrown) {
        return Promise.reject(thrown instanceof Error ? thrown : new Error(messageOf(thrown)));
      }
    },
    async read(stream, from, limit) {
      open();
      return Promise.resolve(reader.read(stream, from, limit));
    },
    readAll,
    subscribe: (after, filter, signal) => livePages({ readAll, bell: news }, after, filter, signal),
    async head() {
      open();
      return Promise.resolve(reader.head());
    },
    async streamHead(stream) {
      open();
      return Promise.resolve(reader.streamHead(stream));
    },
    async streams(category, after, limit) {
      open();
      return Promise.resolve(reader.streams(category, after, limit));
    },
    close() {
      self.closed ??= close(self);
      return self.closed;
    },
  };
}

function hear(self: Open, message: FromWriter): void {
  const { counters } = self;
  switch (message.kind) {
    case 'group':
      if (self.failure !== undefined) return;
      if (message.events > 0) observe(counters.groupEvents, message.events);
      observe(counters.commitSeconds, message.commitMs / 1000);
      counters.events += message.events;
      counters.bytes += message.bytes;
      counters.position = message.head;
      self.queue.settle(message.answers);
      self.news.ring(message.head);
      return;
    case 'checkpoint':
      counters.checkpoints += 1;
      counters.walPages = message.walPages;
      if (message.error !== undefined) {
        counters.checkpointsFailed += 1;
        self.log.error('journal checkpoint failed', { error: message.error });
      } else if (message.movedPages < message.walPages) counters.checkpointsStarved += 1;
      return;
    case 'fatal':
      die(self, errorOf(message.error));
      return;
    case 'opened':
    case 'failed':
    case 'closed':
      return;
  }
}

/** S2 of the queue: nobody is told before the process had the chance to end. */
function die(self: Open, error: HeadgateError): void {
  if (self.failure !== undefined) return;
  self.failure = () => new JournalUnavailable(error.message, { outcome: 'unknown' });
  self.log.error('journal failed', { code: error.code, error: error.message });
  self.options.onFatal(error);
  self.queue.fail(self.failure);
  self.news.close(self.failure);
}

async function close(self: Open): Promise<void> {
  self.news.close(() => new JournalClosed('the journal was closed'));
  // The writer closes last: the last to close moves the whole log into the file.
  self.file.close();
  if (self.failure === undefined) {
    self.queue.send();
    await self.thread.close();
    self.queue.settleAll();
  } else await self.thread.stop();
}
