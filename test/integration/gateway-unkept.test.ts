/** A header that asks for a protection this service does not give: refused on commands, never ignored. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OPERATIONS, isCommand } from '../../src/gateway/index.js';
import { UNKEPT_HEADERS } from '../../src/gateway/rest/unkept.js';
import { problemOf, served } from '../support/gateway-http.js';
import type { Served } from '../support/gateway-http.js';

let at: Served;
beforeEach(async () => {
  at = await served();
});
afterEach(() => at.close());

const BODIES: Readonly<Record<string, string>> = {
  setCircuitBreakerState: '{"state":"open"}',
  updateRateLimit: '{"max_requests_per_second":1}',
};

/** A request that would succeed, of each command there is. */
const COMMANDS = OPERATIONS.filter(isCommand).map(({ name, rest }) => ({
  name,
  method: rest.method,
  path: rest.path.replace('{name}', 'moralis'),
  body: BODIES[name] ?? '{}',
}));

const JSON_TYPE = { 'content-type': 'application/json' };

describe('a command', () => {
  it.each(COMMANDS)('$name with such a header is refused, and nothing happens', async (command) => {
    const { method, path, body } = command;
    for (const header of UNKEPT_HEADERS) {
      const headers = { ...JSON_TYPE, [header]: '"2.1.1"' };
      const told = await at.ask({ method, path, headers, body });
      expect(problemOf(told)).toMatchObject({ status: 400, code: 'header_not_supported' });
      expect(problemOf(told).detail).toContain(`${header} is not supported yet`);
      expect(told.headers['retry-after']).toBeUndefined();
    }
    expect(at.world.asked).toEqual([]);
    // The same without the header acts: the refusal was the header's.
    expect((await at.ask({ method, path, headers: JSON_TYPE, body })).status).toBe(200);
    expect(at.world.asked).toHaveLength(1);
  });

  it('is told of all of them at once, empty ones too', async () => {
    const headers = { 'idempotency-key': '', 'if-match': '*' };
    const told = await at.ask({ method: 'POST', path: '/collectors/moralis/enable', headers });
    const all = 'Idempotency-Key, If-Match are not supported yet';
    expect(problemOf(told).detail).toContain(all);
  });

  it('that would be refused anyway still is: the header is the first thing told', async () => {
    const headers = { ...JSON_TYPE, 'if-match': '"1"' };
    const path = '/collectors/moralis/circuit-breaker/state';
    const wrong = await at.ask({ method: 'PUT', path, headers, body: '{"state":"ajar"}' });
    expect(problemOf(wrong).code).toBe('header_not_supported');
    const nowhere = await at.ask({ method: 'POST', path: '/nowhere', headers });
    expect(problemOf(nowhere).code).toBe('route_not_found');
  });
});

describe('a question', () => {
  it('is answered: nothing can happen twice', async () => {
    for (const { rest } of OPERATIONS.filter((operation) => !isCommand(operation))) {
      const path = rest.path.replace('{name}', 'moralis');
      const headers = { 'idempotency-key': 'k', 'if-match': '"0"', 'if-none-match': '*' };
      expect((await at.ask({ path, headers })).status, path).toBe(200);
    }
  });
});
