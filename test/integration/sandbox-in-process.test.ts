/** The sandbox without a wire: the same requests as over HTTP, and what only it can show. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { seededRandom } from '../../src/kernel/random.js';
import { systemClock, type Clock } from '../../src/kernel/time.js';
import { undiciTransport } from '../../src/sources/http.undici.js';
import type { Exchange, OutgoingRequest, Transport } from '../../src/sources/port.js';
import {
  inProcessSandbox,
  sandboxTransport,
  SANDBOX_MORALIS_KEY,
  startSandbox,
  type Fault,
  type InProcessSandbox,
  type ProviderName,
  type SandboxControl,
} from '../../src/sources/sandbox/index.js';
import { until } from '../support/app-http.js';
import { settle, virtualClock, type VirtualClock } from '../support/clock.js';
import { NOON, WALLET } from '../support/sandbox-kit.js';

const KLINES = '/api/v3/klines?symbol=BTCUSDT&interval=1h&limit=5&endTime=1700000000000';
const BALANCES = `/${WALLET}/erc20?to_block=18000000`;
const CAP = 100_000;

type Way = {
  readonly transport: Transport;
  /** Nothing stands open that was cut at the other side. */
  readonly isIdle: () => boolean;
  readonly isOpen: () => boolean;
  readonly control: SandboxControl;
  readonly upstreamUrl: (provider: ProviderName) => string;
};

const ALWAYS = { isIdle: () => true, isOpen: () => true };

const outgoing = (
  way: Way,
  provider: ProviderName,
  path: string,
  more: Partial<OutgoingRequest> = {},
): OutgoingRequest => ({
  method: 'GET',
  url: new URL(`${way.upstreamUrl(provider)}${path}`),
  headers: { 'x-api-key': SANDBOX_MORALIS_KEY },
  timeoutMs: 400,
  bodyBytesMax: CAP,
  allowLoopback: true,
  signal: new AbortController().signal,
  ...more,
});

/** The wall clock stands still, so that both say the same; delays are real. */
const standingClock = (): Clock => ({ ...systemClock(), now: () => NOON });

async function bothWays(): Promise<readonly [Way, Way]> {
  const clock = standingClock();
  const sandbox = await startSandbox({ port: 0, clock, random: seededRandom(1) });
  const wire = undiciTransport({ clock });
  onTestFinished(async () => {
    await sandbox.close();
    await wire.close();
  });
  const inside = inProcessSandbox({ clock, random: seededRandom(1), latencyMs: () => 2 });
  onTestFinished(() => {
    inside.close();
  });
  const isIdle = (): boolean => wire.stats().every(({ socketsOpen }) => socketsOpen === 0);
  const isOpen = (): boolean => sandbox.control.snapshot(0).providers.binance.sockets.listening;
  return [
    { ...sandbox, transport: wire, isIdle, isOpen },
    { ...inside, ...ALWAYS },
  ];
}

/** Of HTTP's own making, or, as the length of a page, of its coding. */
const OF_THE_WIRE = /^(connection|keep-alive|content-length|content-encoding|transfer-encoding)$/;

/** What must be the same; messages are the driver's, lengths of a flood are nobody's. */
function comparable(exchange: Exchange): unknown {
  const { kind, status, headers = {} } = exchange;
  const kept = Object.entries(headers).filter(([name]) => !OF_THE_WIRE.test(name));
  const common = { kind, status, headers: Object.fromEntries(kept) };
  if (exchange.kind === 'answered') {
    return { ...common, body: exchange.body.toString('latin1') };
  }
  const { cause, sent, head, bytes } = exchange;
  const isFlood = cause === 'too_large';
  return {
    ...common,
    cause,
    sent,
    head: isFlood ? head?.toString('latin1').slice(0, 100) : head?.toString('latin1'),
    bytes: isFlood ? Number(bytes) > CAP : bytes,
  };
}

const CASES: readonly (readonly [string, readonly Fault[]])[] = [
  ['nothing', []],
  ['latency', [{ kind: 'latency', ms: 20 }]],
  ['latency beyond the deadline', [{ kind: 'latency', ms: 60_000 }]],
  ['clock skew', [{ kind: 'clock_skew', ms: -7000 }]],
  ['headers', [{ kind: 'headers', set: { 'x-mbx-used-weight': 'NaN' } }]],
  ['429, seconds', [{ kind: 'status', status: 429, retryAfterSeconds: 5 }]],
  ['429, a date', [{ kind: 'status', status: 429, retryAfter: 'http_date' }]],
  ['429, nothing', [{ kind: 'status', status: 429, retryAfter: 'none' }]],
  ['429, garbage', [{ kind: 'status', status: 429, retryAfter: 'garbage' }]],
  ['429, ten years', [{ kind: 'status', status: 429, retryAfterSeconds: 315_360_000 }]],
  ['502 with HTML', [{ kind: 'status', status: 502, body: 'html' }]],
  ['500 without a body', [{ kind: 'status', status: 500 }]],
  ['throttled', [{ kind: 'throttled' }]],
  ['auth revoked', [{ kind: 'auth_revoked' }]],
  ['ban', [{ kind: 'ban', seconds: 30 }]],
  ['unreachable', [{ kind: 'unreachable' }]],
  ['reset before headers', [{ kind: 'reset', at: 'before_headers' }]],
  ['reset in the body', [{ kind: 'reset', at: 'mid_body' }]],
  ['timeout', [{ kind: 'timeout' }]],
  ['no HTTP', [{ kind: 'not_http' }]],
  ['slow drip in time', [{ kind: 'slow_drip', bytes: 4096, everyMs: 5 }]],
  ['truncated', [{ kind: 'truncated' }]],
  ['length too short', [{ kind: 'wrong_length', claim: 'shorter' }]],
  ['length too long', [{ kind: 'wrong_length', claim: 'longer' }]],
  ['huge', [{ kind: 'huge', bytes: 5_000_000 }]],
  ['large, within the cap', [{ kind: 'huge', bytes: 50_000 }]],
  ['gzip bomb', [{ kind: 'gzip_bomb', bytes: 5_000_000 }]],
  ['compressed, within the cap', [{ kind: 'gzip_bomb', bytes: 50_000 }]],
  ['content type', [{ kind: 'content_type' }]],
  ['utf-16', [{ kind: 'charset' }]],
  ['latin1', [{ kind: 'charset', encoding: 'latin1' }]],
  ['cut JSON', [{ kind: 'invalid_json' }]],
  ['HTML', [{ kind: 'invalid_json', form: 'html' }]],
  ['a mark', [{ kind: 'invalid_json', form: 'bom' }]],
  ['random bytes', [{ kind: 'garbage' }]],
  ['nested', [{ kind: 'garbage', form: 'nested' }]],
  ['no body', [{ kind: 'garbage', form: 'empty' }]],
  ['an error with 200', [{ kind: 'error_body' }]],
  ['drift', [{ kind: 'schema_drift', drift: 'rename' }]],
  ['a redirect inside', [{ kind: 'redirect', location: 'http://169.254.169.254/latest' }]],
];

describe('over HTTP and in process', () => {
  it('1: every fault becomes the same exchange, and the same accounts', async () => {
    const ways = await bothWays();
    const told = await Promise.all(
      ways.map(async (way) => {
        const seen: unknown[] = [];
        for (const [name, faults] of CASES) {
          way.control.reset();
          await until('it can be reached', way.isOpen);
          way.control.setFaults('binance', faults);
          const isCut = faults.some(({ kind }) => kind === 'unreachable');
          if (isCut) await until('its connections are cut', way.isIdle);
          const exchange = await way.transport.send(outgoing(way, 'binance', KLINES));
          // The next one begins when the sandbox knows how this one ended.
          if (!isCut) await way.control.seen(({ fate }) => fate !== 'pending');
          const { usage, byStatus, received, violations, beyond, forbidden } =
            way.control.snapshot(0).providers.binance;
          seen.push([
            name,
            comparable(exchange),
            { usage, byStatus, received, violations, beyond, forbidden },
          ]);
        }
        return seen;
      }),
    );
    expect(told[1]).toEqual(told[0]);
    expect(told[0]).toHaveLength(CASES.length);
  });

  it('limits, refusals and accounts are the same over a storm of requests', async () => {
    const ways = await bothWays();
    const told = await Promise.all(
      ways.map(async (way) => {
        way.control.configure('binance', { weightLimit: 20, signalGraceMs: 0, banPatience: 2 });
        way.control.configure('moralis', { dailyUnits: 40, signalGraceMs: 0 });
        const statuses: unknown[] = [];
        for (let n = 0; n < 14; n += 1) {
          for (const [provider, path] of [
            ['binance', KLINES],
            ['moralis', BALANCES],
          ] as const) {
            const { status } = await way.transport.send(outgoing(way, provider, path));
            statuses.push(status);
          }
        }
        const { binance, moralis } = way.control.snapshot(0).providers;
        const accounts = [binance, moralis].map((seen) => ({
          ...seen,
          upstreamUrl: '',
          sockets: null,
        }));
        return { statuses, accounts };
      }),
    );
    expect(told[1]).toEqual(told[0]);
    expect(new Set(told[0]?.statuses)).toEqual(new Set([200, 429, 418, 401]));
  });
});

type Inside = InProcessSandbox & { readonly clock: VirtualClock };

function inside(...faults: readonly Fault[]): Inside {
  const clock = virtualClock(NOON);
  const sandbox = inProcessSandbox({ clock, random: seededRandom(1) });
  onTestFinished(() => {
    sandbox.close();
  });
  sandbox.control.setFaults('binance', faults);
  return { ...sandbox, clock };
}

/** Sends one and lets so much virtual time pass; undefined: it is not answered yet. */
async function sentFor(
  sandbox: Inside,
  ms: number,
  more: Partial<OutgoingRequest> = {},
): Promise<Exchange | undefined> {
  let heard: Exchange | undefined;
  void sandbox.transport
    .send(
      outgoing({ ...sandbox, ...ALWAYS }, 'binance', KLINES, {
        timeoutMs: 10_000,
        ...more,
      }),
    )
    .then((exchange) => {
      heard = exchange;
    });
  await sandbox.clock.advance(ms);
  return heard;
}

describe('in process', () => {
  it('2: a deadline, a drip and a latency go by the virtual clock, to the millisecond', async () => {
    const hanging = inside({ kind: 'timeout' });
    expect(await sentFor(hanging, 9999)).toBeUndefined();
    await hanging.clock.advance(1);
    expect(hanging.control.requests()).toMatchObject([{ fate: 'broken', status: null }]);
    expect(await sentFor(hanging, 10_000)).toMatchObject({
      kind: 'failed',
      cause: 'timeout',
      sent: true,
      durationMs: 10_000,
    });
    const late = await sentFor(inside({ kind: 'latency', ms: 7000 }), 7010);
    expect(late).toMatchObject({ kind: 'answered', status: 200, durationMs: 7010 });
    const dripping = await sentFor(inside({ kind: 'slow_drip' }), 10_000);
    // A byte every 100 ms, the first after half of the 10 ms on the way there and back.
    expect(dripping).toMatchObject({ cause: 'timeout', status: 200, bytes: 100 });
  });

  it('2: ends by the signal of its caller, and leaves no timer behind', async () => {
    const sandbox = inside({ kind: 'timeout' });
    const abort = new AbortController();
    expect(await sentFor(sandbox, 100, { signal: abort.signal })).toBeUndefined();
    abort.abort();
    await settle();
    expect(sandbox.control.requests()).toMatchObject([{ fate: 'broken' }]);
    expect(sandbox.clock.pending()).toBe(0);
    const gone = await sentFor(sandbox, 0, { signal: abort.signal });
    expect(gone).toMatchObject({ cause: 'aborted', sent: false });
  });

  it('3: waits for nothing but the clock: a long page comes in its time', async () => {
    const sandbox = inside();
    let heard: Exchange | undefined;
    const path = '/api/v3/klines?symbol=BTCUSDT&interval=1d&limit=1000';
    const request = outgoing({ ...sandbox, ...ALWAYS }, 'binance', path, {
      bodyBytesMax: 1e7,
    });
    void sandbox.transport.send(request).then((exchange) => {
      heard = exchange;
    });
    await sandbox.clock.advance(10);
    expect(heard).toMatchObject({ kind: 'answered', durationMs: 10 });
  });

  it('names and certificates can be wrong, which no server can do', async () => {
    for (const how of ['refused', 'dns', 'tls'] as const) {
      const sandbox = inside({ kind: 'unreachable', how });
      expect(await sentFor(sandbox, 10)).toMatchObject({ cause: how, sent: false });
      expect(sandbox.control.counters('binance').received).toBe(0);
    }
  });

  it('sends nothing to strangers, to inner addresses, or once it is closed', async () => {
    const sandbox = inside();
    const to = async (address: string): Promise<Exchange | undefined> =>
      sentFor(sandbox, 0, { url: new URL(address) });
    expect(await to('http://169.254.169.254/binance/x')).toMatchObject({
      cause: 'address_refused',
    });
    expect(await to('file:///binance/x')).toMatchObject({ cause: 'address_refused' });
    expect(await to('http://kraken.example/x')).toMatchObject({ cause: 'dns', sent: false });
    await sandbox.transport.close();
    expect(await sentFor(sandbox, 0)).toMatchObject({ cause: 'aborted', sent: false });
    expect(sandbox.control.requests()).toEqual([]);
  });

  it('lets several processes reach one world, each by its own clock', async () => {
    const sandbox = inside();
    const other = virtualClock(NOON);
    const second = sandboxTransport(sandbox.core, { clock: other, latencyMs: () => 100 });
    let heard: Exchange | undefined;
    const way = { ...sandbox, ...ALWAYS };
    void second.send(outgoing(way, 'binance', KLINES)).then((exchange) => {
      heard = exchange;
    });
    await sentFor(sandbox, 10);
    expect(sandbox.control.counters('binance').received).toBe(1);
    await other.advance(100);
    expect(heard).toMatchObject({ kind: 'answered', durationMs: 100 });
    expect(sandbox.control.counters('binance').received).toBe(2);
  });
});
