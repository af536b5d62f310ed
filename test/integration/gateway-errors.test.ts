/** Whatever is wrong with a request: one clear 4xx in the shape of api.md §3, and nothing reached the engine. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { problemOf, served } from '../support/gateway-http.js';
import type { Served, Told } from '../support/gateway-http.js';

let at: Served;
beforeEach(async () => {
  at = await served();
});
afterEach(() => at.close());

const RATE = '/collectors/moralis/rate-limit';
const STATE = '/collectors/moralis/circuit-breaker/state';
const JSON_TYPE = { 'content-type': 'application/json' };

const put = (path: string, body: string | Buffer, headers = JSON_TYPE): Promise<Told> =>
  at.ask({ method: 'PUT', path, headers, body });

describe('a problem', () => {
  it('has every member of api.md §3', async () => {
    const told = await at.get('/collectors/foo?at=2026-01-05T11:00:00Z');
    expect(told.status).toBe(404);
    expect(told.headers['content-type']).toBe('application/problem+json; charset=utf-8');
    expect(told.body).toEqual({
      success: false,
      error: 'Collector not found: foo',
      type: 'https://headgate.dev/problems/collector-not-found',
      title: 'Collector not found',
      status: 404,
      detail: 'no collector has this name; GET /collectors lists those that are here',
      instance: '/collectors/foo',
      code: 'collector_not_found',
      errors: [],
      request_id: told.headers['x-request-id'],
    });
  });

  it('names each wrong member by its pointer, all at once', async () => {
    const body = { max_requests_per_second: -3, backoff_multiplier: '2', 'a/b~c': 1 };
    const told = await at.json('PUT', RATE, body);
    expect(told.status).toBe(400);
    expect(problemOf(told)).toMatchObject({
      code: 'invalid_input',
      errors: [
        { pointer: '/a~1b~0c', detail: 'is not a field of this operation' },
        { pointer: '/max_requests_per_second', detail: 'must be > 0, got -3' },
        { pointer: '/backoff_multiplier', detail: 'must be a finite number, got "2"' },
      ],
    });
  });
});

describe('what is not there', () => {
  it.each([
    ['GET', '/collectors/foo', 'collector_not_found'],
    ['POST', '/collectors/foo/enable', 'collector_not_found'],
    ['GET', '/collectors/foo/records', 'collector_not_found'],
    ['GET', '/health/collectors/foo', 'collector_not_found'],
    ['GET', '/collectors/__proto__', 'collector_not_found'],
    ['GET', '/collectors/events', 'collector_not_found'],
    ['GET', `/collectors/${'x'.repeat(200)}`, 'invalid_input'],
    ['GET', '/nowhere', 'route_not_found'],
    ['POST', '/collectors/moralis/explode', 'route_not_found'],
  ])('%s %s is %s', async (method, path, code) => {
    const told = await at.json(method, path);
    expect(problemOf(told)).toMatchObject({ success: false, code });
    expect(told.status).toBe(code === 'invalid_input' ? 400 : 404);
  });

  it.each([
    ['POST', '/collectors', 'GET, HEAD, OPTIONS'],
    ['GET', '/collectors/moralis/enable', 'OPTIONS, POST'],
    ['DELETE', STATE, 'OPTIONS, PUT'],
    ['PATCH', '/collectors/moralis/', 'GET, HEAD, OPTIONS'],
    ['PROPFIND', '/collectors', 'GET, HEAD, OPTIONS'],
    ['TRACE', '/', 'GET, HEAD, OPTIONS'],
  ])('%s %s is a method too many; Allow says %s', async (method, path, allow) => {
    const told = await at.ask({ method, path, headers: { 'content-type': 'text/plain' } });
    expect(told.status).toBe(405);
    expect(told.headers['allow']).toBe(allow);
    expect(problemOf(told).code).toBe('method_not_allowed');
  });

  it('OPTIONS tells the methods, HEAD the headers of GET', async () => {
    const options = await at.ask({ method: 'OPTIONS', path: STATE });
    expect(options).toMatchObject({ status: 204, headers: { allow: 'OPTIONS, PUT' }, text: '' });
    const get = await at.get('/collectors');
    const head = await at.ask({ method: 'HEAD', path: '/collectors' });
    expect(head).toMatchObject({ status: 200, text: '' });
    expect(head.headers['content-length']).toBe(get.headers['content-length']);
  });
});

describe('a body that may not be', () => {
  const deep = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);

  it.each<[string, string | Buffer, number, string]>([
    ['cut off', '{"state":', 400, 'invalid_json'],
    ['NaN', '{"max_requests_per_second":NaN}', 400, 'invalid_json'],
    ['with a BOM', '\ufeff{}', 400, 'invalid_json'],
    ['not UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d]), 400, 'invalid_json'],
    ['overlong UTF-8', Buffer.from([0x22, 0xc0, 0x80, 0x22]), 400, 'invalid_json'],
    ['with a member twice', '{"state":"open","st\\u0061te":"closed"}', 400, 'invalid_json'],
    ['of 60 KB of nesting', deep(30_000), 400, 'invalid_json'],
    ['of 1 MB of nesting', deep(500_000), 413, 'payload_too_large'],
    ['of 64 KiB and one byte', ' '.repeat(64 * 1024 + 1), 413, 'payload_too_large'],
    ['a list', '[]', 400, 'invalid_input'],
    ['null', 'null', 400, 'invalid_input'],
    ['a number', '5', 400, 'invalid_input'],
    ['with __proto__', '{"__proto__":{"state":"open"},"state":"open"}', 400, 'invalid_input'],
    ['with constructor', '{"constructor":{},"state":"open"}', 400, 'invalid_input'],
    ['with the name in it', '{"name":"historical","state":"open"}', 400, 'invalid_input'],
    ['with an upstream in it', '{"upstream":"primary","state":"open"}', 400, 'invalid_input'],
    ['without its state', '{}', 400, 'invalid_input'],
    ['with another state', '{"state":"half_open"}', 400, 'invalid_input'],
    ['with a lone surrogate', '{"state":"open","reason":"\\ud800"}', 400, 'invalid_input'],
    ['with a NUL', '{"state":"open","reason":"a\\u0000b"}', 400, 'invalid_input'],
    ['with a long reason', `{"state":"open","reason":"${'x'.repeat(501)}"}`, 400, 'invalid_input'],
    ['with no time to live', '{"state":"open","ttl_seconds":0}', 400, 'invalid_input'],
    ['with an age to live', '{"state":"open","ttl_seconds":1e12}', 400, 'invalid_input'],
  ])('%s', async (_what, body, status, code) => {
    const told = await put(STATE, body);
    expect(told.status).toBe(status);
    expect(problemOf(told)).toMatchObject({ success: false, status, code });
    expect(at.world.asked).toEqual([]);
  });

  it.each([
    '{"max_requests_per_second":0}',
    '{"max_requests_per_second":-0}',
    '{"max_requests_per_second":1e999}',
    '{"max_requests_per_second":1e-300}',
    '{"max_requests_per_second":1e300}',
    '{"max_requests_per_second":"5"}',
    '{"max_requests_per_second":null}',
    '{"max_requests_per_second":[5]}',
    '{"backoff_multiplier":0.99}',
    '{"max_backoff":0}',
    '{"Max_Backoff":2}',
    '{}',
    '',
  ])('of a rate limit: %s', async (body) => {
    const told = await put(RATE, body);
    expect(told.status).toBe(400);
    expect(problemOf(told)).toMatchObject({ code: 'invalid_input' });
    expect(problemOf(told).errors.length).toBeGreaterThan(0);
    expect(at.world.asked).toEqual([]);
  });

  it('of another type, charset or coding is 415', async () => {
    for (const headers of [
      { 'content-type': 'text/plain' },
      { 'content-type': 'application/x-www-form-urlencoded' },
      { 'content-type': 'application/json; charset=latin1' },
      { 'content-type': 'application/json', 'content-encoding': 'gzip' },
      { 'content-type': 'nonsense' },
    ]) {
      const told = await put(STATE, '{"state":"open"}', headers);
      expect(told.status).toBe(415);
      expect(problemOf(told).code).toBe('unsupported_media_type');
    }
    expect(at.world.asked).toEqual([]);
  });

  it('may be empty where nothing is required, whatever its type', async () => {
    const path = '/collectors/moralis/enable';
    for (const headers of [
      {},
      JSON_TYPE,
      { 'content-type': 'application/x-www-form-urlencoded' },
    ]) {
      const told = await at.ask({ method: 'POST', path, headers });
      expect(told.status).toBe(200);
    }
    expect((await put(STATE, '{"state":"open"}', JSON_TYPE)).status).toBe(200);
    const charset = { 'content-type': 'application/json; charset=UTF-8' };
    expect((await put(STATE, '{"state":"open"}', charset)).status).toBe(200);
  });
});

describe('a query that may not be', () => {
  it.each([
    ['/collectors?colour=red', '/colour'],
    ['/collectors?tag=a', '/tag'],
    ['/collectors?state=broken', '/state'],
    ['/collectors?page_size=0', '/page_size'],
    ['/collectors?page_size=1.5', '/page_size'],
    ['/collectors?page_size=1e4', '/page_size'],
    ['/collectors?page_size=', '/page_size'],
    ['/collectors?q=a&q=b', '/q'],
    ['/collectors?page_token=zzz', '/page_token'],
    ['/collectors?__proto__=1', '/__proto__'],
    ['/health/collectors/moralis?limit=1001', '/limit'],
    ['/health/collectors/moralis?hours=NaN', '/hours'],
    ['/collectors/moralis/records?after=-1', '/after'],
  ])('%s', async (path, pointer) => {
    const told = await at.get(path);
    expect(told.status).toBe(400);
    expect(problemOf(told)).toMatchObject({ code: 'invalid_input', errors: [{ pointer }] });
  });

  it('a dry run that is neither true nor false is refused, and nothing is done', async () => {
    const told = await at.json('POST', '/collectors/moralis/disable?dry_run=perhaps');
    expect(problemOf(told)).toMatchObject({ status: 400, errors: [{ pointer: '/dry_run' }] });
    expect(at.world.asked).toEqual([]);
  });

  it('an upstream the collector does not have is refused with those it has', async () => {
    const path = '/collectors/moralis/circuit-breaker/reset';
    const wrong = await at.json('POST', `${path}?upstream=other`);
    const detail = 'must be one of primary';
    expect(problemOf(wrong)).toMatchObject({ status: 400, errors: [{ detail }] });
    expect(at.world.asked).toEqual([]);
    expect((await at.json('POST', `${path}?upstream=primary`)).status).toBe(200);
    expect(at.world.asked).toMatchObject([{ args: ['moralis', 'primary', {}] }]);
  });
});

describe('bytes that are not a request', () => {
  const bodyOf = (heard: string): string => heard.slice(heard.indexOf('\r\n\r\n') + 4);

  it.each([
    ['noise', 'hello\r\n\r\n', 400, 'bad_request'],
    ['no Host', 'GET / HTTP/1.1\r\nConnection: close\r\n\r\n', 400, 'bad_request'],
    [
      'a bad escape',
      'GET /collectors/%zz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
      400,
      'bad_request',
    ],
    [
      '20 KB of headers',
      `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
      431,
      'headers_too_large',
    ],
    [
      'two lengths',
      'POST /collectors/moralis/enable HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n' +
        'Transfer-Encoding: chunked\r\n\r\n{}',
      400,
      'bad_request',
    ],
  ])('%s', async (_what, bytes, status, code) => {
    const heard = await at.raw(bytes);
    expect(heard).toMatch(new RegExp(`^HTTP/1.1 ${String(status)} `));
    expect(JSON.parse(bodyOf(heard))).toMatchObject({ success: false, status, code });
    expect(at.world.asked).toEqual([]);
  });

  it.each([
    ['whose headers are late', 'POST /collectors/moralis/enable HTTP/1.1\r\nHost: localhost\r\n'],
    [
      'whose body is late',
      'POST /collectors/moralis/enable HTTP/1.1\r\nHost: localhost\r\n' +
        'Content-Type: application/json\r\nContent-Length: 20\r\n\r\n{"rea',
    ],
  ])('a request %s is given up, and nothing is done', async (_what, bytes) => {
    await at.close();
    const limits = { headersTimeoutMs: 50, requestTimeoutMs: 50, timeoutCheckMs: 10 };
    at = await served({ limits });
    expect(await at.raw(bytes)).toMatch(/^HTTP\/1.1 408 /);
    expect(at.world.asked).toEqual([]);
  });

  it('more connections than there may be are dropped, and those that are there go on', async () => {
    await at.close();
    at = await served({ limits: { connectionsMax: 1 } });
    const first = connect(at.port, '127.0.0.1');
    await once(first, 'connect');
    // The server has it once it answered on it.
    first.write('GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await once(first, 'data');
    expect(await at.raw('GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n').catch(() => '')).toBe('');
    first.write('GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n');
    const [answer] = (await once(first, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1.1 200 /);
    first.destroy();
  });

  it('a request that never arrives whole is given up', async () => {
    await at.close();
    const limits = { headersTimeoutMs: 50, requestTimeoutMs: 50, timeoutCheckMs: 10 };
    at = await served({ limits });
    const heard = await at.raw('GET /collectors HTTP/1.1\r\nHost: loc');
    expect(heard).toMatch(/^HTTP\/1.1 408 /);
    expect(JSON.parse(bodyOf(heard))).toMatchObject({ code: 'request_timeout' });
  });
});
