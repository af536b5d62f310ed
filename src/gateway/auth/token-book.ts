/**
 * The tokens of this service: kept in memory, written into stream `settings-tokens`.
 *
 * T1 What is in memory is the fold of the stream; others may write it (an offline tool), so it is followed.
 * T2 An append names the revision it was decided on; who loses the race looks again and decides again.
 * T3 A token's text leaves `create` once and stays nowhere; what is kept cannot be turned back into it.
 */
import { TokenCreated, TokenRevoked } from '../../gen/headgate/events/v1/settings.js';
import type { EventMetadata, Journal, NewEvent } from '../../journal/port.js';
import { eventIdOf } from '../../kernel/ids.js';
import type { SecretBytes } from '../../kernel/secret-bytes.js';
import { isoTime } from '../../kernel/time.js';
import type { Clock } from '../../kernel/time.js';
import type { EpochMs, JsonObject, Result } from '../../kernel/types.js';
import { fail, ok } from '../../kernel/types.js';
import type { Problem } from '../problems.js';
import { NO_TOKENS, TOKENS_STREAM, foldToken, lives, standing } from './token-fold.js';
import type { Token, Tokens } from './token-fold.js';
import { cannotCreate, cannotRevoke } from './token-rules.js';
import type { Doors, TokenWish } from './token-rules.js';
import { isSecretOf, mintToken, parseToken } from './token-text.js';

/** Who makes or revokes a token, for the fact's metadata. */
export type TokenWriter = Pick<
  EventMetadata,
  'commandId' | 'correlationId' | 'actor' | 'interface' | 'address' | 'operation' | 'commandHash'
> & { readonly reason?: string };

/** A token as it may be shown. */
export type ShownToken = Omit<Token, 'hash'> & { readonly lastUsedAt?: EpochMs };

/** What a dry run answers. */
export type PlannedFact = {
  readonly stream: string;
  readonly type: string;
  readonly data: JsonObject;
};

export type Created = { readonly token: ShownToken; readonly text: string };
export type Revoked = { readonly token: ShownToken; readonly changed: boolean };

export interface TokenBook {
  /** The token of this text, if it lets anyone in now. Takes as long for an unknown one. */
  find(text: string): ShownToken | undefined;
  /** Those that stand, oldest first. */
  list(): readonly ShownToken[];
  /** K2. */
  isEmpty(): boolean;
  /** @throws {JournalUnavailable} it is not written, or nobody knows: then it is useless, and listed. */
  create(wish: TokenWish, by: TokenWriter): Promise<Result<Created, Problem>>;
  /** A token revoked before stays so. @throws {JournalUnavailable} */
  revoke(id: string, by: TokenWriter): Promise<Result<Revoked, Problem>>;
  /** What `create` and `revoke` would write, without secret and hash. */
  plan(
    asked: { readonly wish: TokenWish } | { readonly id: string },
  ): Result<PlannedFact[], Problem>;
  /** Reads what the stream has beyond what was folded. */
  catchUp(): Promise<void>;
}

export type TokenBookParts = {
  readonly journal: Pick<Journal, 'append' | 'read'>;
  readonly clock: Clock;
  readonly secretBytes: SecretBytes;
  readonly node: string;
  readonly doors: Doors;
};

const PAGE_EVENTS = 500;
/** Races lost before the caller is told so. */
const TRIES_MAX = 5;

/** @throws {JournalCorrupt} who may call cannot be read: then nobody is let in by guess. */
export async function openTokenBook(parts: TokenBookParts): Promise<TokenBook> {
  const book = tokenBook(parts);
  await book.catchUp();
  return book;
}

/** A book that has read nothing yet: `catchUp` before it is asked. */
export function tokenBook(parts: TokenBookParts): TokenBook {
  const { journal, clock, doors } = parts;
  let tokens: Tokens = NO_TOKENS;
  /** By id, of this process only. */
  const usedAt = new Map<string, EpochMs>();

  const catchUp = async (): Promise<void> => {
    for (;;) {
      const page = await journal.read(TOKENS_STREAM, tokens.revision + 1, PAGE_EVENTS);
      for (const event of page.events) tokens = foldToken(tokens, event);
      if (page.atEnd) return;
    }
  };
  const shown = ({ hash: _hash, ...token }: Token): ShownToken => {
    const lastUsedAt = usedAt.get(token.id);
    return lastUsedAt === undefined ? token : { ...token, lastUsedAt };
  };

  /** T2. `decide` is asked anew after each race; undefined: there is nothing to write. */
  const write = async (
    decide: () => Result<{ readonly type: string; readonly data: JsonObject } | undefined, Problem>,
    by: TokenWriter,
  ): Promise<Result<boolean, Problem>> => {
    for (let attempt = 1; attempt <= TRIES_MAX; attempt += 1) {
      const decided = decide();
      if (!decided.ok) return decided;
      if (decided.value === undefined) return ok(false);
      const event = eventOf(decided.value, by, parts);
      const told = await journal.append(TOKENS_STREAM, tokens.revision, [event]);
      await catchUp();
      if (told.kind === 'appended') return ok(true);
    }
    const detail = `another writer was first, ${String(TRIES_MAX)} times`;
    return fail({ code: 'raced', detail });
  };

  const created = (wish: TokenWish, id: string, hash: string, createdBy: string) =>
    TokenCreated.toJSON({
      atMs: clock.now(),
      id,
      name: wish.name,
      role: wish.role,
      hash,
      createdBy,
      expiresAtMs: wish.expiresAt,
    }) as JsonObject;

  const revocable = (id: string): Result<Token | undefined, Problem> => {
    const token = tokens.byId.get(id);
    if (token === undefined) return fail(tokenNotFound(id));
    if (token.revokedAt !== undefined) return ok(undefined);
    const problem = cannotRevoke(token, tokens, doors, clock.now());
    return problem === undefined ? ok(token) : fail(problem);
  };
  const revoked = (id: string, reason: string | undefined): JsonObject =>
    TokenRevoked.toJSON({ atMs: clock.now(), id, reason: reason ?? '' }) as JsonObject;

  const known = (id: string): ShownToken => {
    const token = tokens.byId.get(id);
    if (token === undefined) throw new Error('a token that was just written is not there');
    return shown(token);
  };

  return {
    catchUp,
    find(text) {
      const parsed = parseToken(text);
      const token = parsed === undefined ? undefined : tokens.byId.get(parsed.id);
      const isSame = isSecretOf(parsed?.secret ?? '', token?.hash);
      if (!isSame || token === undefined || !lives(token, clock.now())) return undefined;
      usedAt.set(token.id, clock.now());
      return shown(token);
    },
    list: () => standing(tokens).map(shown),
    isEmpty: () => standing(tokens).length === 0 && tokens.unknown === undefined,
    async create(wish, by) {
      const minted = mintToken(parts.secretBytes, (id) => tokens.byId.has(id));
      const written = await write(() => {
        const problem = cannotCreate(wish, tokens, doors, clock.now());
        if (problem !== undefined) return fail(problem);
        const data = created(wish, minted.id, minted.hash, by.actor);
        return ok({ type: 'TokenCreated', data });
      }, by);
      return written.ok ? ok({ token: known(minted.id), text: minted.text }) : written;
    },
    async revoke(id, by) {
      const written = await write(() => {
        const token = revocable(id);
        if (!token.ok || token.value === undefined) return token.ok ? ok(undefined) : token;
        return ok({ type: 'TokenRevoked', data: revoked(id, by.reason) });
      }, by);
      if (written.ok) usedAt.delete(id);
      return written.ok ? ok({ token: known(id), changed: written.value }) : written;
    },
    plan(asked) {
      if ('id' in asked) {
        const token = revocable(asked.id);
        if (!token.ok) return token;
        const data = revoked(asked.id, undefined);
        return ok(token.value ? [{ stream: TOKENS_STREAM, type: 'TokenRevoked', data }] : []);
      }
      const problem = cannotCreate(asked.wish, tokens, doors, clock.now());
      if (problem !== undefined) return fail(problem);
      const data = created(asked.wish, '', '', '');
      return ok([{ stream: TOKENS_STREAM, type: 'TokenCreated', data }]);
    },
  };
}

function tokenNotFound(id: string): Problem {
  const detail = 'no token has this id; GET /tokens lists those that stand';
  return { code: 'token_not_found', subject: id, detail };
}

function eventOf(
  { type, data }: { readonly type: string; readonly data: JsonObject },
  by: TokenWriter,
  { clock, node }: TokenBookParts,
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
