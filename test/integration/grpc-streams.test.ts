import type { ClientReadableStream } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import type { Opened, StreamItem } from '../../src/gateway/operation.js';
import { JournalUnavailable } from '../../src/journal/port.js';
import { systemClock } from '../../src/kernel/time.js';
import type { JsonObject } from '../../src/kernel/types.js';
import { fail, ok } from '../../src/kernel/types.js';
import { endOf, grpcClient } from '../support/grpc-client.js';
import type { GrpcClient } from '../support/grpc-client.js';
import { settle } from '../support/clock.js';
import { jsonMethod, servedGrpc, streamContract } from '../support/grpc-served.js';
import type { JsonMethod, ServedGrpc } from '../support/grpc-served.js';

const item = (n: number, text = ''): StreamItem => ({
  id: String(n),
  kind: 'n',
  value: { n, text },
});

type Watched = ServedGrpc & { readonly method: JsonMethod };

async function watching(
  open: (signal: AbortSignal, input: object) => Opened | Promise<Opened>,
  parts: Parameters<typeof servedGrpc>[0] = {},
): Promise<Watched> {
  const method = jsonMethod('Watch', true);
  const served = await servedGrpc({ contract: streamContract(method, open), ...parts });
  return { ...served, method };
}

/** Resolves when the signal aborts. */
const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else
      signal.addEventListener('abort', () => {
        resolve();
      });
  });

/** One item, then nothing until the end. */
const once = (made: StreamItem) => (signal: AbortSignal) =>
  ok(
    (async function* () {
      yield made;
      await aborted(signal);
    })(),
  );

const first = (stream: ClientReadableStream<JsonObject>): Promise<JsonObject> =>
  new Promise((resolve, reject) => {
    stream.once('data', resolve);
    stream.once('error', reject);
  });

describe('a stream', () => {
  it('brings its items in order and ends well', async () => {
    const { client, method } = await watching(() =>
      ok(
        (async function* () {
          for (let n = 0; n < 100; n += 1) yield await Promise.resolve(item(n));
        })(),
      ),
    );
    const stream = client.open(method, {});
    const got: unknown[] = [];
    stream.on('data', ({ n }: { n: number }) => got.push(n));
    expect(await endOf(stream)).toBeUndefined();
    expect(got).toEqual(Array.from({ length: 100 }, (_, n) => n));
  });

  it('encodes an item once, however many watch', async () => {
    const shared = item(1);
    const { client, method } = await watching(once(shared));
    const streams = Array.from({ length: 50 }, () => client.open(method, {}));
    expect(await Promise.all(streams.map(first))).toEqual(Array(50).fill(shared.value));
    expect(method.encoded).toBe(1);
    for (const stream of streams) {
      stream.on('error', () => undefined);
      stream.cancel();
    }
  });

  it('that cannot be opened says why, as a call does', async () => {
    const { client, method } = await watching(() =>
      fail({ code: 'collector_not_found', detail: 'no', subject: 'nope' }),
    );
    expect(await endOf(client.open(method, {}).resume())).toMatchObject({
      code: 'NOT_FOUND',
      info: { reason: 'COLLECTOR_NOT_FOUND' },
    });
  });

  it('asked for wrongly says which field', async () => {
    const { client, method } = await watching(once(item(1)));
    const told = await endOf(client.open(method, { text: 5 }).resume());
    expect(told?.code).toBe('INVALID_ARGUMENT');
    expect(told?.badRequest?.fieldViolations[0]?.field).toBe('text');
  });

  it.each([
    [
      'what the environment did',
      new JournalUnavailable('gone'),
      'UNAVAILABLE',
      'JOURNAL_UNAVAILABLE',
    ],
    ['our own mistake', new Error('innards'), 'INTERNAL', 'INTERNAL'],
  ])(
    'that breaks in the middle by %s tells it after its items',
    async (_name, thrown, code, reason) => {
      const { client, method } = await watching(() =>
        ok(
          (async function* () {
            yield await Promise.resolve(item(1));
            throw thrown;
          })(),
        ),
      );
      const stream = client.open(method, {});
      const end = endOf(stream);
      expect(await first(stream)).toMatchObject({ n: 1 });
      expect(await end).toMatchObject({ code, info: { reason } });
      expect((await end)?.message).not.toContain('innards');
    },
  );
});

describe('the end of a stream reaches the iterable', () => {
  it.each(['cancel', 'deadline'])('by %s', async (how) => {
    let seen: AbortSignal | undefined;
    const ended = { isReturned: false };
    const { client, method } = await watching((signal) => {
      seen = signal;
      return ok(
        (async function* () {
          try {
            yield item(1);
            await aborted(signal);
          } finally {
            ended.isReturned = true;
          }
        })(),
      );
    });
    const asking = how === 'deadline' ? { deadline: systemClock().now() + 300 } : {};
    const stream = client.open(method, {}, asking);
    const end = endOf(stream);
    await first(stream);
    if (how === 'cancel') stream.cancel();
    const code = how === 'cancel' ? 'CANCELLED' : 'DEADLINE_EXCEEDED';
    expect(await end).toMatchObject({ code });
    while (!ended.isReturned) await settle();
    expect(seen?.aborted).toBe(true);
  });
});

/** A client that takes no more than 64 KiB before somebody reads. */
const narrow = (target: string): GrpcClient =>
  grpcClient(target, undefined, {
    'grpc-node.flow_control_window': 65_535,
    'grpc.use_local_subchannel_pool': 1,
  });

/** Takes one item, then none: the library's client buffers without end before it has read at all. */
async function stalled(stream: ClientReadableStream<JsonObject>, got: unknown[]): Promise<void> {
  await new Promise<void>((resolve) => {
    stream.on('data', ({ n }: { n: number }) => {
      got.push(n);
      resolve();
    });
  });
  stream.pause();
}

describe('a reader that does not read', () => {
  it('stops the iterable after a bounded number of bytes, and gets everything when it reads', async () => {
    const BYTES = 10_000;
    const ITEMS = 400;
    let pulled = 0;
    const { target, method } = await watching(() =>
      ok(
        (async function* () {
          for (let n = 0; n < ITEMS; n += 1) {
            pulled += 1;
            yield await Promise.resolve(item(n, 'x'.repeat(BYTES)));
          }
        })(),
      ),
    );
    const client = narrow(target);
    const stream = client.open(method, {});
    const got: unknown[] = [];
    await stalled(stream, got);
    // Nobody reads on: the client's windows fill, then ours.
    let before = -1;
    while (pulled === 0 || pulled !== before) {
      before = pulled;
      for (let turn = 0; turn < 200; turn += 1) await settle();
    }
    expect(pulled * BYTES).toBeLessThan(1_000_000);
    stream.resume();
    expect(await endOf(stream)).toBeUndefined();
    expect(got).toEqual(Array.from({ length: ITEMS }, (_, n) => n));
    client.close();
  });
});

describe('open streams are bounded', () => {
  it('per connection and in all, and a slot is free when its stream is over', async () => {
    const limits = { streamsPerConnectionMax: 2, streamsMax: 3 };
    const { client, method, target } = await watching(once(item(1)), { limits });
    const other = grpcClient(target, undefined, { 'grpc.use_local_subchannel_pool': 1 });
    const open = async (from: typeof client): Promise<ClientReadableStream<JsonObject>> => {
      const stream = from.open(method, {});
      await first(stream);
      stream.on('error', () => undefined);
      return stream;
    };
    const [one] = [await open(client), await open(client)];
    const refused = await endOf(client.open(method, {}).resume());
    expect(refused).toMatchObject({ code: 'UNAVAILABLE', info: { reason: 'OVERLOADED' } });
    expect(refused?.retry?.retryDelay?.seconds).toBe(1);
    await open(other);
    expect(await endOf(other.open(method, {}).resume())).toMatchObject({ code: 'UNAVAILABLE' });
    one.cancel();
    for (;;) {
      const again = client.open(method, {});
      const outcome = await first(again).then(
        () => 'open',
        () => 'full',
      );
      again.on('error', () => undefined);
      again.cancel();
      if (outcome === 'open') break;
    }
    other.close();
  });
});

describe('a service that stops', () => {
  it('ends streams with UNAVAILABLE and when to come back, and refuses what is new', async () => {
    const { client, method, gateway } = await watching(once(item(1)));
    const stream = client.open(method, {});
    const end = endOf(stream);
    await first(stream);
    const closed = gateway.close();
    const told = await end;
    expect(told).toMatchObject({ code: 'UNAVAILABLE', info: { reason: 'STOPPING' } });
    expect(told?.retry?.retryDelay?.seconds).toBe(10);
    await closed;
    expect((await endOf(client.open(method, {}).resume()))?.code).toBe('UNAVAILABLE');
  });

  it('waits for a reader that does not read no longer than the grace', async () => {
    const { target, method, gateway, world } = await watching((signal) =>
      ok(
        (async function* () {
          for (let n = 0; !signal.aborted; n += 1) {
            yield await Promise.resolve(item(n, 'x'.repeat(20_000)));
          }
        })(),
      ),
    );
    const client = narrow(target);
    const stream = client.open(method, {});
    stream.on('error', () => undefined);
    await stalled(stream, []);
    for (let turn = 0; turn < 500; turn += 1) await settle();
    let isClosed = false;
    const closed = gateway.close().then(() => {
      isClosed = true;
    });
    for (let turn = 0; turn < 100; turn += 1) await settle();
    expect(isClosed).toBe(false);
    await world.clock.advance(5_000);
    await closed;
    client.close();
  });
});
