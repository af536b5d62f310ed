/**
 * Tokens while no service runs: the first one is made before anything listens beyond this machine. Whoever
 * can write the journal's file may do this; no token is asked for.
 */
import type { Journal } from '../../journal/port.js';
import type { Random } from '../../kernel/random.js';
import type { SecretBytes } from '../../kernel/secret-bytes.js';
import type { Clock } from '../../kernel/time.js';
import { withoutTokens } from '../../kernel/token-shapes.js';
import type { DurationMs, Result } from '../../kernel/types.js';
import type { Role } from './roles.js';
import type { Problem } from '../problems.js';
import { openTokenBook } from './token-book.js';
import type { Created, Revoked, ShownToken, TokenBook } from './token-book.js';
import type { TokenWriter } from './token-stream.js';

export type OfflineParts = {
  readonly clock: Clock;
  readonly random: Random;
  readonly secretBytes: SecretBytes;
  /** Name of this node, for the facts' metadata. */
  readonly node: string;
};

export type OfflineWish = {
  readonly name: string;
  readonly role: Role;
  /** Absent: it never expires. */
  readonly ttlMs?: DurationMs;
  readonly reason?: string;
};

/**
 * Makes a token; its text is in the answer and nowhere else.
 * @throws {JournalUnavailable} it was not written.
 */
export async function createTokenOffline(
  journal: Journal,
  { name, role, ttlMs, reason }: OfflineWish,
  parts: OfflineParts,
): Promise<Result<Created, Problem>> {
  const book = await bookOf(journal, parts);
  const until = ttlMs === undefined ? {} : { expiresAt: parts.clock.now() + ttlMs };
  return book.create({ name, role, ...until }, writer('createToken', reason, parts));
}

/** Revokes a token by its id. @throws {JournalUnavailable} it was not written. */
export async function revokeTokenOffline(
  journal: Journal,
  { id, reason }: { readonly id: string; readonly reason?: string },
  parts: OfflineParts,
): Promise<Result<Revoked, Problem>> {
  const book = await bookOf(journal, parts);
  return book.revoke(id, writer('revokeToken', reason, parts));
}

/** The tokens that stand, oldest first. */
export async function listTokensOffline(
  journal: Journal,
  parts: OfflineParts,
): Promise<readonly ShownToken[]> {
  return (await bookOf(journal, parts)).list();
}

/** Nothing listens: the last token may go. Whether an issuer is configured is not known here. */
function bookOf(journal: Journal, { clock, secretBytes, node }: OfflineParts): Promise<TokenBook> {
  const doors = { hasJwt: false, mayStandOpen: true };
  return openTokenBook({ journal, clock, secretBytes, node, doors });
}

function writer(operation: string, reason: string | undefined, parts: OfflineParts): TokenWriter {
  const id = parts.random.uuid();
  return {
    commandId: id,
    correlationId: id,
    actor: 'local',
    interface: 'cli',
    operation,
    // No edge has looked at it.
    ...(reason === undefined ? {} : { reason: withoutTokens(reason) }),
  };
}
