/** What `call` does around every command: waiting, repeating, telling the trail. */
import { Type } from '@sinclair/typebox';
import { describe, expect, it } from 'vitest';
import { answer } from '../../src/gateway/answer.js';
import type { Outcome } from '../../src/gateway/answer.js';
import { reachOf } from '../../src/gateway/api.js';
import { call } from '../../src/gateway/call.js';
import { operation } from '../../src/gateway/operation.js';
import type { AnyOperation, Caller, Writes } from '../../src/gateway/operation.js';
import { silentLogger } from '../../src/kernel/observe.js';
import { settle } from '../support/clock.js';
import { world } from '../support/gateway-fakes.js';

const caller: Caller = {
  correlationId: 'r1',
  actor: 'token:ops',
  role: 'operator',
  interface: 'rest',
  address: '10.0.0.1',
};
const AUDITED: Writes = { facts: ['CollectorEnabled'], audit: 'every-call' };

function command(
  handler: (caller: Caller) => Outcome | Promise<Outcome>,
  writes: Writes = AUDITED,
): AnyOperation {
  return operation({
    name: 'doSomething',
    summary: 'Does something.',
    role: 'operator',
    input: Type.Object({ name: Type.String(), reason: Type.Optional(Type.String()) }),
    output: Type.Object({}),
    writes,
    rest: { method: 'POST', path: '/something', query: [] },
    handler: (_input, _reach, by) => handler(by),
  });
}

function bench() {
  const made = world();
  const reach = reachOf(made);
  const run = (what: AnyOperation, more: Partial<Caller> = {}): Promise<Outcome> =>
    Promise.resolve(
      call(what, { name: 'moralis', reason: 'why' }, reach, { ...caller, ...more }, silentLogger),
    );
  return { ...made, world: made, run };
}

const changing = command(() => answer({ done: true }, { changed: true }));
const idle = command(() => answer({ done: true }, { changed: false }));
const failing = command(() => ({ ok: false, error: { code: 'illegal_state', detail: 'no' } }));

describe('an operation that writes facts', () => {
  it('does not compile without saying how it is audited', () => {
    // @ts-expect-error: `audit` is missing.
    const unaudited: Writes = { facts: ['CollectorEnabled'] };
    // @ts-expect-error: an exception needs its reason.
    const unexplained: Writes = { facts: ['CollectorEnabled'], audit: 'never' };
    expect([unaudited, unexplained]).toHaveLength(2);
  });
});

describe('the trail', () => {
  it('has what changed nothing before it is answered, and leaves changes to their facts', async () => {
    const { run, trail } = bench();
    expect(await run(changing)).toMatchObject({ ok: true });
    expect(trail.answers).toEqual([]);
    await run(idle);
    expect(trail.answers).toMatchObject([
      {
        outcome: 'no_op',
        operation: 'doSomething',
        target: 'moralis',
        who: { actor: 'token:ops', address: '10.0.0.1', reason: 'why' },
      },
    ]);
  });

  it('has an answer of which nobody knows whether it changed anything', async () => {
    const { run, trail } = bench();
    await run(command(() => answer({})));
    expect(trail.answers).toMatchObject([{ outcome: 'success' }]);
  });

  it('has refusals, thrown ones too, and those of a dry run', async () => {
    const { run, trail } = bench();
    await run(failing);
    await run(
      command(() => {
        throw new Error('our bug');
      }),
    );
    await run(failing, { guards: { dryRun: true } });
    const codes = trail.refusals.map(({ problem }) => problem.code);
    expect(codes).toEqual(['illegal_state', 'internal', 'illegal_state']);
    expect(trail.refusals[0]).toMatchObject({ who: { target: 'moralis', actor: 'token:ops' } });
  });

  it('has nothing of a dry run that would have gone through', async () => {
    const { run, trail } = bench();
    await run(idle, { guards: { dryRun: true, key: 'k' } });
    expect([trail.answers, trail.refusals]).toEqual([[], []]);
  });

  it('has single calls of no operation that is recorded otherwise', async () => {
    const { run, trail } = bench();
    const counted = { facts: ['UsageReported'], audit: { instead: 'they are counted' } } as const;
    await run(command(() => answer({}), counted));
    expect(trail.answers).toEqual([]);
  });

  it('that takes nothing lets no no-op through unrecorded', async () => {
    const { run, trail } = bench();
    trail.broken = true;
    expect(await run(idle)).toMatchObject({ error: { code: 'journal_unavailable' } });
    expect(await run(command(() => answer({})))).toMatchObject({
      error: { code: 'outcome_unknown' },
    });
    expect(await run(changing)).toMatchObject({ ok: true });
  });
});

describe('a caller', () => {
  const never = command(() => new Promise<Outcome>(() => undefined));

  it('waits no longer than its deadline', async () => {
    const { run, world: made } = bench();
    const going = run(never, { waitMaxMs: 50 });
    await settle();
    await made.clock.advance(49);
    await made.clock.advance(1);
    expect(await going).toMatchObject({ error: { code: 'outcome_unknown' } });
    expect(made.clock.pending()).toBe(0);
  });

  it('that goes away is waited for by nobody, and its command goes on', async () => {
    const { run, world: made } = bench();
    const gone = new AbortController();
    let isDone = false;
    const slow = command(async () => {
      await settle();
      isDone = true;
      return answer({}, { changed: true });
    });
    const going = run(slow, { signal: gone.signal });
    gone.abort();
    expect(await going).toMatchObject({ error: { code: 'outcome_unknown' } });
    expect(made.clock.pending()).toBe(0);
    await settle();
    await settle();
    expect(isDone).toBe(true);
  });

  it('that repeats a key waits within its own deadline, and the first has its answer', async () => {
    const { run, world: made } = bench();
    let finish: (outcome: Outcome) => void = () => undefined;
    const held = command(
      () =>
        new Promise<Outcome>((resolve) => {
          finish = resolve;
        }),
    );
    const guards = { key: 'k' };
    const first = run(held, { guards });
    const second = run(held, { guards, waitMaxMs: 10 });
    await settle();
    await made.clock.advance(10);
    expect(await second).toMatchObject({ error: { code: 'outcome_unknown' } });
    finish(answer({ n: 1 }, { changed: true }));
    expect(await first).toMatchObject({ value: { text: '{"n":1}' } });
    const again = await run(held, { guards });
    expect(again).toMatchObject({ value: { text: '{"n":1}' } });
  });

  it('is known to the command by one identity', async () => {
    const { run } = bench();
    const seen: Caller[] = [];
    const watching = command((by) => {
      seen.push(by);
      return answer({}, { changed: true });
    });
    await run(watching);
    await run(watching, { guards: { key: 'k' } });
    expect(seen.map(({ command: as }) => as?.operation)).toEqual(['doSomething', 'doSomething']);
    expect(seen[0]?.command?.hash).toBeUndefined();
    expect(seen[1]?.command?.hash).toMatch(/^[0-9a-f]{64}$/);
    expect(new Set(seen.map(({ command: as }) => as?.id)).size).toBe(2);
  });
});
