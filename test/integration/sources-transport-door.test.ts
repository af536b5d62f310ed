/** The door over the real transport against a hostile server: rows 53 to 62 of the fault catalogue. */
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Reply } from '../../src/sources/port.js';
import { systemClock } from '../../src/kernel/time.js';
import { undiciTransport, type UndiciTransport } from '../../src/sources/http.undici.js';
import { judging } from '../../src/sources/profile.js';
import { asking, CALL, doorBench, type Bench } from '../support/door-bench.js';
import { testServer, until, type Answer, type TestServer } from '../support/sources-server.js';

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

const BYTES_MAX = 100_000;
const counted = {
  kind: 'rolling',
  limit: 1000,
  windowMs: 60_000,
  unit: 'calls',
  quota: true,
} as const;

/** One unit a call, charged by the general rule. */
async function bench(baseUrl = server.url, redirects = false): Promise<Bench> {
  const held = await doorBench({
    transport,
    profile: {
      baseUrl,
      judge: judging({ provider: 'upstream' }),
      buckets: [{ name: 'calls', priceMicros: 0, ...counted }],
      weights: { [CALL]: { calls: 1 } },
      ...(redirects && { redirects: 'same-origin' as const }),
    },
  });
  const limits = { ...held.deps.limits, requestTimeoutMs: 150, bodyBytesMax: BYTES_MAX };
  return { ...held, deps: { ...held.deps, limits } };
}

async function ask(held: Bench): Promise<Reply<unknown>> {
  const { reply } = asking(held);
  await until(() => reply() !== undefined);
  const came = reply();
  if (came === undefined) throw new Error('it came');
  return came;
}

/** What was sent and what was charged, once all is settled. */
async function spent(held: Bench): Promise<{ readonly sent: number; readonly charged: number }> {
  await held.clock.advance(10_000);
  const settled = held.facts('UnitsSettled') as readonly {
    readonly sent?: number;
    readonly charged?: readonly { readonly units?: number }[];
  }[];
  const sum = (list: readonly number[]): number => list.reduce((all, one) => all + one, 0);
  return {
    sent: sum(settled.map(({ sent = 0 }) => sent)),
    charged: sum(settled.flatMap(({ charged = [] }) => charged.map(({ units = 0 }) => units))),
  };
}

const html: Answer = (_request, response) => {
  response.writeHead(502, { 'content-type': 'text/html' }).end('<html>'.repeat(1000));
};
const never: Answer = () => undefined;
const drip: Answer = (_request, response) => {
  response.writeHead(200);
  const more = (): void => {
    if (response.destroyed) return;
    response.write(' ');
    systemClock().after(5, more);
  };
  more();
};
const reset: Answer = (request) => {
  request.socket.resetAndDestroy();
};
const bomb: Answer = (_request, response) => {
  const zipped = gzipSync(Buffer.alloc(50 * BYTES_MAX));
  response.writeHead(200, { 'content-encoding': 'gzip' }).end(zipped);
};
const huge: Answer = (_request, response) => {
  response.writeHead(200).end(Buffer.alloc(2 * BYTES_MAX, 0x20));
};
const cut: Answer = (_request, response) => {
  response.writeHead(200, { 'content-length': 100 }).write('{"ok":true');
  systemClock().after(5, () => response.destroy());
};
const body =
  (bytes: Buffer | string, type = 'application/json'): Answer =>
  (_request, response) => {
    response.writeHead(200, { 'content-type': type }).end(bytes);
  };

describe('through the door', () => {
  it.each([
    ['a 5xx with a page of HTML', html, 'server', 0],
    ['no headers until the deadline', never, 'server', 1],
    ['a body that drips past the deadline', drip, 'server', 1],
    ['a reset', reset, 'server', 1],
    ['a compressed bomb', bomb, 'bad_data', 1],
    ['a huge body', huge, 'bad_data', 1],
    ['a truncated body', cut, 'bad_data', 1],
    ['half a document', body('{"ok":'), 'bad_data', 1],
    ['HTML with 200', body('<html></html>', 'text/html'), 'bad_data', 1],
    ['another charset', body(Buffer.from('{"ok":"\xe9"}', 'latin1')), 'bad_data', 1],
    ['UTF-16', body(Buffer.from('\ufeff{"ok":true}', 'utf16le')), 'bad_data', 1],
    ['another schema', body('{"okay":true}'), 'bad_data', 1],
    ['a redirect inside', to('http://169.254.169.254/latest/meta-data/'), 'client', 1],
    ['a redirect to a file', to('file:///etc/passwd'), 'client', 1],
  ])('%s is one call, its class, and its cost', async (_what, answer, outcome, charged) => {
    server.answer(answer);
    const held = await bench(server.url, true);
    expect(await ask(held)).toMatchObject({ ok: false, outcome });
    expect(await spent(held)).toEqual({ sent: 1, charged });
    expect(server.seen).toHaveLength(1);
    expect(held.breaker.live().inFlight).toBe(0);
    expect(transport.stats()[0]?.inFlight).toBe(0);
  });

  it.each([
    ['a byte order mark', body(Buffer.from('\ufeff{"ok":true}'))],
    ['a content type of text', body('{"ok":true}', 'text/plain; charset=utf-8')],
    ['a charset it has not', body('{"ok":true}', 'application/json; charset=utf-16')],
  ])('%s does no harm', async (_what, answer) => {
    server.answer(answer);
    expect(await ask(await bench())).toMatchObject({ ok: true, body: { ok: true } });
  });

  it('refused: nothing was sent, so nothing is charged', async () => {
    const gone = await testServer();
    await gone.close();
    const held = await bench(gone.url);
    expect(await ask(held)).toMatchObject({ outcome: 'server' });
    expect(await spent(held)).toMatchObject({ charged: 0 });
  });

  it('no TLS where TLS should be: a failure of the server, not ours', async () => {
    const held = await bench(server.url.replace('http:', 'https:'));
    expect(await ask(held)).toMatchObject({ outcome: 'server' });
    expect(await spent(held)).toMatchObject({ charged: 0 });
  });

  it('a name that is not there: a failure of the server, not ours', async () => {
    await transport.close();
    transport = undiciTransport({
      clock: systemClock(),
      lookup: ((_name: string, _options: object, done: (error: Error) => void) => {
        done(Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND' }));
      }) as never,
    });
    const held = await bench('http://gone.test');
    expect(await ask(held)).toMatchObject({ outcome: 'server' });
    expect(await spent(held)).toMatchObject({ charged: 0 });
  });

  it('a success after our deadline is ignored: settled once, its cost counted once', async () => {
    let late: () => void = () => undefined;
    server.answer((_request, response) => {
      late = () => response.end('{"ok":true}');
    });
    const held = await bench();
    expect(await ask(held)).toMatchObject({ ok: false, outcome: 'server' });
    late();
    await until(() => server.sockets.open.size === 0);
    expect(await spent(held)).toEqual({ sent: 1, charged: 1 });
    const calls = held.facts('CallsRecorded').flatMap((fact) => fact['calls'] as unknown[]);
    expect(calls).toHaveLength(1);
  });

  it('a success after our deadline on a connection below HTTP meets nobody', async () => {
    const open = new Set<Socket>();
    const written: Promise<void>[] = [];
    const raw = createServer((socket) => {
      open.add(socket.on('error', () => undefined));
      socket.on('close', () => open.delete(socket));
      socket.once('data', () => {
        const ended = new Promise<void>((resolve) =>
          socket.once('close', () => {
            resolve();
          }),
        );
        written.push(ended);
        systemClock().after(300, () => {
          socket.write('HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n{"ok":true}');
        });
      });
    });
    await new Promise<void>((resolve) => raw.listen(0, '127.0.0.1', resolve));
    const held = await bench(`http://127.0.0.1:${String((raw.address() as AddressInfo).port)}`);
    expect(await ask(held)).toMatchObject({ ok: false, outcome: 'server' });
    await Promise.all(written);
    expect(open.size).toBe(0);
    expect(await spent(held)).toEqual({ sent: 1, charged: 1 });
    raw.close();
  });

  it('a redirect within the origin is two calls, each with its unit', async () => {
    server.answer((request, response) => {
      if (request.url === '/x') response.writeHead(307, { location: '/y' }).end();
      else response.end('{"ok":true}');
    });
    const held = await bench(server.url, true);
    const { reply } = asking(held);
    // The second call waits for its turn by the rate.
    while (reply() === undefined) await held.clock.advance(1);
    expect(reply()).toMatchObject({ ok: true });
    expect(await spent(held)).toEqual({ sent: 2, charged: 2 });
  });
});

function to(location: string): Answer {
  return (_request, response) => {
    response.writeHead(302, { location }).end();
  };
}
