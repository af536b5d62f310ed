import { gunzipSync } from 'node:zlib';
import { get, type IncomingMessage } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import type { Fault } from '../../src/sources/sandbox/index.js';
import { settle } from '../support/clock.js';
import { NOON, rawGet, recording, sandboxKit, WALLET, type Kit } from '../support/sandbox-kit.js';

const PATH = '/api/v3/klines?symbol=BTCUSDT&interval=1h&limit=5';
const BALANCES = `/${WALLET}/erc20`;

async function faulty(...faults: readonly Fault[]): Promise<Kit> {
  const kit = await sandboxKit();
  kit.control.setFaults('binance', faults);
  return kit;
}
const ask = (kit: Kit) => kit.get('binance', PATH);
const raw = (kit: Kit, enough?: (bytes: number) => boolean) =>
  rawGet(`${kit.upstreamUrl('binance')}${PATH}`, enough);
const head = (text: string): string => text.slice(0, text.indexOf('\r\n\r\n')).toLowerCase();
const body = (text: string): string => text.slice(text.indexOf('\r\n\r\n') + 4);
const last = (kit: Kit) => kit.control.requests().at(-1);

describe('statuses', () => {
  it('429 with Retry-After in seconds, as a date, without, and as garbage', async () => {
    const throttle = { kind: 'status', status: 429, retryAfterSeconds: 5 } as const;
    const kit = await faulty(
      { ...throttle, count: 1 },
      { ...throttle, retryAfter: 'http_date', count: 1 },
      { ...throttle, retryAfter: 'none', count: 1 },
      { ...throttle, retryAfter: 'garbage', count: 1 },
    );
    const told: (string | null)[] = [];
    for (let n = 0; n < 4; n += 1) {
      const answer = await ask(kit);
      expect(answer.status).toBe(429);
      expect(answer.body).toEqual(recording('historical/doc_429_too_many_requests_1003.json').body);
      expect(answer.headers.get('x-mbx-used-weight-1m')).not.toBeNull();
      told.push(answer.headers.get('retry-after'));
      kit.clock.jump(10_000);
    }
    const [seconds, date, none, garbage] = told;
    expect(seconds).toBe('5');
    expect(Date.parse(date ?? '')).toBe(NOON + 10_000 + 5000);
    expect(none).toBeNull();
    expect(Number.isNaN(Number(garbage)) && Number.isNaN(Date.parse(garbage ?? ''))).toBe(true);
    expect((await ask(kit)).status).toBe(200);
  });

  it('5xx empty, as HTML or as JSON, without the provider’s own headers', async () => {
    const kit = await faulty(
      { kind: 'status', status: 500, count: 1 },
      { kind: 'status', status: 502, body: 'html', count: 1 },
      { kind: 'status', status: 503, body: 'json', retryAfter: 'seconds', count: 1 },
    );
    const [empty, html, json] = [await ask(kit), await ask(kit), await ask(kit)];
    expect([empty.status, empty.text]).toEqual([500, '']);
    expect([html.status, html.headers.get('content-type')]).toEqual([502, 'text/html']);
    expect(html.text).toContain('<h1>502');
    expect([json.status, json.headers.get('retry-after')]).toEqual([503, '2']);
    expect(empty.headers.get('x-mbx-used-weight')).toBeNull();
  });

  it('a request before the Retry-After is over is a violation; after it none', async () => {
    const kit = await sandboxKit();
    const throttle = { kind: 'status', status: 429, retryAfterSeconds: 5, count: 1 } as const;
    kit.control.setFaults('moralis', [throttle]);
    kit.control.configure('moralis', { signalGraceMs: 0 });
    await kit.get('moralis', BALANCES);
    await kit.clock.advance(4999);
    await kit.get('moralis', BALANCES);
    await kit.clock.advance(1);
    await kit.get('moralis', BALANCES);
    expect(kit.control.requests().map(({ standing }) => standing)).toEqual([
      'clear',
      'violation',
      'clear',
    ]);
  });

  it('a redirect, to itself or elsewhere', async () => {
    const kit = await faulty(
      { kind: 'redirect', count: 1 },
      { kind: 'redirect', location: 'http://169.254.169.254/latest', count: 1 },
    );
    const [own, other] = [await ask(kit), await ask(kit)];
    expect([own.status, own.headers.get('location')]).toEqual([302, `/binance${PATH}`]);
    expect(other.headers.get('location')).toBe('http://169.254.169.254/latest');
  });

  it('a revoked key and a used-up plan, in the provider’s words, until switched off', async () => {
    const kit = await sandboxKit();
    kit.control.configure('moralis', { signalGraceMs: 0 });
    kit.control.setFaults('moralis', [{ kind: 'auth_revoked' }]);
    const revoked = await kit.get('moralis', BALANCES);
    expect([revoked.status, revoked.text]).toEqual([401, '{"message":"Token is invalid format"}']);
    kit.control.setFaults('moralis', [{ kind: 'quota_gone' }]);
    const gone = await kit.get('moralis', BALANCES);
    expect(gone.body).toEqual(recording('moralis/doc_401_daily_quota_consumed.json').body);
    await kit.get('moralis', BALANCES);
    expect(kit.control.counters('moralis').violations).toBe(1);
    kit.control.clearFaults('moralis');
    expect((await kit.get('moralis', BALANCES)).status).toBe(200);
    expect(kit.control.counters('moralis').violations).toBe(1);
  });

  it('a ban that outlives its fault', async () => {
    const kit = await faulty({ kind: 'ban', seconds: 30, count: 1 });
    kit.control.configure('binance', { signalGraceMs: 0 });
    const ban = await ask(kit);
    expect([ban.status, ban.headers.get('retry-after')]).toEqual([418, '30']);
    expect(ban.text).toContain(`banned until ${String(NOON + 30_000)}`);
    await kit.clock.advance(29_000);
    expect((await ask(kit)).status).toBe(418);
    await kit.clock.advance(1000);
    expect((await ask(kit)).status).toBe(200);
    kit.control.setFaults('moralis', [{ kind: 'ban' }]);
    expect((await kit.get('moralis', BALANCES)).text).toContain('SUPPORT BLOCKED');
  });
});

describe('time', () => {
  it('latency holds the answer back for exactly so long', async () => {
    const kit = await faulty({ kind: 'latency', ms: 300 });
    let isAnswered = false;
    const answer = ask(kit).then((done) => {
      isAnswered = true;
      return done;
    });
    await kit.control.seen(() => true);
    await kit.clock.advance(299);
    expect(isAnswered).toBe(false);
    await kit.clock.advance(1);
    expect((await answer).status).toBe(200);
  });

  it('a timeout never answers; the client’s leaving is noticed', async () => {
    const kit = await faulty({ kind: 'timeout', count: 1 });
    const abort = new AbortController();
    const answer = fetch(`${kit.upstreamUrl('binance')}${PATH}`, { signal: abort.signal });
    const left = answer.catch((error: unknown) => error);
    await kit.control.seen(() => true);
    await kit.clock.advance(3_600_000);
    expect(last(kit)?.fate).toBe('pending');
    abort.abort();
    expect(await left).toMatchObject({ name: 'AbortError' });
    await kit.control.seen(({ fate }) => fate !== 'pending');
    expect(last(kit)).toMatchObject({ status: null, fate: 'broken', fault: 'timeout' });
    expect(kit.control.counters('binance').byStatus).toEqual({ none: 1 });
    expect((await ask(kit)).status).toBe(200);
  });

  it('clock skew moves the Date header and the bodies, not the sandbox', async () => {
    const kit = await faulty({ kind: 'clock_skew', ms: -3_600_000 });
    const time = await kit.get('binance', '/api/v3/time');
    expect(time.body).toEqual({ serverTime: NOON - 3_600_000 });
    expect(Date.parse(time.headers.get('date') ?? '')).toBe(NOON - 3_600_000);
    expect(last(kit)?.at).toBe(NOON);
  });

  it('a slow drip sends a few bytes at a time and arrives whole', async () => {
    const kit = await faulty({ kind: 'slow_drip', bytes: 100, everyMs: 50 });
    const whole = await (await sandboxKit()).get('binance', PATH);
    let received = 0;
    const answer = raw(kit, (bytes) => {
      received = bytes;
      return false;
    });
    await kit.control.seen(() => true);
    await kit.clock.advance(50);
    expect(received).toBeLessThan(700);
    while (kit.clock.pending() > 0) await kit.clock.advance(50);
    const { text, end } = await answer;
    expect([body(text), end]).toEqual([whole.text, 'ended']);
  });
});

describe('broken deliveries', () => {
  it('a reset before any header and in the middle of the body', async () => {
    const kit = await faulty(
      { kind: 'reset', at: 'before_headers', count: 1 },
      { kind: 'reset', at: 'mid_body', count: 1 },
    );
    expect(await raw(kit)).toEqual({ text: '', end: 'ECONNRESET' });
    expect(last(kit)).toMatchObject({ status: null, fate: 'broken', fault: 'reset' });
    expect((await raw(kit)).end).toBe('ECONNRESET');
    expect(last(kit)).toMatchObject({ status: 200, fate: 'broken', fault: 'reset' });
    await expect(ask(kit)).resolves.toMatchObject({ status: 200 });
  });

  it('a truncated body: half of what Content-Length promised, then the end', async () => {
    const kit = await faulty({ kind: 'truncated' });
    const { text, end } = await raw(kit);
    const promised = Number(/content-length: (\d+)/.exec(head(text))?.[1]);
    expect(body(text)).toHaveLength(Math.floor(promised / 2));
    expect(end).toBe('ended');
    await expect(ask(kit)).rejects.toThrow();
  });

  it('a huge body is valid JSON of that size, and stops when the client had enough', async () => {
    const kit = await faulty({ kind: 'huge', bytes: 3_000_000 }, { kind: 'huge' });
    const answer = await ask(kit);
    expect(answer.text).toHaveLength(3_000_000);
    expect(answer.body).toEqual([]);
    kit.control.setFaults('binance', [{ kind: 'huge' }]);
    const { end } = await raw(kit, (bytes) => bytes > 1_000_000);
    expect(end).toBe('left');
    await kit.control.seen(({ fate }) => fate === 'abandoned');
  });

  it('a gzip bomb is small on the wire and large behind it', async () => {
    const kit = await faulty({ kind: 'gzip_bomb', bytes: 20_000_000 });
    const answer = await new Promise<IncomingMessage>((resolve) => {
      get(`${kit.upstreamUrl('binance')}${PATH}`, resolve);
    });
    expect(answer.headers['content-encoding']).toBe('gzip');
    const wire = await buffer(answer);
    expect(wire.length).toBeLessThan(100_000);
    expect(gunzipSync(wire)).toHaveLength(20_000_000);
  });

  it('ends what it was sending when it closes', async () => {
    const kit = await faulty({ kind: 'timeout', count: 1 }, { kind: 'slow_drip' });
    const waiting = [raw(kit), raw(kit)];
    await kit.control.seen(({ sequence }) => sequence === 2);
    await settle();
    await kit.close();
    expect((await Promise.all(waiting)).map(({ end }) => end)).not.toContain('left');
    await expect(ask(kit)).rejects.toThrow();
  });
});

describe('spoiled bodies', () => {
  it('another content type, broken JSON, an HTML page, a byte order mark', async () => {
    const kit = await faulty(
      { kind: 'content_type', count: 1 },
      { kind: 'content_type', value: 'text/plain', count: 1 },
      { kind: 'invalid_json', count: 1 },
      { kind: 'invalid_json', form: 'html', count: 1 },
      { kind: 'invalid_json', form: 'bom', count: 1 },
    );
    const answers = [];
    for (let n = 0; n < 5; n += 1) answers.push(await ask(kit));
    const [html, plain, cut, page] = answers;
    expect(html?.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(html?.body).toHaveLength(5);
    expect(plain?.headers.get('content-type')).toBe('text/plain');
    expect([cut?.status, cut?.body]).toEqual([200, undefined]);
    expect(cut?.headers.get('content-type')).toContain('json');
    expect([page?.status, page?.body]).toEqual([200, undefined]);
    expect(page?.text).toContain('<html>');
    kit.control.setFaults('binance', [{ kind: 'invalid_json', form: 'bom' }]);
    const { text } = await raw(kit);
    expect(body(text).charCodeAt(0)).toBe(0xfeff);
  });

  it('schema drift: a column dropped or retyped, a member renamed', async () => {
    const kit = await faulty(
      { kind: 'schema_drift', drift: 'rename', field: 0, count: 1 },
      { kind: 'schema_drift', drift: 'retype', field: 1, count: 1 },
    );
    const [dropped, retyped] = [(await ask(kit)).body, (await ask(kit)).body];
    const first = (value: unknown) => (value as readonly (readonly unknown[])[])[0] ?? [];
    expect(first(dropped)).toHaveLength(11);
    expect(typeof first(retyped)[1]).toBe('number');
    kit.control.setFaults('moralis', [{ kind: 'schema_drift', drift: 'rename', field: 'balance' }]);
    const rows = (await kit.get('moralis', BALANCES)).body as readonly object[];
    expect(rows[0]).toHaveProperty('balance_v2');
    expect(rows[0]).not.toHaveProperty('balance');
  });
});

describe('which requests a fault meets', () => {
  it('only its endpoint, only its provider, only so many, only until then', async () => {
    const kit = await faulty(
      { kind: 'status', status: 500, endpoint: 'time', count: 1 },
      { kind: 'status', status: 502, until: NOON + 1000 },
    );
    const time = () => kit.get('binance', '/api/v3/time');
    expect([(await time()).status, (await time()).status]).toEqual([500, 502]);
    expect((await kit.get('moralis', BALANCES)).status).toBe(200);
    kit.clock.jump(1000);
    expect((await time()).status).toBe(200);
  });

  it('at its rate by the seed: the same requests fail for the same seed', async () => {
    const statuses = async (seed: number): Promise<readonly number[]> => {
      const kit = await sandboxKit({ seed });
      kit.control.setFaults('binance', [{ kind: 'status', status: 500, rate: 0.5 }]);
      const seen: number[] = [];
      for (let n = 0; n < 30; n += 1) seen.push((await kit.get('binance', '/api/v3/time')).status);
      return seen;
    };
    const first = await statuses(1);
    expect(new Set(first)).toEqual(new Set([200, 500]));
    expect(await statuses(1)).toEqual(first);
    expect(await statuses(2)).not.toEqual(first);
  });
});
