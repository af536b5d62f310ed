/** The edge around the operations: who may talk to it, what it counts and logs, how it ends. */
import { Agent, request } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { InsecureBinding, openGatekeeper, restGateway } from '../../src/gateway/index.js';
import type { Steered } from '../../src/actors/engine.js';
import type { LogFields, Logger } from '../../src/kernel/observe.js';
import { silentLogger } from '../../src/kernel/observe.js';
import { settle } from '../support/clock.js';
import { world } from '../support/gateway-fakes.js';
import { problemOf, served } from '../support/gateway-http.js';
import type { Served } from '../support/gateway-http.js';

type Line = readonly [level: string, fields: LogFields | undefined];
let at: Served;
let lines: Line[];

beforeEach(async () => {
  lines = [];
  const log: Logger = {
    ...silentLogger,
    debug: (_text, fields) => void lines.push(['debug', fields]),
    info: (_text, fields) => void lines.push(['info', fields]),
  };
  at = await served({ log });
});
afterEach(() => at.close());

describe('bound to loopback without tokens', () => {
  it.each(['localhost', '127.0.0.1', '127.9.9.9:8000', '[::1]:80', 'headgate.localhost'])(
    'it answers to %s',
    async (host) => {
      expect((await at.ask({ path: '/collectors', headers: { host } })).status).toBe(200);
    },
  );

  it.each(['evil.example', '127.0.0.1.evil.example:8000', 'localhost.evil.example', '10.0.0.1'])(
    'a page that rebound %s to this machine is refused',
    async (host) => {
      const headers = { host, 'content-type': 'application/json' };
      const told = await at.ask({ method: 'POST', path: '/collectors/moralis/disable', headers });
      expect(problemOf(told)).toMatchObject({ status: 403, code: 'host_refused' });
      expect(at.world.asked).toEqual([]);
    },
  );

  it.each([
    'https://evil.example',
    'http://localhost:1',
    'null',
    'http://127.0.0.1:1.evil.example',
  ])('a page of %s is refused', async (origin) => {
    const path = '/collectors/moralis/disable';
    const told = await at.ask({ method: 'POST', path, headers: { origin } });
    expect(problemOf(told)).toMatchObject({ status: 403, code: 'origin_refused' });
    expect(at.world.asked).toEqual([]);
  });

  it('its own pages may ask', async () => {
    const headers = {
      host: `localhost:${String(at.port)}`,
      origin: `http://localhost:${String(at.port)}`,
    };
    expect((await at.ask({ path: '/collectors', headers })).status).toBe(200);
  });
});

describe('bound to more than loopback', () => {
  it('it refuses to start', async () => {
    const gateway = restGateway({
      ...world(),
      log: silentLogger,
      gatekeeper: openGatekeeper(),
    });
    for (const host of ['0.0.0.0', '::', '192.168.1.1', 'example.com', '']) {
      await expect(gateway.listen(host, 0)).rejects.toThrow(InsecureBinding);
    }
    await gateway.close();
  });

  it('unless told that this is meant; then any Host goes and other sites still do not', async () => {
    const open = await served({ insecure: true }, world(), '0.0.0.0');
    try {
      const headers = { host: 'box.example' };
      expect((await open.ask({ path: '/livez', headers })).status).toBe(200);
      const cross = { ...headers, origin: 'https://evil.example' };
      expect((await open.ask({ path: '/livez', headers: cross })).status).toBe(403);
    } finally {
      await open.close();
    }
  });
});

describe('what it tells about itself', () => {
  it('one line per request: commands at info, reads at debug, no query and no body', async () => {
    await at.ask({ path: '/collectors?q=secret', headers: { 'x-request-id': 'a' } });
    await at.json('POST', '/collectors/moralis/disable', { reason: 'secret' });
    await at.get('/nowhere?secret');
    while (lines.length < 3) await settle();
    expect(lines).toMatchObject([
      ['debug', { operation: 'listCollectors', path: '/collectors', status: 200, requestId: 'a' }],
      ['info', { operation: 'disableCollector', method: 'POST', status: 200 }],
      ['debug', { operation: 'none', path: '/nowhere', status: 404 }],
    ]);
    expect(JSON.stringify(lines)).not.toContain('secret');
  });

  it('requests and their time by operation, method and class, in bounded labels', async () => {
    await at.get('/collectors');
    await at.get('/collectors');
    await at.json('PUT', '/collectors/moralis/rate-limit', {});
    await at.get('/collectors/%zz');
    await at.ask({ method: 'PURGE', path: '/livez' });
    await at.raw('noise\r\n\r\n');
    while (lines.length < 5) await settle();
    const [requests, durations] = at.gateway.metrics();
    expect(requests?.samples).toEqual([
      { labels: { operation: 'listCollectors', method: 'GET', class: '2xx' }, value: 2 },
      { labels: { operation: 'updateRateLimit', method: 'PUT', class: '4xx' }, value: 1 },
      { labels: { operation: 'none', method: 'GET', class: '4xx' }, value: 1 },
      { labels: { operation: 'none', method: 'other', class: '4xx' }, value: 2 },
    ]);
    expect(durations?.samples).toContainEqual({
      suffix: '_count',
      labels: { operation: 'listCollectors' },
      value: 2,
    });
  });

  it('answers are not to be cached nor sniffed', async () => {
    const { headers } = await at.get('/collectors');
    expect(headers).toMatchObject({
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    });
  });
});

describe('closing', () => {
  it('lets what is under way finish, refuses what comes after on an open connection', async () => {
    let answer: (steered: Steered) => void = () => undefined;
    at.world.steering = () => new Promise((resolve) => (answer = resolve));
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const under = at.json('POST', '/collectors/moralis/enable');
    while (at.world.asked.length === 0) await settle();

    const idle = await held(at.port, agent);
    const closed = at.gateway.close();
    const late = idle.send();
    answer({ ok: true, changed: true, position: 1 });
    expect((await under).status).toBe(200);
    expect(await late).toMatchObject({ status: 503, code: 'stopping' });
    await closed;
    agent.destroy();
    await expect(at.get('/livez')).rejects.toThrow();
  });

  it('cuts what does not finish within the grace', async () => {
    at.world.steering = () => new Promise<Steered>(() => undefined);
    const under = at.json('POST', '/collectors/moralis/enable');
    const cut = expect(under).rejects.toThrow();
    while (at.world.asked.length === 0) await settle();
    const closed = at.gateway.close();
    await settle();
    await at.world.clock.advance(5_000);
    await closed;
    await cut;
  });
});

/** A request whose head is sent in two parts, so that its connection is busy while the server closes. */
async function held(port: number, agent: Agent) {
  const sent = request({
    host: '127.0.0.1',
    port,
    agent,
    method: 'POST',
    path: '/collectors/moralis/enable',
    headers: { 'content-type': 'application/json', 'transfer-encoding': 'chunked' },
  });
  await new Promise<void>((resolve) =>
    sent.on('socket', (socket) => socket.on('connect', resolve)),
  );
  return {
    send: () =>
      new Promise<{ status: number | undefined; code: unknown }>((resolve, reject) => {
        sent.on('error', reject);
        sent.on('response', (response) => {
          let text = '';
          response.on('data', (chunk: Buffer) => (text += chunk.toString()));
          response.on('end', () => {
            const { code } = JSON.parse(text) as { code: unknown };
            resolve({ status: response.statusCode, code });
          });
        });
        sent.end('{}');
      }),
  };
}
