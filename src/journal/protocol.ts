/**
 * What the journal's main side and its writer thread say to each other. Appends and answers travel
 * packed, in a few flat arrays: cloning an object for each would cost both threads more than the rest.
 */
import type { Position, Revision, StreamId } from '../kernel/types.js';
import type { JournalLimits } from './limits.js';

/** What the worker is started with. */
export type WriterConfig = {
  readonly path: string;
  readonly limits: JournalLimits;
  readonly acceptRegressed: boolean;
  /** A checkpoint is due when the write-ahead log holds this many pages. */
  readonly checkpointPages: number;
  /** Test's hand on a full disk: the file may not grow beyond this many pages. */
  readonly filePagesMax?: number;
};

/** One append: four texts per event (type, data, metadata's head and tail), flat. */
export type AppendRequest = {
  readonly id: number;
  readonly stream: StreamId;
  readonly expected: Revision;
  readonly bytes: number;
  readonly texts: readonly string[];
};

export const TEXTS_PER_EVENT = 4;

/** Many appends: per append a stream and four numbers (id, expected, bytes, texts), and its texts. */
export type PackedAppends = {
  readonly kind: 'append';
  readonly streams: string[];
  readonly numbers: number[];
  readonly texts: string[];
};

export type ToWriter = PackedAppends | { readonly kind: 'close' };

/** An error on its way through a thread's wall. */
export type WireError = {
  readonly code: string;
  readonly message: string;
  readonly outcome?: 'not-written' | 'unknown';
  readonly stream?: StreamId;
  readonly revision?: Revision;
};

export type Answer =
  | {
      readonly kind: 'appended';
      readonly id: number;
      readonly revision: Revision;
      readonly position: Position;
      readonly isRepeat: boolean;
    }
  | { readonly kind: 'conflict'; readonly id: number; readonly actual: Revision }
  | { readonly kind: 'error'; readonly id: number; readonly error: WireError };

/** Per answer four numbers: id, what it is (an index of OUTCOMES), revision, position. Errors apart. */
export type PackedAnswers = {
  readonly numbers: readonly number[];
  readonly errors: readonly { readonly id: number; readonly error: WireError }[];
};

const OUTCOMES = ['appended', 'repeat', 'conflict'] as const;
const NUMBERS = 4;

export function emptyAppends(): PackedAppends {
  return { kind: 'append', streams: [], numbers: [], texts: [] };
}

export function unpackAppends(packed: PackedAppends): readonly AppendRequest[] {
  const { numbers, texts } = packed;
  let from = 0;
  return packed.streams.map((stream, index) => {
    const at = index * NUMBERS;
    const [id = 0, expected = 0, bytes = 0, count = 0] = numbers.slice(at, at + NUMBERS);
    from += count;
    return { id, stream, expected, bytes, texts: texts.slice(from - count, from) };
  });
}

export function packAnswers(answers: readonly Answer[]): PackedAnswers {
  const numbers: number[] = [];
  const errors: { readonly id: number; readonly error: WireError }[] = [];
  for (const answer of answers) {
    const { id } = answer;
    if (answer.kind === 'error') errors.push({ id, error: answer.error });
    else if (answer.kind === 'conflict') {
      numbers.push(id, OUTCOMES.indexOf('conflict'), answer.actual, 0);
    } else {
      const outcome = OUTCOMES.indexOf(answer.isRepeat ? 'repeat' : 'appended');
      numbers.push(id, outcome, answer.revision, answer.position);
    }
  }
  return { numbers, errors };
}

/** Gives each answer to `take`, in the order of the appends (errors last). */
export function unpackAnswers(packed: PackedAnswers, take: (answer: Answer) => void): void {
  const { numbers, errors } = packed;
  for (let at = 0; at < numbers.length; at += NUMBERS) {
    const id = numbers[at] ?? 0;
    const outcome = OUTCOMES[numbers[at + 1] ?? 0];
    const revision = numbers[at + 2] ?? 0;
    const position = numbers[at + 3] ?? 0;
    if (outcome === 'conflict') take({ kind: 'conflict', id, actual: revision });
    else take({ kind: 'appended', id, revision, position, isRepeat: outcome === 'repeat' });
  }
  for (const { id, error } of errors) take({ kind: 'error', id, error });
}

/** What was found when the journal was opened. */
export type Opened = {
  readonly head: Position;
  readonly streams: number;
  /** Sentences worth a warning: no witness, a regression that was accepted. */
  readonly warnings: readonly string[];
};

export type FromWriter =
  | { readonly kind: 'opened'; readonly opened: Opened }
  | { readonly kind: 'failed'; readonly error: WireError }
  /** One group: durable, or refused as a whole. */
  | {
      readonly kind: 'group';
      readonly answers: PackedAnswers;
      readonly head: Position;
      readonly events: number;
      readonly bytes: number;
      readonly commitMs: number;
    }
  | {
      readonly kind: 'checkpoint';
      readonly walPages: number;
      readonly movedPages: number;
      readonly tookMs: number;
      readonly error?: string;
    }
  /** A write failed in a way that leaves the truth on disk unknown: nothing is acknowledged any more. */
  | { readonly kind: 'fatal'; readonly error: WireError }
  | { readonly kind: 'closed' };
