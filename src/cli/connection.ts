/** The way to a service: one channel, every call with its deadline, its token and who asks. */
import { readFileSync } from 'node:fs';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import type { ChannelCredentials, ClientReadableStream, ServiceError } from '@grpc/grpc-js';
import { messageOf } from '../kernel/errors.js';
import type { Clock } from '../kernel/time.js';
import type { DurationMs } from '../kernel/types.js';
import { UsageInvalid } from './exit.js';
import { CallFailed, failureOf, sentenceOf } from './failure.js';
import type { Called } from './failure.js';

export type ConnectionSettings = {
  /** `host:port` */
  readonly address: string;
  readonly timeoutMs: DurationMs;
  readonly token?: string;
  /** Absent: plain text. */
  readonly tls?: {
    readonly caFile?: string;
    readonly certFile?: string;
    readonly keyFile?: string;
  };
};

/** What a generated service says of one of its methods. */
export type MethodOf<Req, Res> = {
  readonly path: string;
  readonly requestSerialize: (request: Req) => Buffer;
  readonly requestDeserialize: (bytes: Buffer) => Req;
  readonly responseDeserialize: (bytes: Buffer) => Res;
};

export type Unary<Req, Res> = MethodOf<Req, Res> & { readonly responseStream: false };
export type Streaming<Req, Res> = MethodOf<Req, Res> & { readonly responseStream: true };

export type Connection = {
  readonly address: string;
  /** @throws {CallFailed} it came back with something else than an answer. */
  ask<Req, Res>(method: Unary<Req, Res>, request: Partial<Req>): Promise<Res>;
  /**
   * What a stream brings, as fast as it is taken; ends when the signal aborts. `opened` is called when the
   * service has taken the call.
   * @throws {CallFailed} it broke off.
   */
  read<Req, Res>(
    method: Streaming<Req, Res>,
    request: Partial<Req>,
    signal: AbortSignal,
    opened?: () => void,
  ): AsyncIterable<Res>;
  close(): void;
};

/** Largest answer: a page of a thousand collectors or records. */
const MESSAGE_BYTES_MAX = 64 * 1024 * 1024;
/** A follow may be silent for hours: so often it is asked whether the other side is still there. */
const KEEPALIVE_MS = 60_000;
const KEEPALIVE_TIMEOUT_MS = 10_000;
/** What the service is told of who asks: people at a command line. */
const INTERFACE = 'cli';

/** Connects at the first call. @throws {UsageInvalid} a file of the connection cannot be read. */
export function connect(settings: ConnectionSettings, clock: Clock): Connection {
  const { address, timeoutMs, token, tls } = settings;
  const client = new Client(address, secured(tls), {
    'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
    'grpc.keepalive_time_ms': KEEPALIVE_MS,
    'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
    // A proxy of the environment is for other machines.
    'grpc.enable_http_proxy': isLoopback(address) ? 0 : 1,
  });
  const called: Called = { address, timeoutMs, isTls: tls !== undefined };
  const metadata = (): Metadata => {
    const sent = new Metadata();
    sent.set('x-headgate-interface', INTERFACE);
    if (token !== undefined) sent.set('authorization', `Bearer ${token}`);
    return sent;
  };
  return {
    address,
    ask: (method, request) =>
      new Promise((resolve, reject) => {
        client.makeUnaryRequest(
          method.path,
          method.requestSerialize,
          method.responseDeserialize,
          whole(method, request),
          metadata(),
          { deadline: clock.now() + timeoutMs },
          (error, answer) => {
            if (error !== null) reject(failed(error, called));
            else if (answer !== undefined) resolve(answer);
          },
        );
      }),
    read: (method, request, signal, opened) => ({
      async *[Symbol.asyncIterator]() {
        if (signal.aborted) return;
        const stream = client.makeServerStreamRequest(
          method.path,
          method.requestSerialize,
          method.responseDeserialize,
          whole(method, request),
          metadata(),
        );
        if (opened !== undefined) stream.on('metadata', opened);
        yield* itemsOf(stream, signal, called);
      },
    }),
    close: () => {
      client.close();
    },
  };
}

async function* itemsOf<Res>(
  stream: ClientReadableStream<Res>,
  signal: AbortSignal,
  called: Called,
): AsyncGenerator<Res> {
  const cancel = (): void => {
    stream.cancel();
  };
  signal.addEventListener('abort', cancel, { once: true });
  try {
    for await (const item of stream) {
      if (signal.aborted) return;
      yield item as Res;
    }
  } catch (error) {
    // Breaking off is how it ends when we end it.
    if (!signal.aborted) throw failed(error as ServiceError, called);
  } finally {
    signal.removeEventListener('abort', cancel);
    stream.cancel();
  }
}

/** What is not said has its default, as the service would read it. */
function whole<Req, Res>(method: MethodOf<Req, Res>, request: Partial<Req>): Req {
  const given = Object.entries(request).filter(([, value]) => value !== undefined);
  return { ...method.requestDeserialize(Buffer.alloc(0)), ...(Object.fromEntries(given) as Req) };
}

function failed(error: ServiceError, called: Called): CallFailed {
  const failure = failureOf(error);
  return new CallFailed(failure, sentenceOf(failure, called));
}

function secured(tls: ConnectionSettings['tls']): ChannelCredentials {
  if (tls === undefined) return credentials.createInsecure();
  const { caFile, certFile, keyFile } = tls;
  const problems: string[] = [];
  const read = (option: string, file: string | undefined): Buffer | null => {
    if (file === undefined) return null;
    try {
      return readFileSync(file);
    } catch (thrown) {
      problems.push(`${option}: ${messageOf(thrown)}`);
      return null;
    }
  };
  const [ca, cert, key] = [
    read('--ca-file', caFile),
    read('--cert-file', certFile),
    read('--key-file', keyFile),
  ];
  if (problems.length > 0) throw new UsageInvalid(problems);
  // grpc-js sends an address of numbers as the server's name; Node says so to the operator, each time.
  process.noDeprecation = true;
  return credentials.createSsl(ca, key, cert);
}

/** Whether what is sent there stays on this machine. */
export function isLoopback(address: string): boolean {
  const host = address.replace(/:\d+$/, '').replaceAll(/[[\]]/g, '');
  return host === 'localhost' || host === '::1' || /^127\./.test(host) || host.startsWith('unix:');
}
