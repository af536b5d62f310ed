/** Watching collectors: a thousand that change, two hundred who watch, half of them never reading. */
import { setMaxListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { reachOf } from '../../src/gateway/index.js';
import type { Caller, Reach, StreamItem } from '../../src/gateway/operation.js';
import { watchCollectors } from '../../src/gateway/streams/watch-collectors.js';
import { settle } from '../support/clock.js';
import { world, type World } from '../support/gateway-fakes.js';

const CALLER = { correlationId: 'c', actor: 'test', role: 'viewer' } as unknown as Caller;

type Value = {
  readonly kind: string;
  readonly position: number;
  readonly collector?: { readonly name: string; readonly enabled: boolean };
};
type Watch = AsyncIterator<StreamItem>;

async function watch(reach: Reach, input: object, stop: AbortController): Promise<Watch> {
  const opened = await watchCollectors.open(input as never, reach, CALLER, stop.signal);
  if (!opened.ok) throw new Error(opened.error.detail);
  return opened.value[Symbol.asyncIterator]();
}

const valueOf = (item: StreamItem): Value => item.value as Value;

/** Items until a kind came, that one included. */
async function take(stream: Watch, kind: string): Promise<readonly StreamItem[]> {
  const items: StreamItem[] = [];
  for (;;) {
    const next = await stream.next();
    if (next.done === true) return items;
    items.push(next.value);
    if (next.value.kind === kind) return items;
  }
}

/** The newest state per collector, until it is the wanted one of all. */
async function seeAll(stream: Watch, wanted: ReadonlyMap<string, boolean>): Promise<number> {
  const open = new Map(wanted);
  let items = 0;
  while (open.size > 0) {
    const next = await stream.next();
    if (next.done === true) throw new Error('the watch has ended');
    items += 1;
    const { collector } = valueOf(next.value);
    if (collector !== undefined && open.get(collector.name) === collector.enabled) {
      open.delete(collector.name);
    }
  }
  return items;
}

function enabled(made: World, name: string, to: boolean): void {
  made.edit(name, (docs) => ({
    ...docs,
    collector: { ...docs.collector, desired: { ...docs.collector.desired, enabled: to } },
  }));
}

const NAMES = Array.from({ length: 1000 }, (_, i) => `c${String(i).padStart(4, '0')}`);

describe('two hundred watchers of a thousand collectors', () => {
  it('half never reading: the others see every final state, all of them the same objects', async () => {
    const made = world(NAMES);
    const reach = reachOf(made);
    const stop = new AbortController();
    setMaxListeners(1000, stop.signal);
    const open = (): Promise<Watch> => watch(reach, {}, stop);
    const live = await Promise.all(Array.from({ length: 100 }, open));
    const stalled = await Promise.all(Array.from({ length: 100 }, open));
    for (const stream of stalled) await stream.next();
    const snapshots = await Promise.all(live.map((each) => take(each, 'snapshot_complete')));
    expect(snapshots[0]).toHaveLength(NAMES.length + 1);
    expect(snapshots[99]?.[500]).toBe(snapshots[0]?.[500]);

    const before = made.lookups();
    const final = new Map(NAMES.map((name) => [name, false]));
    const waiting = live.map((stream) => seeAll(stream, final));
    for (let round = 0; round < 20; round += 1) {
      for (const name of NAMES) enabled(made, name, round % 2 === 0);
      await settle();
    }
    const items = await Promise.all(waiting);
    // A change is put into words once, however many watch: twice where it was not the last that waited.
    const made20 = made.lookups() - before;
    expect(made20).toBeLessThanOrEqual(2 * 2 * 20 * NAMES.length);
    for (const count of items) expect(count).toBeLessThanOrEqual(21 * NAMES.length);

    // A stalled one was given nothing meanwhile, and goes on with one item per collector at most.
    const [late] = stalled;
    if (late === undefined) return expect.fail('nobody is stalled');
    const rest = await take(late, 'snapshot_complete');
    expect(rest.length).toBeLessThanOrEqual(NAMES.length);
    const caughtUp = new Map(
      rest.flatMap(({ value }) => {
        const { collector } = value as Value;
        return collector === undefined ? [] : [[collector.name, collector.enabled] as const];
      }),
    );
    expect([...caughtUp.values()].every((each) => !each)).toBe(true);
    expect(reach.collectorFeed.watchers()).toBe(200);
    stop.abort();
    expect(reach.collectorFeed.watchers()).toBe(0);
  });
});

describe('a watch', () => {
  it('is resumed at the position of what it saw last, and told only what changed since', async () => {
    const made = world(['a', 'b', 'c']);
    const reach = reachOf(made);
    const stop = new AbortController();
    const first = await watch(reach, {}, stop);
    await take(first, 'snapshot_complete');
    enabled(made, 'a', false);
    await settle();
    const [changed] = await take(first, 'changed');
    const position = Number(changed?.id);
    await first.return?.();
    enabled(made, 'b', false);
    await settle();
    const again = await watch(reach, { after_position: position }, stop);
    const told = await take(again, 'heartbeat');
    expect(told.map(({ kind, value }) => [kind, (value as Value).collector?.name])).toEqual([
      ['changed', 'b'],
      ['heartbeat', undefined],
    ]);
    stop.abort();
  });

  it('F3: gives a position only with the last of what waits, so that a cut loses nothing', async () => {
    const made = world(['a', 'b', 'c']);
    const reach = reachOf(made);
    const stop = new AbortController();
    const first = await watch(reach, {}, stop);
    const complete = (await take(first, 'snapshot_complete')).at(-1);
    for (const name of ['a', 'b', 'c']) enabled(made, name, false);
    await settle();
    const cut = (await first.next()).value as StreamItem;
    expect([cut.id, valueOf(cut).position]).toEqual(['', 0]);
    const from = Number(complete?.id);
    const again = await watch(reach, { after_position: from }, stop);
    const told = await take(again, 'heartbeat');
    expect(told.slice(0, -1).map((item) => valueOf(item).collector?.name)).toEqual(['a', 'b', 'c']);
    expect(told.slice(0, -1).map(({ id }) => id !== '')).toEqual([false, false, true]);
    stop.abort();
  });

  it('F4: of a position this process does not know it begins with everything', async () => {
    const made = world(['a', 'b']);
    const reach = reachOf(made);
    const stop = new AbortController();
    for (const after of [1, 10_000]) {
      const stream = await watch(reach, { after_position: after }, stop);
      const told = await take(stream, 'snapshot_complete');
      expect(told.map(({ kind }) => kind)).toEqual(['snapshot', 'snapshot', 'snapshot_complete']);
    }
    stop.abort();
  });

  it('tells only of those it was asked for, and says now and then that it lives', async () => {
    const made = world(['a', 'b']);
    const reach = reachOf(made);
    const stop = new AbortController();
    const stream = await watch(reach, { names: ['b'] }, stop);
    const told = await take(stream, 'snapshot_complete');
    expect(told.map((item) => valueOf(item).collector?.name)).toEqual(['b', undefined]);
    enabled(made, 'a', false);
    const next = stream.next();
    await made.clock.advance(15_000);
    expect(((await next).value as StreamItem).kind).toBe('heartbeat');
    stop.abort();
    expect((await stream.next()).done).toBe(true);
    expect(made.clock.pending()).toBe(0);
  });
});
