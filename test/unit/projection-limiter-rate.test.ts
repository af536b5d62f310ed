/** The rate of a past moment, from the document alone, is the rate the limiter itself had. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EMPTY_LIMITER, type LimiterContext } from '../../src/actors/limiter/context.js';
import { ceilingOf } from '../../src/actors/limiter/curve.js';
import { evolve } from '../../src/actors/limiter/evolve.js';
import { currentBackoff, currentRate, limiterCodec } from '../../src/actors/limiter/index.js';
import type { LimiterFact } from '../../src/actors/limiter/index.js';
import { backoffAt, rateAt } from '../../src/gateway/shapes/limiter.js';
import type { JsonObject } from '../../src/kernel/types.js';
import { limiterDocAfter } from '../../src/projections/status-limiter.js';
import type { LimiterDoc } from '../../src/projections/views.js';

const BEGIN = Date.UTC(2026, 0, 5);
const WINDOW_MS = 60_000;
const COLLECTORS = ['a', 'moralis'];

const fact = (type: string, data: JsonObject): LimiterFact => limiterCodec.decode(type, 1, data);

type Both = { readonly context: LimiterContext; readonly doc: LimiterDoc | undefined };

function after({ context, doc }: Both, one: LimiterFact): Both {
  return { context: evolve(context, one), doc: limiterDocAfter(doc, one, 'limiter-s') };
}

function expectSame({ context, doc }: Both, at: number): void {
  if (doc === undefined) throw new Error('no fact was folded');
  for (const collector of COLLECTORS) {
    expect(rateAt(doc, collector, at)).toBe(currentRate(context, collector, at));
  }
  expect(backoffAt(doc, at)).toBe(currentBackoff(context, at));
}

const rate = fc.double({ min: 0.01, max: 20, noNaN: true });

const configured = fc
  .record({ rate, floor: rate, collectors: fc.subarray(COLLECTORS, { minLength: 1 }) })
  .map(
    ({ rate: maxRequestsPerSecond, floor, collectors }) =>
      (atMs: number): readonly LimiterFact[] => [
        fact('ScopeConfigured', {
          ...{ atMs, scope: 's', collectors, maxRequestsPerSecond, backoffMultiplier: 2 },
          ...{ maxBackoff: 64, recoveryWindowMs: WINDOW_MS, floorRate: floor / 100 },
        }),
      ],
  );

const capped = fc
  .record({ rate, collector: fc.constantFrom(...COLLECTORS) })
  .map(({ rate: maxRequestsPerSecond, collector }) => (atMs: number): readonly LimiterFact[] => [
    fact('RateLimitConfigured', {
      ...{ atMs, collector, maxRequestsPerSecond, backoffMultiplier: 3, maxBackoff: 9 },
    }),
  ]);

const cut = fc
  .record({ wMax: rate, backoff: fc.integer({ min: 1, max: 64 }), pauseMs: fc.nat(WINDOW_MS) })
  .map(({ wMax, backoff, pauseMs }) => (atMs: number): readonly LimiterFact[] => [
    fact('Throttled', { atMs, wMax, backoff, cuts: 1, pauseUntilMs: atMs + pauseMs }),
  ]);

const step = rate.map((reached) => (atMs: number): readonly LimiterFact[] => [
  fact('RateRecovered', { atMs, rate: reached, backoff: 1.5 }),
]);

const end = rate.map((reached) => (atMs: number): readonly LimiterFact[] => [
  fact('RateRecovered', { atMs, rate: reached, backoff: 1, episodeEnded: true }),
  fact('EpisodeEnded', { atMs, cuts: 1 }),
]);

const jump = fc
  .integer({ min: -1e7, max: 1e7 })
  .map((shiftMs) => (atMs: number): readonly LimiterFact[] => [
    fact('ClockAnomaly', { atMs, shiftMs }),
  ]);

const moment = fc.tuple(
  fc.oneof(configured, capped, cut, cut, step, end, end, jump),
  fc.nat(12 * WINDOW_MS),
);

describe('the rate of a past moment', () => {
  it('is that of the limiter, after any history and at any time after it', () => {
    let learned = 0;
    fc.assert(
      fc.property(configured, fc.array(moment, { maxLength: 30 }), (first, moments) => {
        let at = BEGIN;
        let both = first(at).reduce<Both>(after, { context: EMPTY_LIMITER, doc: undefined });
        for (const [facts, laterMs] of moments) {
          both = facts(at).reduce(after, both);
          if (both.context.learned !== null) learned += 1;
          for (const later of [0, laterMs / 2, laterMs]) expectSame(both, at + later);
          at += laterMs;
        }
      }),
    );
    // What the document used to forget was there to be compared.
    expect(learned).toBeGreaterThan(0);
  });

  it('after an episode is what the episode taught, not the ceiling', () => {
    const scope = { scope: 's', collectors: COLLECTORS, maxRequestsPerSecond: 10 };
    const recovery = { backoffMultiplier: 2, maxBackoff: 64, recoveryWindowMs: WINDOW_MS };
    const both = [
      fact('ScopeConfigured', { atMs: BEGIN, ...scope, ...recovery }),
      fact('Throttled', { atMs: BEGIN, wMax: 4, backoff: 2, cuts: 1, pauseUntilMs: BEGIN }),
      fact('RateRecovered', { atMs: BEGIN + 1, rate: 4, backoff: 1, episodeEnded: true }),
      fact('EpisodeEnded', { atMs: BEGIN + 1, cuts: 1 }),
    ].reduce<Both>(after, { context: EMPTY_LIMITER, doc: undefined });
    const doc = both.doc ?? expect.fail('no document');
    expect(rateAt(doc, 'a', BEGIN + 2)).toBe(4);
    expect(rateAt(doc, 'a', BEGIN + 1 + 10 * WINDOW_MS)).toBeCloseTo(4.2);
    expect(rateAt({ ...doc, learned: null }, 'a', BEGIN + 2)).toBe(10);
  });

  it('is right over the golden history of a limiter, fact by fact', () => {
    const file = new URL('../golden/limiter-1.json', import.meta.url);
    const { events } = JSON.parse(readFileSync(file, 'utf8')) as {
      readonly events: readonly { readonly type: string; readonly data: JsonObject }[];
    };
    let both: Both = { context: EMPTY_LIMITER, doc: undefined };
    let compared = 0;
    for (const { type, data } of events) {
      both = after(both, fact(type, data));
      if (type === 'RateRecovered' && data['episodeEnded'] === true) continue;
      expectSame(both, Number(data['atMs']));
      if (both.context.episode !== null) compared += 1;
    }
    expect(compared).toBeGreaterThan(0);
    expect(ceilingOf(both.context)).toBeGreaterThan(0);
  });
});
