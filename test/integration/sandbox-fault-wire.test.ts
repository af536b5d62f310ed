/** Faults of connections and of bytes, as a plain socket sees them; and that all are documented. */
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { FAULT_KINDS } from '../../src/sources/sandbox/fault-kinds.js';
import {
  PROVIDER_NAMES,
  SCENARIO_NAMES,
  startSandbox,
  type Fault,
} from '../../src/sources/sandbox/index.js';
import { seededRandom } from '../../src/kernel/random.js';
import { until } from '../support/app-http.js';
import { settle, virtualClock } from '../support/clock.js';
import { got, NOON, rawGet, sandboxKit, WALLET, type Kit } from '../support/sandbox-kit.js';

const PATH = '/api/v3/klines?symbol=BTCUSDT&interval=1h&limit=5';
const BALANCES = `/${WALLET}/erc20`;
const ask = (kit: Kit) => kit.get('binance', PATH);
const urlOf = (kit: Kit): string => `${kit.upstreamUrl('binance')}${PATH}`;
const set = (kit: Kit, ...faults: readonly Fault[]) => {
  kit.control.setFaults('binance', faults);
};
const shown = (kit: Kit) => kit.control.snapshot(0).providers.binance;
const isListening = (kit: Kit) => () => shown(kit).sockets.listening;

describe('an unreachable provider', () => {
  it('refuses connections at its own port and cuts those that stand; its siblings go on', async () => {
    const kit = await sandboxKit();
    await ask(kit);
    expect(shown(kit)).toMatchObject({ unreachable: null, sockets: { listening: true } });
    set(kit, { kind: 'unreachable' });
    expect(await rawGet(urlOf(kit))).toEqual({ text: '', end: 'ECONNREFUSED' });
    await until('no connection stands', () => shown(kit).sockets.open === 0);
    expect(shown(kit)).toMatchObject({ unreachable: 'refused', sockets: { listening: false } });
    // At the common port nobody answers for it either.
    expect((await rawGet(`${kit.url}/binance${PATH}`)).end).toBe('ECONNRESET');
    expect((await kit.get('moralis', BALANCES)).status).toBe(200);
    const { received } = kit.control.counters('binance');
    expect(received).toBe(1);
    set(kit);
    await until('it listens again', isListening(kit));
    expect((await ask(kit)).status).toBe(200);
    expect(new URL(kit.upstreamUrl('binance')).port).toBe(new URL(urlOf(kit)).port);
  });

  it('flaps by its cycle, and is back when its time is over', async () => {
    const kit = await sandboxKit();
    const cycle = { onMs: 1000, offMs: 500 };
    set(kit, { kind: 'unreachable', afterMs: 100, forMs: 2500, cycle });
    const seen: boolean[] = [];
    for (const ms of [50, 100, 1000, 500, 900, 1000]) {
      await kit.clock.advance(ms);
      const isMeant = shown(kit).unreachable === null;
      await until('its port follows', () => isListening(kit)() === isMeant);
      seen.push(isMeant);
    }
    expect(seen).toEqual([true, false, true, false, false, true]);
    expect(shown(kit).faults).toEqual([]);
    expect(kit.clock.pending()).toBe(0);
  });

  it('waits for its port when somebody else has it meanwhile, and closes without it', async () => {
    const kit = await sandboxKit();
    const port = Number(new URL(kit.upstreamUrl('binance')).port);
    set(kit, { kind: 'unreachable' });
    const squatter = await startSandbox({
      port,
      clock: virtualClock(),
      random: seededRandom(1),
    });
    set(kit);
    await until('it tried and will again', () => kit.clock.pending() === 1);
    await squatter.close();
    await kit.clock.advance(100);
    await until('it listens again', isListening(kit));
    expect((await ask(kit)).status).toBe(200);
    set(kit, { kind: 'unreachable' });
    await kit.close();
    expect(kit.clock.pending()).toBe(0);
  });

  it('opens no port at all where one of them cannot be had', async () => {
    const kit = await sandboxKit();
    const port = Number(new URL(kit.upstreamUrl('moralis')).port);
    const taken = startSandbox({ port, clock: virtualClock(), random: seededRandom(1) });
    await expect(taken).rejects.toMatchObject({ code: 'sandbox_unavailable' });
  });

  it('counts the connections of each provider', async () => {
    const kit = await sandboxKit();
    const { hostname, port } = new URL(kit.upstreamUrl('binance'));
    const sockets = [connect(Number(port), hostname), connect(Number(port), hostname)];
    await until('both stand', () => shown(kit).sockets.open === 2);
    for (const socket of sockets) socket.destroy();
    await until('both are gone', () => shown(kit).sockets.open === 0);
    expect(shown(kit).sockets.opened).toBe(2);
    expect(kit.control.snapshot(0).providers.moralis.sockets.opened).toBe(0);
  });
});

describe('bytes', () => {
  it('that are no HTTP', async () => {
    const kit = await sandboxKit();
    set(kit, { kind: 'not_http' });
    const { text } = await rawGet(urlOf(kit));
    expect(text.startsWith('\u0015\u0003\u0001')).toBe(true);
    await expect(ask(kit)).rejects.toThrow();
    expect(kit.control.requests().at(-1)).toMatchObject({ status: null, fate: 'broken' });
  });

  it('shorter or longer than Content-Length says', async () => {
    const kit = await sandboxKit();
    set(kit, { kind: 'wrong_length', claim: 'shorter', count: 1 });
    const { text } = await rawGet(urlOf(kit));
    const told = Number(/content-length: (\d+)/i.exec(text)?.[1]);
    expect(text.length - text.indexOf('\r\n\r\n') - 4).toBeGreaterThan(told);
    set(kit, { kind: 'wrong_length', claim: 'longer' });
    let heard = '';
    const abort = new AbortController();
    const answer = await fetch(urlOf(kit), { signal: abort.signal });
    const reader = answer.body?.getReader();
    const promised = Number(answer.headers.get('content-length'));
    while (!heard.endsWith(']]')) {
      const part = await reader?.read();
      heard += Buffer.from(part?.value ?? []).toString('utf8');
    }
    await settle();
    expect([promised, kit.control.requests().at(-1)?.fate]).toEqual([2 * heard.length, 'pending']);
    abort.abort();
    await kit.control.seen(({ sequence, fate }) => sequence === 2 && fate === 'broken');
  });

  it('in another charset than JSON has', async () => {
    const kit = await sandboxKit();
    set(kit, { kind: 'charset', count: 1 }, { kind: 'charset', encoding: 'latin1' });
    const bytes = async () => Buffer.from(await (await fetch(urlOf(kit))).arrayBuffer());
    const wide = await bytes();
    expect(wide.subarray(0, 2)).toEqual(Buffer.from([0xff, 0xfe]));
    expect(JSON.parse(wide.subarray(2).toString('utf16le'))).toHaveLength(5);
    const latin = await bytes();
    expect(latin.includes(0xe9)).toBe(true);
    expect(() => new TextDecoder('utf-8', { fatal: true }).decode(latin)).toThrow();
  });

  it('that mean nothing: random, nested, none, null; or an error with 200', async () => {
    const kit = await sandboxKit();
    const error = { status: 'error', note: 'try later' };
    set(
      kit,
      { kind: 'garbage', count: 1 },
      { kind: 'garbage', form: 'nested', count: 1 },
      { kind: 'garbage', form: 'empty', count: 1 },
      { kind: 'garbage', form: 'null', count: 1 },
      { kind: 'error_body', count: 1 },
      { kind: 'error_body', body: error, count: 1 },
    );
    const answers = [];
    for (let n = 0; n < 6; n += 1) answers.push(await ask(kit));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 200]);
    const [random, nested, none, nothing, internal, own] = answers;
    expect(random?.body).toBeUndefined();
    expect(random?.text.length).toBeGreaterThan(1000);
    expect(nested?.text).toHaveLength(20_000);
    expect(none?.text).toBe('');
    expect(nothing?.text).toBe('null');
    expect(internal?.body).toEqual({ error: 'internal error', code: 500 });
    expect(own?.body).toEqual(error);
  });
});

describe('words and headers', () => {
  it('throttled: status, headers and body as the provider says it, and a signal', async () => {
    const kit = await sandboxKit();
    kit.control.setFaults('moralis', [{ kind: 'throttled', count: 1 }]);
    const answer = await kit.get('moralis', BALANCES);
    expect([answer.status, answer.body]).toEqual([429, { message: 'Too Many Requests' }]);
    expect(kit.control.counters('moralis').firstSignalAt).toBe(new Date(NOON).toISOString());
    await kit.clock.advance(500);
    await kit.get('moralis', BALANCES);
    expect(kit.control.counters('moralis')).toMatchObject({
      violations: 1,
      violationsBy: { forbidden: 1, beyond: 0 },
    });
  });

  it('headers: in place of the provider’s own, beside another fault', async () => {
    const kit = await sandboxKit();
    const headers = { 'x-mbx-used-weight-1m': 'plenty', 'x-more': '1' };
    set(kit, { kind: 'headers', set: headers }, { kind: 'status', status: 429, count: 1 });
    const [throttled, plain] = [await ask(kit), await ask(kit)];
    for (const answer of [throttled, plain]) {
      expect(answer.headers.get('x-mbx-used-weight-1m')).toBe('plenty');
      expect(answer.headers.get('x-more')).toBe('1');
    }
    expect([throttled.status, plain.status]).toEqual([429, 200]);
    expect(kit.control.requests().map(({ fault }) => fault)).toEqual(['headers+status', 'headers']);
  });

  it('a redirect has the status and the address it was given', async () => {
    const kit = await sandboxKit();
    set(kit, { kind: 'redirect', status: 308, location: 'file:///nowhere' });
    const answer = await ask(kit);
    expect([answer.status, answer.headers.get('location')]).toEqual([308, 'file:///nowhere']);
  });
});

describe('docs/sandbox.md', () => {
  const text = readFileSync(new URL('../../docs/sandbox.md', import.meta.url), 'utf8');
  const requests = [...text.matchAll(/^put '(\{.*\})'$/gm)].map(([, json = '']) => json);

  it('has a request for every kind of fault and every scenario, and each of them is understood', async () => {
    const kit = await sandboxKit();
    for (const json of requests) {
      const answer = await got(`${kit.url}/__sandbox`, { method: 'PUT', body: json });
      expect([json, answer.status, answer.text]).toEqual([json, 200, answer.text]);
    }
    const all = requests.join('\n');
    expect(FAULT_KINDS.filter((kind) => !all.includes(`"kind":"${kind}"`))).toEqual([]);
    expect(SCENARIO_NAMES.filter((name) => !text.includes(`\`${name}\``))).toEqual([]);
    expect(PROVIDER_NAMES.filter((name) => !text.includes(name))).toEqual([]);
  });
});
