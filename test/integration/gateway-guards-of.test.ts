/** The protections a command asks for by header and query: passed on as they are meant, or refused. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OPERATIONS, isCommand } from '../../src/gateway/index.js';
import { UNKEPT_HEADERS, guardsOf, withoutGuards } from '../../src/gateway/rest/guards-of.js';
import { problemOf, served } from '../support/gateway-http.js';
import type { Served } from '../support/gateway-http.js';

let at: Served;
beforeEach(async () => {
  at = await served();
});
afterEach(() => at.close());

/** A request of each command about a collector. */
const COMMANDS = OPERATIONS.filter(isCommand)
  .filter(({ rest }) => rest.path.startsWith('/collectors/{name}/'))
  .map(({ name, rest }) => ({
    name,
    method: rest.method,
    path: rest.path.replace('{name}', 'moralis'),
  }));

const JSON_TYPE = { 'content-type': 'application/json' };
const TOKEN = `hg_0123456789_${'A'.repeat(43)}`;

describe('what a command’s request asks for', () => {
  it('is nothing, for most', () => {
    expect(guardsOf({}, {})).toEqual({ ok: true, value: undefined });
  });

  it('is a key: bare, or in quotes as the draft has it', () => {
    const value = { key: '8e03978e-40d5' };
    expect(guardsOf({ 'idempotency-key': '8e03978e-40d5' }, {})).toEqual({ ok: true, value });
    expect(guardsOf({ 'idempotency-key': '"8e03978e-40d5"' }, {})).toEqual({ ok: true, value });
  });

  it.each(['', '""', 'a b', 'ü', '"open', 'a, b', 'k'.repeat(201), TOKEN])(
    'is no key like %j',
    (key) => {
      const told = guardsOf({ 'idempotency-key': key }, {});
      expect(told).toMatchObject({ ok: false, error: { code: 'invalid_input' } });
      expect(JSON.stringify(told)).not.toContain(TOKEN);
    },
  );

  it('is one strong tag', () => {
    const value = { ifMatch: '2.0.1' };
    expect(guardsOf({ 'if-match': '"2.0.1"' }, {})).toEqual({ ok: true, value });
  });

  it.each(['*', 'W/"2.0.1"', '2.0.1', '"2.0.1", "3.0.1"', '"2"', '""', ''])(
    'is no tag like %j',
    (tag) => {
      const told = guardsOf({ 'if-match': tag }, {});
      expect(told).toMatchObject({ ok: false, error: { code: 'invalid_input' } });
    },
  );

  it('is a dry run by the query, which no operation sees', () => {
    const query = { dry_run: 'true', upstream: 'primary' };
    expect(guardsOf({}, query)).toEqual({ ok: true, value: { dryRun: true } });
    expect(guardsOf({}, { dry_run: 'false' })).toEqual({ ok: true, value: {} });
    expect(guardsOf({}, { dry_run: 'yes' })).toMatchObject({ ok: false });
    expect(guardsOf({}, { dry_run: ['true', 'true'] })).toMatchObject({ ok: false });
    expect(withoutGuards(query)).toEqual({ upstream: 'primary' });
  });
});

describe('a command over HTTP', () => {
  it.each(COMMANDS)(
    '$name with a header nobody keeps is refused, and nothing happens',
    async (c) => {
      for (const header of UNKEPT_HEADERS) {
        const headers = { ...JSON_TYPE, [header]: '"2.1.1"' };
        const told = await at.ask({ method: c.method, path: c.path, headers, body: '{}' });
        expect(problemOf(told)).toMatchObject({ status: 400, code: 'header_not_supported' });
        expect(problemOf(told).detail).toContain(header);
        expect(told.headers['retry-after']).toBeUndefined();
      }
      expect(at.world.asked).toEqual([]);
    },
  );

  it('with a tag of no use is refused before its body is looked at', async () => {
    const headers = { ...JSON_TYPE, 'if-match': '*' };
    const path = '/collectors/moralis/circuit-breaker/state';
    const told = await at.ask({ method: 'PUT', path, headers, body: '{"state":"ajar"}' });
    expect(problemOf(told)).toMatchObject({ status: 400, code: 'invalid_input' });
    expect(problemOf(told).detail).toContain('If-Match');
    expect(at.world.asked).toEqual([]);
  });
});

describe('a question', () => {
  it('ignores headers that protect from changes', async () => {
    const headers = { 'idempotency-key': 'k', 'if-match': '*', 'if-unmodified-since': 'x' };
    const told = await at.ask({ path: '/collectors/moralis', headers });
    expect(told.status).toBe(200);
  });

  it('knows no dry run', async () => {
    const told = await at.get('/collectors/moralis?dry_run=true');
    expect(problemOf(told)).toMatchObject({ status: 400, errors: [{ pointer: '/dry_run' }] });
  });
});
