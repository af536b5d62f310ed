import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Outcome } from '../../src/gateway/answer.js';
import { flights } from '../../src/gateway/idempotency/flights.js';
import { commandHash, commandIdOf, keyProblem } from '../../src/gateway/idempotency/key.js';
import { keyedCommands, type KeyedAsk } from '../../src/gateway/idempotency/keyed.js';
import type { KnownCommand } from '../../src/projections/views.js';
import { virtualClock } from '../support/clock.js';
import { heardTrail } from '../support/gateway-trail.js';

const ask = (more: Partial<KeyedAsk> = {}): KeyedAsk => ({
  key: 'k',
  operation: 'disableCollector',
  input: { name: 'moralis' },
  target: 'moralis',
  who: { actor: 'token:ops', interface: 'rest', address: '10.0.0.1', correlationId: 'c' },
  ...more,
});

const done = (text: string): Outcome => ({ ok: true, value: { text, shared: false } });
const refused: Outcome = { ok: false, error: { code: 'illegal_state', detail: 'no' } };

/** The index shows what it is told to; positions are counted by hand. */
function bench() {
  const clock = virtualClock();
  const shown = { position: 0, isLevel: true, awaited: [] as number[] };
  const known = new Map<string, KnownCommand>();
  const trail = Object.assign(
    heardTrail(() => 5),
    { beganAt: 3 },
  );
  const keyed = keyedCommands({
    views: {
      position: () => shown.position,
      caughtUp(position) {
        shown.awaited.push(position);
        return Promise.resolve(shown.isLevel);
      },
      command: (id) => known.get(id),
    },
    trail,
    clock,
    limits: { commandWaitMs: 1000 },
  });
  return { keyed, trail, known, shown };
}

describe('a keyed command', () => {
  it('is carried out once for all who ask meanwhile and until the index has its answer', async () => {
    const { keyed, trail, shown } = bench();
    let attempts = 0;
    const run = () => keyed.run(ask(), () => Promise.resolve(done(String((attempts += 1)))));
    const told = await Promise.all([run(), run(), run()]);
    expect(told).toEqual([done('1'), done('1'), done('1')]);
    shown.position = 4;
    expect(await run()).toEqual(done('1'));
    expect(trail.answers).toHaveLength(1);
    expect(trail.answers[0]).toMatchObject({ outcome: 'success', answer: { text: '1' } });
  });

  it('that was refused is refused to all who wait, and then forgotten', async () => {
    const { keyed, trail } = bench();
    let attempts = 0;
    const run = () =>
      keyed.run(ask(), () => Promise.resolve((attempts += 1) === 1 ? refused : done('now')));
    expect(await Promise.all([run(), run()])).toEqual([refused, refused]);
    expect(await run()).toEqual(done('now'));
    expect(trail.answers).toHaveLength(1);
  });

  it('with another payload under the same key is a conflict, in flight and remembered', async () => {
    const { keyed, known } = bench();
    const other = ask({ input: { name: 'historical' } });
    const conflict = { ok: false, error: { code: 'idempotency_conflict' } };
    const nobody = () => expect.fail('carried out');
    const first = keyed.run(ask(), () => Promise.resolve(done('1')));
    expect(await keyed.run(other, nobody)).toMatchObject(conflict);
    await first;
    const key = ask({ key: 'old' });
    const id = commandIdOf(key.who.actor, 'old');
    known.set(id, { at: 0, hash: 'of another', answer: { text: 'x' }, streams: [] });
    expect(await keyed.run(key, nobody)).toMatchObject(conflict);
  });

  it('that wrote before a crash and was not answered is carried out beside what it wrote', async () => {
    const { keyed, known, trail } = bench();
    const { operation, input, who } = ask();
    const id = commandIdOf(who.actor, 'k');
    const streams = ['breaker-moralis'];
    known.set(id, { at: 0, hash: commandHash(operation, input), answer: null, streams });
    const outcome = await keyed.run(ask(), (as) => {
      expect(as).toMatchObject({ id, doneIn: streams });
      return Promise.resolve(done('1'));
    });
    expect(outcome).toEqual(done('1'));
    expect(trail.answers[0]).toMatchObject({ commandId: id });
  });

  it('is not decided before the index knows what the process before it answered', async () => {
    const { keyed, shown } = bench();
    shown.isLevel = false;
    const outcome = await keyed.run(ask(), () => expect.fail('carried out'));
    expect(outcome).toMatchObject({ error: { code: 'view_behind' } });
  });

  it('that failed is not tried again before the index shows what it may have written', async () => {
    const { keyed, shown } = bench();
    shown.position = 4;
    await keyed.run(ask(), () => Promise.resolve(refused));
    expect(shown.awaited).toEqual([]);
    await keyed.run(ask(), () => Promise.resolve(done('1')));
    expect(shown.awaited).toEqual([5]);
  });

  it('whose answer cannot be kept is of unknown outcome to its caller', async () => {
    const { keyed, trail } = bench();
    trail.broken = true;
    const outcome = await keyed.run(ask(), () => Promise.resolve(done('1')));
    expect(outcome).toMatchObject({ error: { code: 'outcome_unknown' } });
  });

  it('of two principals with the same key are two commands', async () => {
    const { keyed } = bench();
    const other = ask({ who: { ...ask().who, actor: 'token:dev' } });
    const told = [
      await keyed.run(ask(), () => Promise.resolve(done('ops'))),
      await keyed.run(other, () => Promise.resolve(done('dev'))),
    ];
    expect(told).toEqual([done('ops'), done('dev')]);
  });
});

describe('an idempotency key', () => {
  it('has 1 to 200 characters of visible ASCII', () => {
    expect(['a', '~'.repeat(200), 'x/y:{}"'].map(keyProblem)).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    for (const key of ['', 'a b', 'ä', 'a\n', '\u007f', 'x'.repeat(201)]) {
      expect(keyProblem(key)?.code).toBe('invalid_input');
    }
  });

  it('names another command for each principal and key, whatever they contain', () => {
    const texts = fc.string({ unit: 'binary', maxLength: 12 });
    const slashes = fc.stringMatching(/^[a/%2F]{0,6}$/);
    const pair = fc.tuple(fc.oneof(texts, slashes), fc.oneof(slashes, fc.constant('k')));
    const wellFormed = (text: string): string => text.replaceAll(/\p{Surrogate}/gu, '\uFFFD');
    fc.assert(
      fc.property(pair, pair, ([actor, key], [actor2, key2]) => {
        const isSame = wellFormed(actor) === wellFormed(actor2) && key === key2;
        expect(commandIdOf(actor, key) === commandIdOf(actor2, key2)).toBe(isSame);
      }),
    );
    expect(commandIdOf('jwt:a/b', 'c')).not.toBe(commandIdOf('jwt:a', 'b/c'));
  });

  it('hashes the same payload the same, in whatever order its members came', () => {
    expect(commandHash('o', { a: 1, b: [2] })).toBe(commandHash('o', { b: [2], a: 1 }));
    expect(commandHash('o', { a: 1 })).not.toBe(commandHash('o', { a: 2 }));
    expect(commandHash('o', { a: 1 }, '1.0.0')).not.toBe(commandHash('o', { a: 1 }));
    expect(commandHash('o', {})).not.toBe(commandHash('p', {}));
  });
});

describe('the table of flights', () => {
  it('never holds more than its maximum, and forgets what the views show', async () => {
    let shown = 0;
    const table = flights(() => shown, 2);
    const open = (id: string, position?: number) =>
      table.open(id, 'h', () =>
        Promise.resolve({ outcome: done(id), ...(position === undefined ? {} : { position }) }),
      );
    await open('a', 5)?.outcome;
    await open('b', 7)?.outcome;
    expect(open('c', 8)).toBeUndefined();
    shown = 6;
    expect(table.find('a')).toBeUndefined();
    expect(table.find('b')?.hash).toBe('h');
    await open('refused')?.outcome;
    expect(table.size()).toBe(1);
  });
});
