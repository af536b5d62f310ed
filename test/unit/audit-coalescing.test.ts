import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { coalescing, MANY, type Refusal } from '../../src/gateway/audit/coalescing.js';

const NOON = Date.UTC(2026, 0, 5, 12);
const MINUTE = 60_000;

function refusal(more: Partial<Refusal> & { address?: string; actor?: string } = {}): Refusal {
  const { address = '10.0.0.1', actor, ...rest } = more;
  const who = { address, interface: 'rest', correlationId: 'c' } as const;
  return {
    operation: 'enableCollector',
    outcome: 'denied',
    code: 'unauthenticated',
    detail: 'no token',
    who: actor === undefined ? who : { ...who, actor },
    ...rest,
  };
}

const refusals = fc.record({
  operation: fc.constantFrom('enableCollector', 'collectNow'),
  outcome: fc.constantFrom('denied' as const, 'failed' as const),
  code: fc.constantFrom('unauthenticated', 'illegal_state'),
  address: fc.constantFrom('a', 'b', 'c', 'd'),
  actor: fc.constantFrom(undefined, 'token:ops', 'token:dev'),
});
const steps = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: fc.record({ add: refusals }) },
    { weight: 1, arbitrary: fc.record({ pass: fc.integer({ min: 0, max: 2 * MINUTE }) }) },
  ),
  { maxLength: 200 },
);

describe('coalescing', () => {
  it('loses no call: told, waiting at the end and dropped add up to those that came', () => {
    fc.assert(
      fc.property(steps, fc.integer({ min: 0, max: 10 }), (all, kindsMax) => {
        const kinds = coalescing(kindsMax);
        let now = NOON;
        let came = 0;
        let told = 0;
        const take = (end: boolean): void => {
          for (const { count } of kinds.take(now, end)) told += count;
        };
        for (const step of all) {
          if ('add' in step) {
            const { actor, ...rest } = step.add;
            kinds.add(refusal({ ...rest, ...(actor === undefined ? {} : { actor }) }));
            came += 1;
          } else {
            take(false);
            now += step.pass;
          }
        }
        take(true);
        expect(told + kinds.dropped()).toBe(came);
        expect(kinds.waiting()).toBe(false);
      }),
    );
  });

  it('tells a kind at most once a minute, however many calls and however often it is asked', () => {
    const kinds = coalescing();
    const told: number[] = [];
    for (let second = 0; second < 120; second += 1) {
      for (let call = 0; call < 100; call += 1) kinds.add(refusal());
      for (const { count } of kinds.take(NOON + second * 1000)) told.push(count);
    }
    for (const { count } of kinds.take(NOON + 2 * MINUTE)) told.push(count);
    expect(told).toEqual([100, 6000, 5900]);
  });

  it('tells principals and their targets apart, but not those nobody knows', () => {
    const kinds = coalescing();
    const failed = { outcome: 'failed', code: 'illegal_state' } as const;
    kinds.add(refusal({ ...failed, actor: 'token:ops' }));
    kinds.add(refusal({ ...failed, actor: 'token:dev' }));
    kinds.add(refusal({ ...failed }));
    kinds.add(refusal({ ...failed }));
    expect(kinds.take(NOON).map(({ count }) => count)).toEqual([1, 1, 2]);
  });

  it('a flood from ever new addresses takes bounded memory, and is counted', () => {
    const kinds = coalescing();
    for (let i = 0; i < 100_000; i += 1) kinds.add(refusal({ address: `10.${String(i)}` }));
    expect(kinds.kinds()).toBe(1001);
    const told = kinds.take(NOON);
    expect(told.at(-1)).toMatchObject({ count: 99_000, refusal: { who: { address: MANY } } });
  });

  it('forgets the kinds of a minute that is over', () => {
    const kinds = coalescing();
    kinds.add(refusal());
    kinds.take(NOON);
    expect(kinds.kinds()).toBe(1);
    kinds.take(NOON + MINUTE);
    expect(kinds.kinds()).toBe(0);
  });
});
