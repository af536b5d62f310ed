/**
 * Stream `settings-tokens`, read and written.
 *
 * T1 What is in memory is the fold of the stream; others may write it (an offline tool), so it is followed.
 * T2 An append names the revision it was decided on; who loses the race looks again and decides again.
 */
import type { EventMetadata, Journal, NewEvent } from '../../journal/port.js';
import { eventIdOf } from '../../kernel/ids.js';
import { isoTime } from '../../kernel/time.js';
import type { Clock } from '../../kernel/time.js';
import type { JsonObject, Result } from '../../kernel/types.js';
import { fail, ok } from '../../kernel/types.js';
import type { Problem } from '../problems.js';
import { NO_TOKENS, TOKENS_STREAM, foldToken } from './token-fold.js';
import type { Tokens } from './token-fold.js';

/** Who makes or revokes a token, for the fact's metadata. */
export type TokenWriter = Pick<
  EventMetadata,
  'commandId' | 'correlationId' | 'actor' | 'interface' | 'address' | 'operation' | 'commandHash'
> & { readonly reason?: string };

export type TokenStreamParts = {
  readonly journal: Pick<Journal, 'append' | 'read'>;
  readonly clock: Clock;
  readonly node: string;
};

export type TokenFact = { readonly type: string; readonly data: JsonObject };

export type TokenStream = {
  now(): Tokens;
  /** Called after each fact, or several, that came into `now`. */
  onChange(listener: () => void): void;
  catchUp(): Promise<void>;
  /** Whether something was written. `decide` is asked anew after each race; no fact: there is nothing. */
  write(
    decide: (tokens: Tokens) => Result<TokenFact | undefined, Problem>,
    by: TokenWriter,
  ): Promise<Result<boolean, Problem>>;
};

const PAGE_EVENTS = 500;
/** Races lost before the caller is told so. */
const TRIES_MAX = 5;

export function tokenStream(parts: TokenStreamParts): TokenStream {
  const { journal } = parts;
  let tokens: Tokens = NO_TOKENS;
  const listeners: (() => void)[] = [];
  const catchUp = async (): Promise<void> => {
    for (;;) {
      const page = await journal.read(TOKENS_STREAM, tokens.revision + 1, PAGE_EVENTS);
      const before = tokens;
      for (const event of page.events) tokens = foldToken(tokens, event);
      if (tokens !== before) for (const listener of listeners) listener();
      if (page.atEnd) return;
    }
  };
  return {
    now: () => tokens,
    onChange(listener) {
      listeners.push(listener);
    },
    catchUp,
    async write(decide, by) {
      for (let attempt = 1; attempt <= TRIES_MAX; attempt += 1) {
        const decided = decide(tokens);
        if (!decided.ok) return decided;
        if (decided.value === undefined) return ok(false);
        const event = eventOf(decided.value, by, parts);
        const told = await journal.append(TOKENS_STREAM, tokens.revision, [event]);
        await catchUp();
        if (told.kind === 'appended') return ok(true);
      }
      const detail = `another writer was first, ${String(TRIES_MAX)} times`;
      return fail({ code: 'raced', detail });
    },
  };
}

function eventOf(
  { type, data }: TokenFact,
  by: TokenWriter,
  { clock, node }: TokenStreamParts,
): NewEvent {
  const metadata: EventMetadata = {
    ...by,
    eventId: eventIdOf(by.commandId, TOKENS_STREAM, 0),
    recordedAt: isoTime(clock.now()),
    schema: 1,
    epoch: 1, // one node: the journal's own lock keeps a second writer out
    node,
  };
  return { type, data, metadata };
}
