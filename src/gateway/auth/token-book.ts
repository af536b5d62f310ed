/**
 * The tokens of this service: kept in memory, written into stream `settings-tokens`.
 *
 * T3 A token's text leaves `create` once and stays nowhere; what is kept cannot be turned back into it.
 */
import { TokenCreated, TokenRevoked } from '../../gen/headgate/events/v1/settings.js';
import type { SecretBytes } from '../../kernel/secret-bytes.js';
import type { EpochMs, JsonObject, Result } from '../../kernel/types.js';
import { fail, ok } from '../../kernel/types.js';
import type { Problem } from '../problems.js';
import { TOKENS_STREAM, lives, standing } from './token-fold.js';
import type { Token, Tokens } from './token-fold.js';
import { cannotCreate, cannotRevoke } from './token-rules.js';
import type { Doors, TokenWish } from './token-rules.js';
import { tokenStream } from './token-stream.js';
import type { TokenFact, TokenStreamParts, TokenWriter } from './token-stream.js';
import { isSecretOf, mintToken, parseToken } from './token-text.js';

/** A token as it may be shown. */
export type ShownToken = Omit<Token, 'hash'> & { readonly lastUsedAt?: EpochMs };

/** What a dry run answers. */
export type PlannedFact = TokenFact & { readonly stream: string };

/** `text` is the whole token, shown this once. */
export type Created = { readonly token: ShownToken; readonly text: string };
export type Revoked = { readonly token: ShownToken; readonly changed: boolean };

export interface TokenBook {
  /** The token of this text, if it lets anyone in now. Takes as long for an unknown one. */
  find(text: string): ShownToken | undefined;
  /** Whether the token of this id lets anyone in now. */
  isLive(id: string): boolean;
  /** Calls the listener after each change, whoever made it. */
  onChange(listener: () => void): void;
  /** Those that stand, oldest first. */
  list(): readonly ShownToken[];
  /** K2. */
  isEmpty(): boolean;
  /** @throws {JournalUnavailable} it is not written, or nobody knows: then it is useless, and listed. */
  create(wish: TokenWish, by: TokenWriter): Promise<Result<Created, Problem>>;
  /** A token revoked before stays so. @throws {JournalUnavailable} */
  revoke(id: string, by: TokenWriter): Promise<Result<Revoked, Problem>>;
  /** What `create` would write, without id and hash: those are drawn when it is done. */
  planCreate(wish: TokenWish): Result<readonly PlannedFact[], Problem>;
  planRevoke(id: string): Result<readonly PlannedFact[], Problem>;
  /** Reads what the stream has beyond what was folded. */
  catchUp(): Promise<void>;
}

export type TokenBookParts = TokenStreamParts & {
  readonly secretBytes: SecretBytes;
  readonly doors: Doors;
};

/** @throws {JournalCorrupt} who may call cannot be read: then nobody is let in by guess. */
export async function openTokenBook(parts: TokenBookParts): Promise<TokenBook> {
  const book = tokenBook(parts);
  await book.catchUp();
  return book;
}

/** A book that has read nothing yet: `catchUp` before it is asked. */
export function tokenBook(parts: TokenBookParts): TokenBook {
  const { clock, doors } = parts;
  const stream = tokenStream(parts);
  /** By id, of this process only. */
  const usedAt = new Map<string, EpochMs>();

  const shown = ({ hash: _hash, ...token }: Token): ShownToken => {
    const lastUsedAt = usedAt.get(token.id);
    return lastUsedAt === undefined ? token : { ...token, lastUsedAt };
  };
  const known = (id: string): ShownToken => {
    const token = stream.now().byId.get(id);
    if (token === undefined) throw new Error('a token that was just written is not there');
    return shown(token);
  };
  const creation = (wish: TokenWish, fact: () => JsonObject) => (tokens: Tokens) => {
    const problem = cannotCreate(wish, tokens, doors, clock.now());
    return problem === undefined ? ok({ type: 'TokenCreated', data: fact() }) : fail(problem);
  };
  const revocation = (id: string, reason: string) => (tokens: Tokens) =>
    revoked(id, reason, tokens, doors, clock.now());

  return {
    catchUp: () => stream.catchUp(),
    find(text) {
      const parsed = parseToken(text);
      const token = parsed === undefined ? undefined : stream.now().byId.get(parsed.id);
      const isSame = isSecretOf(parsed?.secret ?? '', token?.hash);
      if (!isSame || token === undefined || !lives(token, clock.now())) return undefined;
      usedAt.set(token.id, clock.now());
      return shown(token);
    },
    isLive(id) {
      const token = stream.now().byId.get(id);
      return token !== undefined && lives(token, clock.now());
    },
    onChange: (listener) => {
      stream.onChange(listener);
    },
    list: () => standing(stream.now()).map(shown),
    isEmpty: () => standing(stream.now()).length === 0 && stream.now().unknown === undefined,
    async create(wish, by) {
      const { text, id, hash } = mintToken(parts.secretBytes, (each) =>
        stream.now().byId.has(each),
      );
      const fact = (): JsonObject => created(wish, { id, hash, createdBy: by.actor }, clock.now());
      const written = await stream.write(creation(wish, fact), by);
      return written.ok ? ok({ token: known(id), text }) : written;
    },
    async revoke(id, by) {
      const written = await stream.write(revocation(id, by.reason ?? ''), by);
      if (!written.ok) return written;
      usedAt.delete(id);
      return ok({ token: known(id), changed: written.value });
    },
    planCreate(wish) {
      const blank = { id: '', hash: '', createdBy: '' };
      return planned(creation(wish, () => created(wish, blank, clock.now()))(stream.now()));
    },
    planRevoke: (id) => planned(revocation(id, '')(stream.now())),
  };
}

function created(
  { name, role, expiresAt: expiresAtMs }: TokenWish,
  drawn: Pick<TokenCreated, 'id' | 'hash' | 'createdBy'>,
  now: EpochMs,
): JsonObject {
  return TokenCreated.toJSON({ atMs: now, name, role, ...drawn, expiresAtMs }) as JsonObject;
}

/** No fact: it was revoked before. */
function revoked(
  id: string,
  reason: string,
  tokens: Tokens,
  doors: Doors,
  now: EpochMs,
): Result<TokenFact | undefined, Problem> {
  const token = tokens.byId.get(id);
  if (token === undefined) return fail(tokenNotFound(id));
  if (token.revokedAt !== undefined) return ok(undefined);
  const problem = cannotRevoke(token, tokens, doors, now);
  if (problem !== undefined) return fail(problem);
  const data = TokenRevoked.toJSON({ atMs: now, id, reason }) as JsonObject;
  return ok({ type: 'TokenRevoked', data });
}

function planned(
  decided: Result<TokenFact | undefined, Problem>,
): Result<readonly PlannedFact[], Problem> {
  if (!decided.ok) return decided;
  return ok(decided.value === undefined ? [] : [{ stream: TOKENS_STREAM, ...decided.value }]);
}

function tokenNotFound(id: string): Problem {
  const detail = 'no token has this id; GET /tokens lists those that stand';
  return { code: 'token_not_found', subject: id, detail };
}
