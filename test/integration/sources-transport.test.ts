/** The real transport against a real, hostile server: rows 52 to 62 of the fault catalogue. */
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, createGzip } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/kernel/time.js';
import { jsonBody } from '../../src/sources/index.js';
import { undiciTransport, type UndiciTransport } from '../../src/sources/http.undici.js';
import type { Exchange, OutgoingRequest } from '../../src/sources/port.js';
import { testServer, until, type TestServer } from '../support/sources-server.js';

let transport: UndiciTransport;
let server: TestServer;

beforeEach(async () => {
  transport = undiciTransport({ clock: systemClock() });
  server = await testServer();
});
afterEach(async () => {
  await transport.close();
  await server.close();
});

function get(path = '/', options: Partial<OutgoingRequest> = {}): Promise<Exchange> {
  return transport.send({
    method: 'GET',
    url: new URL(path, server.url),
    headers: {},
    timeoutMs: 10_000,
    bodyBytesMax: 1_000_000,
    allowLoopback: true,
    signal: new AbortController().signal,
    ...options,
  });
}

function failure(exchange: Exchange): Extract<Exchange, { kind: 'failed' }> {
  if (exchange.kind !== 'failed') throw new Error(`answered ${String(exchange.status)}`);
  return exchange;
}

/** A server below HTTP: writes these bytes on each connection. */
async function rawServer(speak: (socket: Socket) => void): Promise<{ url: string; close(): void }> {
  const open = new Set<Socket>();
  const raw = createServer((socket) => {
    open.add(socket);
    socket.on('error', () => undefined);
    socket.once('data', () => {
      speak(socket);
    });
  });
  await new Promise<void>((resolve) => raw.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${String((raw.address() as AddressInfo).port)}/`,
    close: () => {
      raw.close();
      for (const socket of open) socket.destroy();
    },
  };
}

async function getRaw(speak: (socket: Socket) => void): Promise<Exchange> {
  const raw = await rawServer(speak);
  try {
    return await get('/', { url: new URL(raw.url) });
  } finally {
    raw.close();
  }
}

describe('an answer', () => {
  it('comes with its status, lower-case headers and body', async () => {
    server.answer((_request, response) => {
      response.writeHead(207, { 'X-Thing': ['a', 'b'] }).end('{"a":1}');
    });
    const exchange = await get('/p?q=%20x');
    expect(exchange).toMatchObject({
      kind: 'answered',
      status: 207,
      headers: { 'x-thing': 'a, b' },
    });
    expect(jsonBody(exchange)).toEqual({ a: 1 });
    expect(server.seen[0]?.url.search).toBe('?q=%20x');
  });

  const text = JSON.stringify({ rows: Array.from({ length: 2000 }, (_, n) => `row ${String(n)}`) });
  it.each([
    ['gzip', gzipSync(text)],
    ['br', brotliCompressSync(text)],
    ['deflate', deflateSync(text)],
    ['deflate', deflateRawSync(text)],
  ])('is decoded from %s', async (coding, bytes) => {
    server.answer((_request, response) => {
      response.writeHead(200, { 'content-encoding': coding }).end(bytes);
    });
    expect(JSON.stringify(jsonBody(await get()))).toBe(text);
  });

  it('may be empty, though a coding is named', async () => {
    server.answer((_request, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end();
    });
    expect(await get()).toMatchObject({ kind: 'answered', body: Buffer.alloc(0) });
  });

  it.each([
    ['a byte order mark', Buffer.from('\ufeff{"a":1}'), 'application/json'],
    ['text/plain', Buffer.from('{"a":1}'), 'text/plain; charset=utf-8'],
    ['a charset it does not have', Buffer.from('{"a":1}'), 'application/json; charset=utf-16'],
  ])('is read as JSON with %s', async (_what, bytes, type) => {
    server.answer((_request, response) => {
      response.writeHead(200, { 'content-type': type }).end(bytes);
    });
    expect(jsonBody(await get())).toEqual({ a: 1 });
  });

  it.each([
    ['bytes of another charset', Buffer.from('{"a":"\xe9"}', 'latin1')],
    ['UTF-16', Buffer.from('\ufeff{"a":1}', 'utf16le')],
    ['HTML', Buffer.from('<html></html>')],
    ['a cut document', Buffer.from('{"a":')],
    ['nothing', Buffer.alloc(0)],
  ])('is no JSON when it holds %s', async (_what, bytes) => {
    server.answer((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(bytes);
    });
    const exchange = await get();
    expect(exchange.kind).toBe('answered');
    expect(jsonBody(exchange)).toBeUndefined();
  });

  it('that is a redirect is answered, not followed', async () => {
    for (const to of ['/again', 'http://169.254.169.254/latest/meta-data/', 'file:///etc/passwd']) {
      server.answer((_request, response) => {
        response.writeHead(302, { location: to }).end();
      });
      expect(await get('/loop')).toMatchObject({ kind: 'answered', status: 302 });
    }
    expect(server.seen.length).toBe(3);
  });
});

it('a form is posted whole, with its length, and read by the upstream', async () => {
  const form = 'grant_type=client_credentials&scope=%C3%A9';
  let posted = '';
  server.answer((request, response) => {
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => (posted += chunk));
    request.on('end', () => response.end('{"ok":true}'));
  });
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const exchange = await get('/token', { method: 'POST', headers, body: form });
  expect(jsonBody(exchange)).toEqual({ ok: true });
  expect(posted).toBe(form);
  const [seen] = server.seen;
  expect(seen?.method).toBe('POST');
  expect(seen?.headers).toMatchObject({ ...headers, 'content-length': String(form.length) });
});

describe('the deadline', () => {
  it('T1: ends an exchange whose headers never come', async () => {
    server.answer(() => undefined);
    const failed = failure(await get('/', { timeoutMs: 50 }));
    expect(failed).toMatchObject({ cause: 'timeout', sent: true });
    await until(() => server.sockets.open.size === 0);
    // Not called up again: undici alone would open a new connection for the abandoned request.
    await transport.close();
    expect(server.sockets.opened).toBe(1);
  });

  it('T1: ends a body that drips, which never pauses long enough for an idle timeout', async () => {
    server.answer((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const drip = (): void => {
        if (!response.destroyed) response.write(' ');
        if (!response.destroyed) systemClock().after(5, drip);
      };
      drip();
    });
    const failed = failure(await get('/', { timeoutMs: 80 }));
    expect(failed).toMatchObject({ cause: 'timeout', status: 200, sent: true });
    expect(failed.bytes).toBeGreaterThan(0);
    await until(() => server.sockets.open.size === 0);
  });

  it('covers the wait for a connection, and what never left says so', async () => {
    await transport.close();
    transport = undiciTransport({ clock: systemClock(), connectionsPerOrigin: 1 });
    server.answer(() => undefined);
    const first = get('/', { timeoutMs: 150 });
    const second = failure(await get('/', { timeoutMs: 30 }));
    expect(second).toMatchObject({ cause: 'timeout', sent: false });
    expect(failure(await first).sent).toBe(true);
    expect(server.seen.length).toBe(1);
  });

  it('gives way to our own abort, which is named apart', async () => {
    const controller = new AbortController();
    server.answer(() => {
      controller.abort();
    });
    expect(failure(await get('/', { signal: controller.signal }))).toMatchObject({
      cause: 'aborted',
      sent: true,
    });
    const late = failure(await get('/', { signal: controller.signal }));
    expect(late).toMatchObject({ cause: 'aborted', sent: false });
    expect(server.seen.length).toBe(1);
  });
});

describe('the cap', () => {
  it('T2: stops a huge plain body and keeps only a head of it', async () => {
    server.answer((_request, response) => {
      const chunk = Buffer.alloc(64 * 1024, 0x61);
      const more = (): void => {
        while (!response.destroyed && response.write(chunk));
        if (!response.destroyed) response.once('drain', more);
      };
      response.writeHead(200);
      more();
    });
    const failed = failure(await get('/', { bodyBytesMax: 300_000 }));
    expect(failed).toMatchObject({ cause: 'too_large', status: 200 });
    expect(failed.head?.byteLength).toBe(4096);
    expect(failed.bytes).toBeLessThan(300_000 + 128 * 1024);
    await until(() => server.sockets.open.size === 0);
  });

  it('T2: counts decoded bytes: a bomb is stopped with memory flat', async () => {
    const zeros = Buffer.alloc(1024 * 1024);
    let bomb = Buffer.alloc(0);
    const gzip = createGzip();
    gzip.on('data', (chunk: Buffer) => (bomb = Buffer.concat([bomb, chunk])));
    const packed = new Promise((resolve) => gzip.on('end', resolve));
    for (let n = 0; n < 200; n += 1) gzip.write(zeros);
    gzip.end();
    await packed;
    expect(bomb.byteLength).toBeLessThan(300_000);
    server.answer((_request, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb);
    });
    const before = process.memoryUsage().arrayBuffers;
    const failed = failure(await get('/', { bodyBytesMax: 1_000_000 }));
    expect(failed).toMatchObject({ cause: 'too_large', status: 200 });
    expect(failed.bytes).toBeLessThan(1_100_000);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(20_000_000);
  });

  it('lets a body of exactly its size through', async () => {
    server.answer((_request, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(' '.repeat(999)));
    });
    expect((await get('/', { bodyBytesMax: 999 })).kind).toBe('answered');
    expect((await get('/', { bodyBytesMax: 998 })).kind).toBe('failed');
  });

  it('bounds the headers too', async () => {
    const failed = await getRaw((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\nx-long: ${'a'.repeat(64 * 1024)}\r\n\r\n`);
    });
    expect(failure(failed).cause).toBe('too_large');
  });
});

describe('a broken connection', () => {
  it('that is cut inside a body is truncated', async () => {
    const failed = await getRaw((socket) => {
      socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"a":1}');
    });
    expect(failure(failed)).toMatchObject({ cause: 'truncated', status: 200, bytes: 7 });
  });

  it('that is cut inside a chunk is truncated', async () => {
    const failed = await getRaw((socket) => {
      socket.end('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n40\r\n{"a":1}');
    });
    expect(failure(failed)).toMatchObject({ cause: 'truncated', status: 200 });
  });

  it('that announces less than it sends yields what was announced, and is not used again', async () => {
    const exchange = await getRaw((socket) => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n{"a":1}');
    });
    expect(exchange.kind).toBe('answered');
    expect(jsonBody(exchange)).toBeUndefined();
  });

  it('whose gzip is cut or damaged is truncated', async () => {
    const whole = gzipSync(JSON.stringify({ a: 'b'.repeat(1000) }));
    for (const bytes of [whole.subarray(0, -12), Buffer.from('no gzip at all')]) {
      server.answer((_request, response) => {
        response.writeHead(200, { 'content-encoding': 'gzip' }).end(bytes);
      });
      expect(failure(await get())).toMatchObject({ cause: 'truncated', status: 200 });
    }
  });

  it('is reset before and inside an answer', async () => {
    const before = failure(await getRaw((socket) => socket.resetAndDestroy()));
    expect(before).toMatchObject({ cause: 'reset' });
    expect(before.status).toBeUndefined();
    const inside = await getRaw((socket) => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"a"', () => {
        setImmediate(() => socket.resetAndDestroy());
      });
    });
    expect(['reset', 'truncated']).toContain(failure(inside).cause);
  });

  it('is closed without an answer', async () => {
    expect(failure(await getRaw((socket) => socket.end())).cause).toBe('reset');
  });

  it('speaks no HTTP', async () => {
    const failed = await getRaw((socket) => socket.end('220 smtp ready\r\n'));
    expect(failure(failed).cause).toBe('other');
  });

  it('is refused', async () => {
    const gone = await testServer();
    await gone.close();
    expect(failure(await get('/', { url: new URL(gone.url) }))).toMatchObject({
      cause: 'refused',
      sent: false,
    });
  });

  it('cannot be found', async () => {
    const lost = undiciTransport({
      clock: systemClock(),
      lookup: ((_name: string, _options: object, done: (error: Error) => void) => {
        done(Object.assign(new Error('getaddrinfo ENOTFOUND gone.test'), { code: 'ENOTFOUND' }));
      }) as never,
    });
    const request = { url: new URL('http://gone.test/'), allowLoopback: false } as const;
    const failed = failure(await lost.send({ ...defaults(), ...request }));
    expect(failed).toMatchObject({ cause: 'dns', sent: false });
    await lost.close();
  });

  it('fails to speak TLS', async () => {
    const secure = new URL(server.url.replace('http:', 'https:'));
    expect(failure(await get('/', { url: secure }))).toMatchObject({ cause: 'tls', sent: false });
  });
});

function defaults(): Omit<OutgoingRequest, 'url' | 'allowLoopback'> {
  const signal = new AbortController().signal;
  return { method: 'GET', headers: {}, timeoutMs: 5000, bodyBytesMax: 1000, signal };
}

describe('addresses', () => {
  it('T3: refuses loopback unless it is allowed, by address and by name', async () => {
    const port = new URL(server.url).port;
    for (const host of ['127.0.0.1', '[::1]', '[::ffff:127.0.0.1]', '0x7f.1', 'localhost']) {
      const url = new URL(`http://${host}:${port}/`);
      expect(failure(await get('/', { url, allowLoopback: false }))).toMatchObject({
        cause: 'address_refused',
        sent: false,
      });
    }
    server.answer((_request, response) => response.end('{}'));
    expect((await get('/', { url: new URL(`http://localhost:${port}/`) })).kind).toBe('answered');
    expect(server.seen.length).toBe(1);
  });

  it('T3: refuses a public name that leads inside', async () => {
    for (const address of ['10.0.0.1', '169.254.169.254', '127.0.0.1', '192.168.1.1']) {
      const rebound = undiciTransport({
        clock: systemClock(),
        lookup: ((_n: string, _o: object, done: (e: null, found: unknown) => void) => {
          done(null, [{ address, family: 4 }]);
        }) as never,
      });
      const url = new URL(`http://api.example.com:${new URL(server.url).port}/`);
      const failed = failure(await rebound.send({ ...defaults(), url, allowLoopback: false }));
      expect(failed.cause).toBe('address_refused');
      await rebound.close();
    }
    expect(server.seen.length).toBe(0);
  });

  it('refuses other schemes and credentials in the address', async () => {
    for (const url of ['ftp://example.com/', 'file:///etc/passwd', 'http://u:p@127.0.0.1/']) {
      expect(failure(await get('/', { url: new URL(url) })).cause).toBe('address_refused');
    }
  });

  it('does not lend a loopback connection to a request that may not have one', async () => {
    server.answer((_request, response) => response.end('{}'));
    expect((await get()).kind).toBe('answered');
    expect(failure(await get('/', { allowLoopback: false })).cause).toBe('address_refused');
  });
});

describe('connections', () => {
  it('T5: are kept, bounded and counted', async () => {
    await transport.close();
    transport = undiciTransport({ clock: systemClock(), connectionsPerOrigin: 2 });
    server.answer((_request, response) => response.end('{}'));
    await Promise.all(Array.from({ length: 20 }, () => get()));
    expect(server.seen.length).toBe(20);
    expect(server.sockets.opened).toBeLessThanOrEqual(2);
    const [stats] = transport.stats();
    expect(stats).toMatchObject({
      socketsOpened: server.sockets.opened,
      inFlight: 0,
      bodyBytes: 40,
    });
    const opened = transport.metrics().find(({ name }) => name.endsWith('_sockets_opened_total'));
    expect(opened?.samples[0]).toEqual({
      labels: { origin: server.url },
      value: server.sockets.opened,
    });
  });

  it('T6: leak nothing over a hundred failures', async () => {
    let turn = 0;
    server.answer((request, response) => {
      turn += 1;
      if (turn % 3 === 0) request.socket.resetAndDestroy();
      else if (turn % 3 === 1) response.writeHead(200).end('x'.repeat(50_000));
      else response.writeHead(200).write('{');
    });
    for (let n = 0; n < 100; n += 1) await get('/', { timeoutMs: 20, bodyBytesMax: 1000 });
    await until(() => server.sockets.open.size === 0);
    await until(() => transport.stats()[0]?.socketsOpen === 0);
    expect(transport.stats()[0]?.inFlight).toBe(0);
  });

  it('are drained by close, and nothing is sent after it', async () => {
    let finish: () => void = () => undefined;
    server.answer((_request, response) => {
      finish = () => response.end('{}');
    });
    const inFlight = get();
    await until(() => server.seen.length === 1);
    const closed = transport.close();
    finish();
    expect((await inFlight).kind).toBe('answered');
    await closed;
    expect(failure(await get())).toMatchObject({ cause: 'aborted', sent: false });
    await until(() => server.sockets.open.size === 0);
  });
});

it('a header that may not be sent is a failure, not an exception', async () => {
  const failed = failure(await get('/', { headers: { 'x-api-key': 'se\ncret' } }));
  expect(failed.cause).toBe('other');
  expect(failed.message).not.toContain('cret');
});
