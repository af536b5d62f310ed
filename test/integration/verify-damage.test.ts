/** The journal asked about itself: pages that end before a position, and damage that is named. */
import { afterEach, describe, expect, it } from 'vitest';
import { served } from '../support/gateway-http.js';
import type { Served } from '../support/gateway-http.js';
import { world } from '../support/gateway-fakes.js';
import { walkOver } from '../../src/app/walk.js';
import { eventLine } from '../../src/gateway/shapes/event-line.js';
import type { StoredEvent } from '../../src/journal/port.js';
import type { JsonObject } from '../../src/kernel/types.js';

let at: Served;
afterEach(() => at.close());

/** A world whose journal has so many facts of tokens. */
async function filled(count: number) {
  const made = world();
  for (let i = 0; i < count; i += 1) {
    const id = made.random.uuid();
    const by = { commandId: id, correlationId: id, actor: 'local', interface: 'cli' };
    const told = await made.tokens.create({ name: `t${String(i)}`, role: 'admin' }, by);
    if (!told.ok) throw new Error(told.error.detail);
  }
  return made;
}

/** The same journal with one fact that is not what was written. */
function damaged(made: ReturnType<typeof world>, position: number) {
  const { journal } = made;
  const bent = (event: StoredEvent): StoredEvent =>
    event.position === position ? { ...event, data: { ...event.data, role: 'viewer' } } : event;
  return {
    ...journal,
    readAll: async (...asked: Parameters<typeof journal.readAll>) => {
      const page = await journal.readAll(...asked);
      return { ...page, events: page.events.map(bent) };
    },
  };
}

describe('GET /audit/verify', () => {
  it('finds a journal whole that is, and names the first damage of one that is not', async () => {
    const made = await filled(5);
    at = await served({}, { ...made, walk: walkOver(made.journal) });
    expect((await at.get('/audit/verify')).body).toMatchObject({ valid: true, faults: [] });
    await at.close();
    at = await served({}, { ...made, walk: walkOver(damaged(made, 3)) });
    const { status, body } = await at.get('/audit/verify');
    expect(status).toBe(200);
    expect(body).toMatchObject({
      valid: false,
      events: 5,
      faults: [{ stream: 'settings-tokens', revision: 2, position: 3 }],
    });
  });
});

describe('GET /events', () => {
  it('ends before a position, says so, and goes on from there', async () => {
    const made = await filled(5);
    at = await served({}, made);
    const page = async (query: string) => {
      const { body } = await at.get(`/events?${query}`);
      const lines = body['events'] as readonly { position: number; data: JsonObject }[];
      return { body, positions: lines.map(({ position }) => position) };
    };
    const before = await page('before_position=4');
    expect(before.positions).toEqual([1, 2, 3]);
    expect(before.body).toMatchObject({ next_after: 3, at_end: true });
    const some = await page('before_position=4&limit=2');
    expect([some.positions, some.body['at_end']]).toEqual([[1, 2], false]);
    expect((await page('after_position=2&before_position=4')).positions).toEqual([3]);
    expect((await page('after_position=3&before_position=4')).positions).toEqual([]);
    expect((await page('after_position=3')).positions).toEqual([4, 5]);
  });

  it('hides a token’s hash, and nothing else of its fact', async () => {
    const made = await filled(1);
    at = await served({}, made);
    const [stored] = (await made.journal.readAll(0, {}, 1)).events;
    if (stored === undefined) throw new Error('nothing was written');
    const { hash, ...rest } = stored.data;
    expect(hash).toMatch(/^[0-9a-f]{64}$/);
    expect(eventLine(stored).data).toEqual({ ...rest, hash: '(hidden)' });
    expect((await at.get('/events')).text).not.toContain(JSON.stringify(hash));
  });
});
