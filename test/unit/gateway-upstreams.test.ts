/** What REST tells of a collector with several upstreams, and of what its last run warned about. */
import { describe, expect, it } from 'vitest';
import { breakerDetail } from '../../src/gateway/shapes/breaker.js';
import { whyOfDocs, whyWarned } from '../../src/gateway/shapes/why.js';
import { collectorDocAfter } from '../../src/projections/status-collector.js';
import type { CollectorFact } from '../../src/projections/facts.js';
import type { CollectorDoc, CollectorDocs } from '../../src/projections/views.js';
import { breakerDoc, collectorDoc, limiterDoc, NOW } from '../support/gateway-docs.js';

const upstreamDetails = [
  { name: 'primary', scope: 'm-account', missingKey: '' },
  { name: 'second', scope: 'second-account', missingKey: '' },
];
const open = { computed: 'open', openedAt: NOW - 5000, retryAt: NOW + 1000 };
const primary = breakerDoc('m');
const second = breakerDoc('m', 'second');

function docsOf(
  more: Partial<CollectorDocs>,
  collector: Partial<CollectorDoc> = {},
): CollectorDocs {
  return {
    collector: { ...collectorDoc('m'), upstreamDetails, ...collector },
    breakers: [primary, second],
    limiters: [limiterDoc('m'), { ...limiterDoc('m'), scope: 'second-account' }],
    revision: 1,
    etag: '0.0.0',
    ...more,
  };
}

describe('circuit_breaker.upstreams', () => {
  it('tells each one’s state, retry time, scope and missing key', () => {
    const reached = [
      upstreamDetails[0] ?? { name: '', scope: '', missingKey: '' },
      { name: 'second', scope: 'second-account', missingKey: 'NEWSAPI_API_KEY' },
    ];
    const shut = { ...second, ...open };
    expect(
      breakerDetail(primary, [primary, shut], undefined, NOW, reached).upstreams,
    ).toMatchObject({
      primary: { state: 'closed', retry_at: null, scope: 'm-account', waiting_for_key: null },
      second: {
        state: 'open',
        retry_at: '2026-01-05T12:00:01.000Z',
        scope: 'second-account',
        waiting_for_key: 'NEWSAPI_API_KEY',
      },
    });
  });

  it('tells what it can of one configured before there were several', () => {
    const { upstreams } = breakerDetail(primary, [primary], undefined, NOW);
    expect(upstreams['primary']).toMatchObject({ scope: null, waiting_for_key: null });
  });
});

describe('why, of several upstreams', () => {
  const next = 'it waits for its next run';

  it('names no barrier while one of them is free', () => {
    const [primaryLimiter, secondLimiter] = docsOf({}).limiters;
    if (primaryLimiter === undefined || secondLimiter === undefined) throw new Error('two');
    const blocked = { cause: 'banned', until: NOW + 1000, detail: '' };
    const banned = { limiters: [{ ...primaryLimiter, blocked }, secondLimiter] };
    for (const docs of [
      docsOf({ breakers: [{ ...primary, ...open }, second] }),
      docsOf({ breakers: [primary, { ...second, ...open }] }),
      docsOf(banned),
    ]) {
      expect(whyOfDocs(docs, NOW).sentence).toBe(next);
    }
    const both = docsOf({ ...banned, breakers: [primary, { ...second, ...open }] });
    expect(whyOfDocs(both, NOW)).toEqual({
      sentence: 'm-account is barred: banned',
      changesAt: NOW + 1000,
    });
  });

  it('does not take one without its key for a way out', () => {
    const keyless = upstreamDetails.map((each) =>
      each.name === 'second' ? { ...each, missingKey: 'A_KEY' } : each,
    );
    const breakers = [{ ...primary, ...open }, second];
    const docs = docsOf({ breakers }, { upstreamDetails: keyless });
    expect(whyOfDocs(docs, NOW).sentence).toBe('its circuit breaker is open');
  });

  it('tells what its last run warned about, the first of them in full', () => {
    const why = { sentence: next };
    const { lastRun } = collectorDoc('m');
    if (lastRun === null) throw new Error('it has run');
    const warned = (warnings: readonly string[]): string =>
      whyWarned(why, { collector: { ...collectorDoc('m'), lastRun: { ...lastRun, warnings } } })
        .sentence;
    expect(warned([])).toBe(next);
    expect(warned(['Alpha Vantage stood in'])).toBe(
      `${next}; its last run: Alpha Vantage stood in`,
    );
    expect(warned(['a', 'b', 'c'])).toBe(`${next}; its last run: a (and 2 more)`);
  });

  it('tells that its last run failed and of what, once, and of none that we stopped ourselves', () => {
    const { lastRun, ...doc } = collectorDoc('m');
    if (lastRun === null) throw new Error('it has run');
    const told = (outcome: string, sentence = next, enabled = true): string => {
      const ended = { ...lastRun, outcome, message: 'binance answered 503', warnings: ['w'] };
      const desired = { ...doc.desired, enabled };
      return whyWarned({ sentence }, { collector: { ...doc, desired, lastRun: ended } }).sentence;
    };
    const warned = '; its last run: w';
    expect(told('server')).toBe(`${next}; its last run failed: binance answered 503; w`);
    const suspended = 'it is suspended: auth (binance answered 503)';
    expect(told('auth', suspended)).toBe(suspended + warned);
    for (const outcome of ['ok', 'blocked', 'cancelled']) expect(told(outcome)).toBe(next + warned);
    expect(told('server', 'it is disabled by ada', false)).toBe(`it is disabled by ada${warned}`);
  });
});

describe('the document of a collector', () => {
  it('holds the warnings of its last run, until the next one begins', () => {
    const facts = [
      { type: 'RunStarted', atMs: 1, run: 'a', trigger: 'manual', priority: 'live', skipped: 0 },
      {
        type: 'RunSucceeded',
        atMs: 2,
        run: 'a',
        calls: 1,
        records: 0,
        newRecords: 0,
        durationMs: 1,
        nextDueMs: 9,
        latencyP95Ms: 1,
        warnings: ['part of it was missing'],
      },
    ] as const;
    const ran = facts.reduce<CollectorDoc | undefined>(
      (doc, fact) => collectorDocAfter(doc, fact as CollectorFact, 'm'),
      undefined,
    );
    expect(ran?.lastRun).toMatchObject({ outcome: 'ok', warnings: ['part of it was missing'] });
    const again = collectorDocAfter(ran, { ...facts[0], run: 'b' }, 'm');
    expect(again.lastRun).not.toHaveProperty('warnings');
  });
});
