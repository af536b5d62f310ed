/** Tokens: how they look, which may be made and revoked, and what of them is kept. */
import { describe, expect, it } from 'vitest';
import { openTokenBook } from '../../src/gateway/auth/token-book.js';
import type { TokenBook } from '../../src/gateway/auth/token-book.js';
import { TOKENS_STREAM } from '../../src/gateway/auth/token-fold.js';
import { hashOf, isSecretOf, mintToken, parseToken } from '../../src/gateway/auth/token-text.js';
import { createTokenOffline, listTokensOffline } from '../../src/gateway/auth/offline.js';
import { followTokens } from '../../src/gateway/auth/token-feed.js';
import { memoryJournal } from '../../src/journal/index.js';
import type { Journal, NewEvent } from '../../src/journal/port.js';
import { silentLogger } from '../../src/kernel/observe.js';
import { seededRandom } from '../../src/kernel/random.js';
import { systemSecretBytes } from '../../src/kernel/secret-bytes.js';
import { holdsToken, withoutTokens } from '../../src/kernel/token-shapes.js';
import { settle, virtualClock } from '../support/clock.js';

const DOORS = { hasJwt: false, mayStandOpen: true };

function parts() {
  const { journal } = memoryJournal();
  const clock = virtualClock();
  const random = seededRandom(1);
  return { journal, clock, random, secretBytes: systemSecretBytes, node: 'n1' };
}

let commands = 0;
const by = () => {
  commands += 1;
  const id = `00000000-0000-4000-8000-${String(commands).padStart(12, '0')}`;
  return { commandId: id, correlationId: id, actor: 'local', interface: 'rest' } as const;
};

async function made(book: TokenBook, name: string, role: 'viewer' | 'operator' | 'admin') {
  const told = await book.create({ name, role }, by());
  if (!told.ok) throw new Error(told.error.detail);
  return told.value;
}

async function stored(journal: Journal) {
  return (await journal.read(TOKENS_STREAM, 0, 100)).events;
}

describe('a token’s text', () => {
  it('is an id and a secret of 256 bits, and is read as it was made', () => {
    const { text, id, hash } = mintToken(systemSecretBytes, () => false);
    expect(text).toMatch(/^hg_[0-9a-f]{12}_[A-Za-z0-9_-]{43}$/);
    const parsed = parseToken(text);
    expect(parsed?.id).toBe(id);
    expect(isSecretOf(parsed?.secret ?? '', hash)).toBe(true);
    expect(hash).not.toContain(parsed?.secret);
  });

  it('is drawn anew where its id was used before', () => {
    const ids: string[] = [];
    const { id } = mintToken(systemSecretBytes, (each) => ids.push(each) < 3);
    expect(ids).toHaveLength(3);
    expect(id).toBe(ids[2]);
  });

  it.each(['', 'hg_', 'hg_0123456789ab_short', 'hg_0123456789AB_', 'x'.repeat(60)])(
    'is not %j',
    (text) => {
      expect(parseToken(text)).toBeUndefined();
    },
  );

  it('is the secret of its hash alone, and of no hash never', () => {
    expect(isSecretOf('a', hashOf('a'))).toBe(true);
    expect(isSecretOf('a', hashOf('b'))).toBe(false);
    expect(isSecretOf('a', undefined)).toBe(false);
    expect(isSecretOf('a', '')).toBe(false);
  });

  it('is recognised wherever it stands, as a JWT is', () => {
    const { text } = mintToken(systemSecretBytes, () => false);
    expect(withoutTokens(`before ${text}, after`)).toBe('before [redacted], after');
    expect(withoutTokens(`/x/${text}?a=${text}`)).toBe('/x/[redacted]?a=[redacted]');
    const jwt = `eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl`;
    expect(withoutTokens(`Bearer ${jwt}`)).toBe('Bearer [redacted]');
    expect(holdsToken('hg_is_no_token, eyJ neither')).toBe(false);
  });
});

describe('a book of tokens', () => {
  it('keeps neither text nor secret: not in the fact, not in what it shows', async () => {
    const all = parts();
    const book = await openTokenBook({ ...all, doors: DOORS });
    const { text } = await made(book, 'ops', 'admin');
    const secret = parseToken(text)?.secret ?? '';
    const events = await stored(all.journal);
    expect(events.map(({ type }) => type)).toEqual(['TokenCreated']);
    expect(events[0]?.data).toMatchObject({ name: 'ops', role: 'admin', createdBy: 'local' });
    expect(events[0]?.data['hash']).toBe(hashOf(secret));
    expect(JSON.stringify([events, book.list()])).not.toContain(secret);
    expect(JSON.stringify(book.list())).not.toContain(hashOf(secret));
  });

  it('knows its tokens after a restart, and those that ended', async () => {
    const all = parts();
    const before = await openTokenBook({ ...all, doors: DOORS });
    const ops = await made(before, 'ops', 'admin');
    const gone = await made(before, 'gone', 'viewer');
    await before.revoke(gone.token.id, { ...by(), reason: 'left' });
    const after = await openTokenBook({ ...all, doors: DOORS });
    expect(after.find(ops.text)).toMatchObject({ name: 'ops', role: 'admin' });
    expect(after.find(gone.text)).toBeUndefined();
    expect(after.list().map(({ name }) => name)).toEqual(['ops']);
    const again = await after.revoke(gone.token.id, by());
    expect(again).toMatchObject({ ok: true, value: { changed: false } });
    expect(await after.revoke('nobody', by())).toMatchObject({
      error: { code: 'token_not_found' },
    });
  });

  it('K2: an expired token opens nothing, neither for its holder nor for everyone', async () => {
    const all = parts();
    const book = await openTokenBook({ ...all, doors: DOORS });
    const expiresAt = all.clock.now() + 1_000;
    const told = await book.create({ name: 'brief', role: 'admin', expiresAt }, by());
    const text = told.ok ? told.value.text : '';
    await all.clock.advance(999);
    expect(book.find(text)).toMatchObject({ name: 'brief', lastUsedAt: all.clock.now() });
    await all.clock.advance(1);
    expect(book.find(text)).toBeUndefined();
    expect(book.isEmpty()).toBe(false);
  });

  it('makes the first token an admin’s, and no two of a name that live', async () => {
    const book = await openTokenBook({ ...parts(), doors: DOORS });
    const early = await book.create({ name: 'v', role: 'viewer' }, by());
    expect(early).toMatchObject({ ok: false, error: { code: 'illegal_state' } });
    const { token } = await made(book, 'a', 'admin');
    await made(book, 'v', 'viewer');
    const twice = await book.create({ name: 'v', role: 'viewer' }, by());
    expect(twice).toMatchObject({ ok: false, error: { code: 'invalid_input' } });
    // The last admin stays while others stand.
    expect(await book.revoke(token.id, by())).toMatchObject({ error: { code: 'illegal_state' } });
    await made(book, 'a2', 'admin');
    expect(await book.revoke(token.id, by())).toMatchObject({ value: { changed: true } });
    await made(book, 'a', 'viewer');
  });

  it('lets the last token of all go only where the service may stand open', async () => {
    for (const mayStandOpen of [true, false]) {
      const book = await openTokenBook({ ...parts(), doors: { hasJwt: false, mayStandOpen } });
      const { token } = await made(book, 'a', 'admin');
      expect((await book.revoke(token.id, by())).ok).toBe(mayStandOpen);
      expect(book.isEmpty()).toBe(mayStandOpen);
    }
  });

  it('leaves the last admin to a JWT issuer, where there is one', async () => {
    const book = await openTokenBook({
      ...parts(),
      doors: { hasJwt: true, mayStandOpen: false },
    });
    const { token } = await made(book, 'v', 'viewer');
    expect((await book.revoke(token.id, by())).ok).toBe(true);
  });

  it('T2: of writers at once each is decided on what the one before it wrote', async () => {
    const all = parts();
    const books = [
      await openTokenBook({ ...all, doors: DOORS }),
      await openTokenBook({ ...all, doors: DOORS }),
    ];
    await made(books[0] as TokenBook, 'admin', 'admin');
    const told = await Promise.all(
      books.map((book) => book.create({ name: 'same', role: 'viewer' }, by())),
    );
    expect(told.filter(({ ok }) => ok)).toHaveLength(1);
    const events = await stored(all.journal);
    expect(events.map(({ data }) => data['name'])).toEqual(['admin', 'same']);
  });

  it('T1: hears what another writer did', async () => {
    const all = parts();
    const book = await openTokenBook({ ...all, doors: DOORS });
    const stop = followTokens(book, await all.journal.head(), { ...all, log: silentLogger });
    const told = await createTokenOffline(all.journal, { name: 'first', role: 'admin' }, all);
    if (!told.ok) throw new Error(told.error.detail);
    while (book.isEmpty()) await settle();
    expect(book.find(told.value.text)).toMatchObject({ role: 'admin' });
    expect(await listTokensOffline(all.journal, all)).toHaveLength(1);
    await stop();
    expect(all.clock.pending()).toBe(0);
  });

  it('takes no name that would not fit into a principal, and no token in a reason, offline too', async () => {
    const all = parts();
    for (const name of ['', 'a b', '-a', 'a:b', 'a'.repeat(64), 'a\nb']) {
      const told = await createTokenOffline(all.journal, { name, role: 'admin' }, all);
      expect(told).toMatchObject({ ok: false, error: { code: 'invalid_input' } });
    }
    const { text } = mintToken(systemSecretBytes, () => false);
    const wish = { name: 'ops', role: 'admin', reason: `instead of ${text}` } as const;
    expect((await createTokenOffline(all.journal, wish, all)).ok).toBe(true);
    const [event] = await stored(all.journal);
    expect(event?.metadata.reason).toBe('instead of [redacted]');
  });

  it('K3: with a fact it does not know it lets in whom it knows, and changes nothing', async () => {
    const all = parts();
    const first = await openTokenBook({ ...all, doors: DOORS });
    const { text } = await made(first, 'ops', 'admin');
    const [event] = await stored(all.journal);
    if (event === undefined) throw new Error('no event');
    const metadata = { ...event.metadata, eventId: '00000000-0000-4000-8000-00000000ffff' };
    const { prevHash: _p, hash: _h, ...rest } = metadata;
    const strange: NewEvent = { type: 'TokenNarrowed', data: { id: 'x' }, metadata: rest };
    await all.journal.append(TOKENS_STREAM, 0, [strange]);
    const book = await openTokenBook({ ...all, doors: DOORS });
    expect(book.find(text)).toMatchObject({ name: 'ops' });
    const told = await book.create({ name: 'more', role: 'admin' }, by());
    expect(told).toMatchObject({ ok: false, error: { code: 'quarantined' } });
    expect((await stored(all.journal)).length).toBe(2);
  });

  it('plans without drawing or writing anything', async () => {
    const all = parts();
    const book = await openTokenBook({ ...all, doors: DOORS });
    const plan = book.planCreate({ name: 'a', role: 'admin' });
    expect(plan).toMatchObject({ value: [{ stream: TOKENS_STREAM, type: 'TokenCreated' }] });
    expect(JSON.stringify(plan)).not.toContain('hash');
    expect(await stored(all.journal)).toEqual([]);
  });
});
