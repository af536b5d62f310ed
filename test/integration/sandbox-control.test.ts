import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/kernel/random.js';
import {
  PROVIDER_NAMES,
  SANDBOX_MORALIS_KEY,
  SandboxInputInvalid,
  startSandbox,
} from '../../src/sources/sandbox/index.js';
import { virtualClock } from '../support/clock.js';
import {
  got,
  NOON,
  sandboxKit,
  TOKEN,
  WALLET,
  type Got,
  type Kit,
} from '../support/sandbox-kit.js';

const put = (kit: Kit, body: string): Promise<Got> =>
  got(`${kit.url}/__sandbox`, { method: 'PUT', body });
const change = (kit: Kit, value: unknown): Promise<Got> => put(kit, JSON.stringify(value));
const pointers = (answer: Got): readonly string[] =>
  (answer.body as { errors: readonly { pointer: string }[] }).errors.map(({ pointer }) => pointer);

describe('GET and PUT /__sandbox', () => {
  it('show and switch faults and settings while it runs', async () => {
    const kit = await sandboxKit();
    const fault = { kind: 'status', status: 503, body: 'html', count: 2 };
    const changed = await change(kit, {
      providers: { binance: { faults: [fault], settings: { weightLimit: 100 } } },
    });
    expect(changed.status).toBe(200);
    expect((await kit.get('binance', '/api/v3/ping')).status).toBe(503);
    const shown = (await got(`${kit.url}/__sandbox`)).body;
    expect(shown).toMatchObject({
      success: true,
      startedAt: '2026-01-05T12:00:00.000Z',
      providers: {
        binance: {
          upstreamUrl: kit.upstreamUrl('binance'),
          received: 1,
          violations: 0,
          byStatus: { '503': 1 },
          endpoints: { ping: { received: 1, weight: 1, byStatus: { '503': 1 } } },
          faults: [{ ...fault, count: 1 }],
          settings: { weightLimit: 100, weightWindowMs: 60_000 },
          usage: { usedWeight: 1 },
        },
        moralis: { received: 0, faults: [] },
      },
      log: [{ provider: 'binance', endpoint: 'ping', status: 503, fault: 'status' }],
    });
  });

  it('refuse nonsense with the place and the rule, and change nothing', async () => {
    const kit = await sandboxKit();
    const before = kit.control.snapshot().providers;
    const refused = await change(kit, {
      color: 1,
      providers: {
        binance: { faults: [{ kind: 'latency', ms: 1 }], settings: { weightLimit: -1 } },
        moralis: { faults: [{ kind: 'latency' }], settings: { nope: 1 }, extra: 1 },
        kraken: {},
      },
    });
    expect(refused.status).toBe(400);
    expect([...new Set(pointers(refused))].sort()).toEqual([
      '/color',
      '/providers/binance/settings/weightLimit',
      '/providers/kraken',
      '/providers/moralis/extra',
      '/providers/moralis/faults/0/ms',
      '/providers/moralis/settings/nope',
    ]);
    expect((refused.body as { error: string }).error).toContain(
      '/providers/kraken: must be one of',
    );
    expect(kit.control.snapshot().providers).toEqual(before);
  });

  it('refuse what is no JSON object, too large, or another method', async () => {
    const kit = await sandboxKit();
    expect((await put(kit, '{')).status).toBe(400);
    expect((await put(kit, '')).status).toBe(400);
    for (const value of [7, [], null, { providers: [] }, { reset: 'yes' }]) {
      expect((await change(kit, value)).status).toBe(400);
    }
    for (const part of [7, { faults: {} }, { settings: [] }]) {
      expect((await change(kit, { providers: { binance: part } })).status).toBe(400);
    }
    expect((await put(kit, ' '.repeat(70_000))).status).toBe(413);
    const removed = await got(`${kit.url}/__sandbox`, { method: 'DELETE' });
    expect([removed.status, removed.headers.get('allow')]).toEqual([405, 'GET, PUT']);
    expect((await got(`${kit.url}/__sandbox?log=-1`)).status).toBe(400);
    expect((await got(`${kit.url}/__sandbox?log=many`)).status).toBe(400);
    expect((await change(kit, {})).status).toBe(200);
  });

  it('never show a key', async () => {
    const kit = await sandboxKit();
    await kit.get('moralis', `/${WALLET}/erc20?api_key=${SANDBOX_MORALIS_KEY}`);
    const { text } = await got(`${kit.url}/__sandbox?log=10`);
    expect(text).toContain('getWalletTokenBalances');
    expect(text).not.toContain(SANDBOX_MORALIS_KEY);
  });

  it('start over with reset: counters, limits, bans, faults and settings', async () => {
    const kit = await sandboxKit();
    kit.control.configure('binance', { weightLimit: 0, signalGraceMs: 0 });
    kit.control.setFaults('moralis', [{ kind: 'timeout' }]);
    await kit.get('binance', '/api/v3/ping');
    expect((await kit.get('binance', '/api/v3/ping')).status).toBe(418);
    const settings = { providers: { moralis: { settings: { historyDays: 1 } } } };
    expect((await change(kit, { reset: true, ...settings })).status).toBe(200);
    expect(kit.control.requests()).toEqual([]);
    expect(kit.control.counters('binance').received).toBe(0);
    expect((await kit.get('binance', '/api/v3/ping')).headers.get('x-mbx-used-weight')).toBe('1');
    const { moralis } = kit.control.snapshot().providers;
    expect([moralis.faults, moralis.settings['historyDays']]).toEqual([[], 1]);
    expect(kit.control.violations()).toEqual([]);
  });
});

describe('the control in process', () => {
  it('throws for what it does not understand, naming all of it', async () => {
    const kit = await sandboxKit();
    const nonsense = () => {
      kit.control.setFaults('binance', [{ kind: 'status', status: 200 }]);
    };
    expect(nonsense).toThrow(SandboxInputInvalid);
    expect(nonsense).toThrow(/\/providers\/binance\/faults\/0\/status/);
    expect(() => {
      kit.control.setFaults('binance', [{ kind: 'quota_gone' }]);
    }).toThrow('this provider knows no quota_gone');
  });

  it('knows every request that was sent, in order, with what it carried', async () => {
    const kit = await sandboxKit();
    const headers = { 'x-api-key': SANDBOX_MORALIS_KEY, 'x-headgate-request-id': 'r-1' };
    await kit.get('moralis', `/erc20/${TOKEN}/transfers?limit=3`, headers);
    await kit.get('binance', '/api/v3/time', { 'x-request-id': 'r-2' });
    expect(kit.control.requests()).toEqual([
      {
        sequence: 1,
        at: NOON,
        provider: 'moralis',
        endpoint: 'getTokenTransfers',
        method: 'GET',
        path: `/erc20/${TOKEN}/transfers`,
        query: { limit: '3' },
        status: 200,
        weight: 100,
        requestId: 'r-1',
        fault: null,
        standing: 'clear',
        fate: 'answered',
      },
      expect.objectContaining({ sequence: 2, provider: 'binance', requestId: 'r-2', weight: 1 }),
    ]);
    expect(kit.control.requests({ provider: 'binance' })).toHaveLength(1);
    expect(kit.control.requests({ endpoint: 'getTokenTransfers' })).toHaveLength(1);
  });

  it('tells of a request as it comes, and of one that came before', async () => {
    const kit = await sandboxKit();
    const coming = kit.control.seen(({ endpoint }) => endpoint === 'time');
    await kit.get('binance', '/api/v3/ping');
    await kit.get('binance', '/api/v3/time');
    expect(await coming).toMatchObject({ endpoint: 'time', sequence: 2 });
    expect(await kit.control.seen(({ endpoint }) => endpoint === 'ping')).toMatchObject({
      sequence: 1,
    });
  });

  it('counts concurrent requests one by one', async () => {
    const kit = await sandboxKit();
    await Promise.all(Array.from({ length: 100 }, () => kit.get('binance', '/api/v3/time')));
    const { received, byStatus, endpoints } = kit.control.counters('binance');
    expect([received, byStatus, endpoints['time']?.weight]).toEqual([100, { '200': 100 }, 100]);
    const sequences = kit.control.requests().map(({ sequence }) => sequence);
    expect(sequences).toEqual(Array.from({ length: 100 }, (_, index) => index + 1));
  });
});

describe('the server', () => {
  it('1: refuses to listen anywhere but on loopback', async () => {
    const options = { port: 0, clock: virtualClock(), random: seededRandom(1), host: '0.0.0.0' };
    await expect(startSandbox(options)).rejects.toThrow('loopback only');
  });

  it('fails where the port is taken', async () => {
    const kit = await sandboxKit();
    const port = Number(new URL(kit.url).port);
    const options = { port, clock: virtualClock(), random: seededRandom(1) };
    await expect(startSandbox(options)).rejects.toMatchObject({ code: 'sandbox_unavailable' });
  });

  it('answers a path without a provider with a 404 that names them', async () => {
    const kit = await sandboxKit();
    for (const path of ['/', '/kraken/x', '/binance', '/moralis/api/v2/x', '/binancex/y']) {
      const answer = await got(`${kit.url}${path}`);
      expect([answer.status, answer.text]).toEqual([
        404,
        `no such upstream; the sandbox has ${PROVIDER_NAMES.join(', ')}, and /__sandbox\n`,
      ]);
    }
  });

  it('3: closes at once though connections are kept alive, and twice without harm', async () => {
    const kit = await sandboxKit();
    await kit.get('binance', '/api/v3/ping');
    await Promise.all([kit.close(), kit.close()]);
    await expect(kit.get('binance', '/api/v3/ping')).rejects.toThrow();
    expect(kit.clock.pending()).toBe(0);
  });

  it('compresses long answers for clients that accept it', async () => {
    const kit = await sandboxKit();
    const path = '/api/v3/klines?symbol=BTCUSDT&interval=1h&limit=500';
    const zipped = await kit.get('binance', path);
    const plain = await kit.get('binance', path, { 'accept-encoding': 'identity' });
    expect(zipped.headers.get('content-encoding')).toBe('gzip');
    expect(plain.headers.get('content-encoding')).toBeNull();
    expect(zipped.text).toBe(plain.text);
  });
});
