/** What somebody without a token, or with too little, tries against REST: each of it must come to nothing. */
import { afterEach, describe, expect, it } from 'vitest';
import { servedGuarded } from '../support/auth-served.js';
import type { Guarded } from '../support/auth-served.js';
import { problemOf } from '../support/gateway-http.js';
import { sse } from '../support/streams-sse.js';

let at: Guarded;
afterEach(() => at.close());

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const HTTP1 = 'HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n';
const statuses = (heard: string): readonly number[] =>
  [...heard.matchAll(/HTTP\/1\.1 (\d+)/g)].map((match) => Number(match[1]));

describe('paths beside those that anyone may ask', () => {
  it('lead nowhere without a token', async () => {
    at = await servedGuarded();
    await at.token('admin');
    for (const path of [
      '//livez/../collectors',
      '/livez/..',
      '/livez/../collectors',
      '/livez/../tokens',
      '/livez%2f..%2fcollectors',
      '/livez/%2e%2e/collectors',
      '/livez%00',
      '/livez;/collectors',
      '/LIVEZ',
      '/collectors?/livez',
      '/collectors#/livez',
      '/readyz//collectors',
      'http://localhost/collectors',
      '//localhost/livez/../collectors',
    ]) {
      const heard = await at.raw(`GET ${path} ${HTTP1}\r\n`);
      const [status = 0] = statuses(heard);
      expect([400, 401, 404, 429], `${path}: ${heard.slice(0, 200)}`).toContain(status);
      expect(heard).not.toContain('"collectors":{');
    }
    expect(at.world.asked).toEqual([]);
  });

  it('answer HEAD as GET would, and OPTIONS with nothing but methods', async () => {
    at = await servedGuarded();
    await at.token('admin');
    for (const path of ['/collectors', '/tokens', '/events']) {
      expect((await at.ask({ method: 'HEAD', path })).status, path).toBe(401);
      const told = await at.ask({ method: 'OPTIONS', path });
      expect([told.status, told.text]).toEqual([204, '']);
    }
    for (const method of ['HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'TRACE', 'PROPFIND']) {
      const told = await at.ask({ method, path: '/collectors/moralis/enable' });
      expect([401, 404, 405, 429], method).toContain(told.status);
    }
    expect(at.world.asked).toEqual([]);
  });
});

describe('credentials that are not as they should be', () => {
  it('given twice let in only if the first is good, and never as the second', async () => {
    at = await servedGuarded();
    const [admin, viewer] = [await at.token('admin'), await at.token('viewer')];
    const twice = (first: string, second: string) =>
      at.raw(
        `POST /collectors/moralis/enable ${HTTP1}authorization: ${first}\r\n` +
          `authorization: ${second}\r\ncontent-length: 0\r\n\r\n`,
      );
    expect(statuses(await twice(`Bearer ${viewer}`, `Bearer ${admin}`))).toEqual([403]);
    expect(statuses(await twice('Bearer hg_wrong', `Bearer ${admin}`))).toEqual([401]);
    expect(at.world.asked).toEqual([]);
  });

  it('of any length are refused within the bounds of a request', async () => {
    at = await servedGuarded();
    await at.token('admin');
    for (const [text, status] of [
      [`hg_${'0'.repeat(8_000)}`, 401],
      [`hg_000000000000_${'A'.repeat(10_000)}`, 401],
      ['eyJ'.repeat(4_000), 401],
      ['x'.repeat(20_000), 431],
      ['\u00ff'.repeat(100), 401],
    ] as const) {
      const told = await at.ask({ path: '/collectors', headers: bearer(text) });
      expect(told.status, text.slice(0, 10)).toBe(status);
      expect(told.text).not.toContain(text.slice(0, 100));
    }
  });

  it('lead past no framing: two lengths, a length and chunks, a folded line', async () => {
    at = await servedGuarded();
    const token = await at.token('viewer', 'viewer').catch(() => at.token('admin'));
    const smuggled = 'POST /collectors/moralis/enable HTTP/1.1\r\nhost: localhost\r\n\r\n';
    for (const framing of [
      `content-length: 5\r\ncontent-length: ${String(smuggled.length)}\r\n`,
      `content-length: ${String(smuggled.length)}\r\ntransfer-encoding: chunked\r\n`,
      'transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n',
      'transfer-encoding : chunked\r\n',
      'x-a: b\r\n transfer-encoding: chunked\r\n',
    ]) {
      const head = `GET /collectors ${HTTP1}authorization: Bearer ${token}\r\n${framing}\r\n`;
      const heard = await at.raw(head + smuggled);
      expect(statuses(heard).every((status) => status >= 400 || status === 200)).toBe(true);
      expect(at.world.asked, framing).toEqual([]);
    }
  });

  it('over another protocol are not heard at all', async () => {
    at = await servedGuarded();
    await at.token('admin');
    const heard = await at.raw('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    expect(statuses(heard)).toEqual([400]);
    const upgrade = await at.raw(
      `GET /collectors ${HTTP1.replace('connection: close', 'connection: close, upgrade, http2-settings')}` +
        'upgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n\r\nPRI',
    );
    expect(statuses(upgrade)[0]).toBe(401);
  });
});

describe('ten thousand wrong tokens from one address', () => {
  it('are answered at once, and the good token there is let in all the while', async () => {
    at = await servedGuarded();
    const token = await at.token('admin');
    for (let round = 0; round < 100; round += 1) {
      const line = (i: number): string =>
        `GET /collectors HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer hg_${String(round)}x${String(i)}\r\n` +
        `${i === 99 ? 'connection: close\r\n' : ''}\r\n`;
      const heard = statuses(await at.raw(Array.from({ length: 100 }, (_, i) => line(i)).join('')));
      expect(heard.length).toBe(100);
      expect(heard.every((status) => status === 401 || status === 429)).toBe(true);
    }
    expect((await at.as(token, { path: '/collectors' })).status).toBe(200);
  });
});

describe('a viewer', () => {
  it('reads no fact of the audit trail and of the tokens, as a page or as a stream', async () => {
    at = await servedGuarded();
    const [admin, viewer] = [await at.token('admin'), await at.token('viewer')];
    for (const path of ['/events', '/events?last=50']) {
      const all = await at.as(admin, { path });
      expect(all.text).toContain('TokenCreated');
      const told = await at.as(viewer, { path });
      expect(told.status).toBe(200);
      expect(told.text).not.toContain('TokenCreated');
    }
    for (const path of ['/events?categories=audit', '/events?categories=collector,settings']) {
      expect(problemOf(await at.as(viewer, { path })).code, path).toBe('permission_denied');
      const stream = await at.as(viewer, { path, headers: { accept: 'text/event-stream' } });
      expect(problemOf(stream).code, path).toBe('permission_denied');
    }
    const read = await sse(`${at.url}/events?follow=false`, bearer(viewer));
    expect((await read.rest()).map(({ event }) => event)).toEqual(['end']);
    const mine = await sse(`${at.url}/events?follow=false`, bearer(admin));
    expect((await mine.rest()).map(({ event }) => event)).toContain('TokenCreated');
  });

  it('who was an operator reads no answer of that time under the same key', async () => {
    at = await servedGuarded();
    const admin = await at.token('admin');
    const operator = await at.token('operator', 'ops');
    const enable = {
      method: 'POST',
      path: '/collectors/moralis/enable',
      headers: { 'idempotency-key': 'k1' },
    };
    expect((await at.as(operator, enable)).status).toBe(200);
    const id = operator.split('_')[1] ?? '';
    await at.as(admin, { method: 'DELETE', path: `/tokens/${id}` });
    const lowered = await at.token('viewer', 'ops');
    expect((await at.as(lowered, enable)).status).toBe(403);
    // Another principal's key is another key.
    const other = await at.as(admin, enable);
    expect(other.status).toBe(200);
    expect(at.world.asked.length).toBe(2);
  });
});

describe('an open stream', () => {
  it('ends when its token is revoked, and says why', async () => {
    at = await servedGuarded();
    const admin = await at.token('admin');
    const viewer = await at.token('viewer');
    const stream = await sse(`${at.url}/events`, bearer(viewer));
    expect(stream.headers).toMatchObject({
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
    });
    const rest = stream.rest();
    await at.as(admin, { method: 'DELETE', path: `/tokens/${viewer.split('_')[1] ?? ''}` });
    expect((await rest).at(-1)).toMatchObject({
      event: 'problem',
      data: { code: 'unauthenticated', status: 401 },
    });
    await stream.closed;
  });

  it('ends when its token’s time is up', async () => {
    at = await servedGuarded();
    await at.token('admin');
    const viewer = await at.token('viewer', 'short', 5_000);
    const stream = await sse(`${at.url}/events`, bearer(viewer));
    const rest = stream.rest();
    await at.world.clock.advance(5_000);
    expect((await rest).at(-1)).toMatchObject({ event: 'problem' });
  });

  it('is one of so many; the next is told to come back, and may when one has gone', async () => {
    at = await servedGuarded({ limits: { eventStreamsMax: 2 } });
    const token = await at.token('admin');
    const open = () => sse(`${at.url}/events`, bearer(token));
    const [one] = [await open(), await open()];
    const refused = await open();
    expect([refused.status, refused.headers['retry-after']]).toEqual([503, '1']);
    one.go();
    await one.closed;
    let again = await open();
    while (again.status !== 200) again = await open();
    expect(again.status).toBe(200);
  });
});

describe('waits for the views', () => {
  it('are so many at once; the next is told to come back', async () => {
    at = await servedGuarded({ limits: { viewWaitsMax: 2 } });
    const token = await at.token('viewer', 'v').catch(() => at.token('admin', 'a'));
    const waiting: ((isShown: boolean) => void)[] = [];
    at.world.views.caughtUp = () =>
      new Promise((resolve) => {
        waiting.push(resolve);
      });
    const ask = () => at.as(token, { path: '/collectors/moralis?min_revision=9.9.9' });
    const asked = [ask(), ask()];
    while (waiting.length < 2) await at.get('/livez');
    expect(problemOf(await ask())).toMatchObject({ status: 503, code: 'overloaded' });
    for (const resolve of waiting) resolve(false);
    for (const told of await Promise.all(asked)) expect(problemOf(told).code).toBe('view_behind');
  });
});
