/** What a call touches is looked up once: it is looked up again when what it was looked up in changes. */
import { describe, expect, it } from 'vitest';
import {
  answer,
  ask,
  call,
  permitOf,
  request,
  reservedCalls,
  warm,
} from '../support/limiter-gate.js';
import { bucket, dailyQuota, MINUTE, SECOND, weightPerMinute } from '../support/limiter-given.js';
import { configure } from '../support/limiter-given.js';

const buckets = [dailyQuota, weightPerMinute];

describe('a block', () => {
  it('pays for no call that draws from a counted bucket it reserved nothing of', async () => {
    const made = await warm({ maxRequestsPerSecond: 100, buckets });
    await call(made, { endpoint: 'light', weights: { weight: 1 } });
    await made.clock.advance(100);
    expect(made.gate.tryAcquire(request({ endpoint: 'dear', weights: { daily: 1 } }))).toBe(
      undefined,
    );
    await call(made, { endpoint: 'dear', weights: { daily: 1 } });
    const reserved = made.actor.facts.flatMap((fact) =>
      fact.type === 'UnitsReserved' ? fact.units.map((units) => units.bucket) : [],
    );
    expect(reserved).toEqual(['weight', 'daily']);
    made.gate.close();
  });

  it('of one set of buckets stays while another one is opened, and pays on', async () => {
    const made = await warm({ maxRequestsPerSecond: 10, buckets });
    for (let round = 0; round < 4; round += 1) {
      await call(made, { endpoint: 'light', weights: { weight: 1 } });
      await made.clock.advance(110);
      await call(made, { endpoint: 'dear', weights: { daily: 1 } });
      await made.clock.advance(110);
    }
    expect(made.actor.facts.filter(({ type }) => type === 'UnitsReserved')).toHaveLength(2);
    await made.clock.advance(3 * SECOND);
    const settled = made.actor.facts.flatMap((fact) =>
      fact.type === 'UnitsSettled' ? fact.usage : [],
    );
    expect(settled.map(({ endpoint, calls, charged }) => [endpoint, calls, charged])).toEqual([
      ['light', 4, [{ bucket: 'weight', units: 4 }]],
      ['dear', 4, [{ bucket: 'daily', units: 4 }]],
    ]);
    made.gate.close();
  });
});

describe('an endpoint whose weights are others than before', () => {
  it('is charged what it weighs now', async () => {
    const made = await warm({ maxRequestsPerSecond: 100, buckets });
    await call(made, { weights: { weight: 10 } });
    await made.clock.advance(100);
    await call(made, { weights: { weight: 3 } });
    await made.clock.advance(3 * SECOND);
    const settled = made.actor.facts.filter((fact) => fact.type === 'UnitsSettled');
    expect(settled.flatMap(({ charged }) => charged)).toEqual([{ bucket: 'weight', units: 13 }]);
    expect(reservedCalls(made.actor.facts)).toBe(100);
    made.gate.close();
  });
});

describe('a bucket that is configured while a permit is out', () => {
  it('is charged with its call, and holds no more than its limit in any window after', async () => {
    const fast = { maxRequestsPerSecond: 100 };
    const made = await warm(fast);
    const weights = { paced: 1 };
    const out = permitOf(await ask(made.gate, { weights }));
    const paced = bucket({ name: 'paced', limit: 4, burst: 4, windowMs: 10 * SECOND });
    await made.actor.send(configure({ ...fast, buckets: [paced] }));
    expect(out.spend()).toBe(true);
    out.report(answer());
    await made.clock.advance(MINUTE);
    let sent = 0;
    for (let index = 0; index < 10; index += 1) {
      await made.clock.advance(50);
      const permit = await ask(made.gate, { weights, waitMaxMs: 1 });
      if (permit?.ok === true && permit.permit.spend()) sent += 1;
    }
    expect(sent).toBe(4);
    made.gate.close();
  });
});
