/** Arbitrary input to every command: taken or refused, never a 5xx, and what is refused reached nothing. */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { served } from '../support/gateway-http.js';
import type { Served } from '../support/gateway-http.js';

let at: Served;
beforeEach(async () => {
  at = await served();
});
afterEach(() => at.close());

const RATE = '/collectors/moralis/rate-limit';
const STATE = '/collectors/moralis/circuit-breaker/state';
const JSON_TYPE = { 'content-type': 'application/json' };

describe('arbitrary bodies', () => {
  const commands: readonly (readonly [string, string])[] = [
    ['POST', '/collectors/moralis/enable'],
    ['POST', '/collectors/moralis/disable'],
    ['POST', '/collectors/moralis/restart'],
    ['POST', '/collectors/moralis/collect'],
    ['PUT', RATE],
    ['POST', '/collectors/moralis/circuit-breaker/reset'],
    ['PUT', STATE],
  ];
  const member = fc.oneof(
    fc.constantFrom('state', 'reason', 'ttl_seconds', 'max_backoff', 'max_requests_per_second'),
    fc.constantFrom('backoff_multiplier', '__proto__', 'name', 'toString'),
    fc.string(),
  );
  const value = fc.oneof(
    fc.jsonValue({ maxDepth: 3 }),
    fc.constantFrom('open', 'closed', 1, 2.5, -1, 1e308, '', 'NaN'),
  );
  const body = fc.oneof(
    fc.dictionary(member, value, { maxKeys: 4 }).map((each) => JSON.stringify(each)),
    fc.json(),
    fc.string(),
    fc.string({ unit: 'binary' }),
  );

  it('are taken or refused, never a 5xx; what is refused reached nothing', async () => {
    const statuses = new Set<number>();
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...commands), body, async ([method, path], text) => {
        const before = at.world.asked.length;
        const told = await at.ask({ method, path, headers: JSON_TYPE, body: text });
        statuses.add(told.status);
        expect([200, 400]).toContain(told.status);
        expect(at.world.asked.length).toBe(told.status === 200 ? before + 1 : before);
        expect(told.body['success']).toBe(told.status === 200);
      }),
      { numRuns: 400 },
    );
    expect(statuses).toEqual(new Set([200, 400]));
  });

  it('as query strings neither', async () => {
    const paths = ['/collectors', '/collectors/moralis', '/health/collectors/moralis'];
    const pair = fc.tuple(
      fc.oneof(fc.constantFrom('state', 'q', 'page_size', 'at', 'hours'), fc.webQueryParameters()),
      fc.webQueryParameters(),
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...paths), pair, async (path, [key, text]) => {
        const told = await at.get(`${path}?${key}=${text}`);
        expect([200, 400]).toContain(told.status);
      }),
      { numRuns: 200 },
    );
  });
});
