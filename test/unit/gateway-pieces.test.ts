/** What the caching of status pages promises: G1 to G3 of gateway/pieces.ts, and the pages made of it. */
import { describe, expect, it } from 'vitest';
import { pieces } from '../../src/gateway/pieces.js';
import { nameOfToken, statusPages, tokenOf } from '../../src/gateway/status-pages.js';
import { virtualClock } from '../support/clock.js';
import { world } from '../support/gateway-fakes.js';

function kept() {
  const clock = virtualClock();
  const state = { names: ['b', 'a'] as string[], changes: new Map<string, number>(), made: 0 };
  const source = {
    names: () => state.names,
    changes: (name: string) => state.changes.get(name) ?? 0,
    clock,
    maxAgeMs: 1000,
  };
  const list = pieces<number>(source, (name) => {
    if (!state.names.includes(name)) return undefined;
    state.made += 1;
    return { text: `"${name}":${String(state.made)}`, told: state.made };
  });
  return { clock, state, list };
}

describe('pieces', () => {
  it('G1: a piece is made again after a change, and not before', () => {
    const { state, list } = kept();
    const first = list.get('a');
    expect(list.get('a')).toBe(first);
    state.changes.set('a', 1);
    expect(list.get('a')).not.toBe(first);
    expect(state.made).toBe(2);
  });

  it('G1: a piece is made again when it is as old as it may be', async () => {
    const { clock, list } = kept();
    const first = list.get('a');
    await clock.advance(999);
    expect(list.get('a')).toBe(first);
    await clock.advance(1);
    expect(list.get('a')).not.toBe(first);
  });

  it('G2: a name that went has no piece, and comes back with a new one', () => {
    const { state, list } = kept();
    list.get('a');
    state.names = ['b'];
    expect(list.all().map(({ name }) => name)).toEqual(['b']);
    expect(list.get('a')).toBeUndefined();
    state.names = ['a', 'b'];
    expect(list.all().map(({ name }) => name)).toEqual(['a', 'b']);
  });

  it('G3: the list is the same array until one of its pieces is another', async () => {
    const { clock, state, list } = kept();
    const first = list.all();
    expect(list.all()).toBe(first);
    state.changes.set('b', 1);
    const second = list.all();
    expect(second).not.toBe(first);
    expect(second[0]).toBe(first[0]);
    expect(state.made).toBe(3);
    await clock.advance(1000);
    expect(list.all()).not.toBe(second);
  });

  it('G3: an empty list grows old too', async () => {
    const { clock, state, list } = kept();
    state.names = [];
    const first = list.all();
    expect(list.all()).toBe(first);
    await clock.advance(1000);
    expect(list.all()).not.toBe(first);
  });
});

describe('the list of collectors', () => {
  const names = ['c', 'a', 'e', 'b', 'd'];
  const listed = (text: string) =>
    JSON.parse(text) as {
      collectors: Record<string, object>;
      total_count: number;
      next_page_token: string | null;
    };

  it('is the same answer for as long as nothing changed', async () => {
    const made = world(names);
    const pages = statusPages(made);
    const first = pages.list({}, undefined);
    expect(pages.list({}, undefined)).toBe(first);
    const lookups = made.lookups();
    pages.list({}, undefined);
    expect(made.lookups()).toBe(lookups);
    made.edit('a', (docs) => ({ ...docs, revision: 4 }));
    expect(pages.list({}, undefined)).not.toBe(first);
    expect(made.lookups()).toBe(lookups + 1);
    await made.clock.advance(1000);
    const old = pages.list({}, undefined);
    expect(listed(old.text)).toHaveProperty('timestamp', '2026-01-05T12:00:01.000Z');
  });

  it('pages by name without missing or repeating one, and counts them all', () => {
    const pages = statusPages(world(names));
    const seen: string[] = [];
    let after: string | undefined;
    for (let round = 0; round < 3; round += 1) {
      const page = listed(pages.list({ page_size: 2 }, after).text);
      expect(page.total_count).toBe(5);
      seen.push(...Object.keys(page.collectors));
      after = page.next_page_token === null ? undefined : nameOfToken(page.next_page_token);
    }
    expect(after).toBeUndefined();
    expect(seen).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(listed(pages.list({}, 'zzz').text).collectors).toEqual(
      listed(pages.list({}, undefined).text).collectors,
    );
  });

  it('filters by state, type, status and part of the name', () => {
    const made = world(names);
    made.edit('a', (docs) => ({
      ...docs,
      collector: {
        ...docs.collector,
        type: 'social',
        desired: { ...docs.collector.desired, enabled: false },
        suspended: { cause: 'auth', detail: '', since: 0, nextTry: null },
      },
    }));
    const pages = statusPages(made);
    const found = (filter: Parameters<typeof pages.list>[0]) =>
      Object.keys(listed(pages.list(filter, undefined).text).collectors);
    expect(found({ state: 'disabled' })).toEqual(['a']);
    expect(found({ state: 'suspended' })).toEqual(['a']);
    expect(found({ state: 'enabled' })).toEqual(['b', 'c', 'd', 'e']);
    expect(found({ state: 'idle', q: 'B' })).toEqual(['b']);
    expect(found({ state: 'collecting' })).toEqual([]);
    expect(found({ type: 'social' })).toEqual(['a']);
    expect(found({ status: 'failed' })).toEqual([]);
    expect(found({ status: 'healthy', type: 'onchain' })).toEqual(['b', 'c', 'd', 'e']);
  });

  it('knows its own page tokens', () => {
    expect(nameOfToken(tokenOf('moralis'))).toBe('moralis');
    expect(nameOfToken('!!')).toBeUndefined();
    expect(nameOfToken('_-_-')).toBeUndefined();
  });
});
