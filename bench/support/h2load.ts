/** Load over HTTP/2 by h2load (Debian: nghttp2-client), which costs a fraction of what a Node client does. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { quantile } from './measure.js';

/** What one process of h2load asks, again and again. */
export type Asking = {
  /** http://host:port/package.Service/Method */
  readonly url: string;
  /** The request message, encoded. */
  readonly message: Uint8Array;
  readonly connections: number;
  /** Calls at once on each connection. */
  readonly inFlight: number;
};

export type Loaded = {
  readonly answered: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
};

export function hasH2load(): boolean {
  return spawnSync('h2load', ['--version']).status === 0;
}

/**
 * All of them at once, for so long; they have begun when this returns. The rate is that of the time when
 * all were there.
 */
export function h2load(directory: string, askings: readonly Asking[], ms: number): Started {
  const lines = askings.map((asking, n) => {
    writeFileSync(join(directory, `h2load-${String(n)}.bin`), framed(asking.message));
    rmSync(logOf(directory, n), { force: true });
    return `h2load ${argumentsOf(directory, asking, n, ms).map(quoted).join(' ')} &`;
  });
  const script = join(directory, 'h2load.sh');
  writeFileSync(script, [...lines, 'wait', ''].join('\n'));
  // By a shell: each process that a large one starts holds that up for tens of milliseconds.
  const child = spawn('bash', [script], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  const ended = Promise.all([text(child.stdout), once(child, 'exit')]);
  return {
    seen: () => ended.then(([told]) => loaded(directory, askings.length, told)),
    async stop() {
      // The shell leads a group of its own: its processes go with it.
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGTERM');
      await ended;
    },
  };
}

function argumentsOf(directory: string, asking: Asking, n: number, ms: number): readonly string[] {
  const { url, connections, inFlight } = asking;
  const options = ['-D', `${String(ms)}ms`, '-c', String(connections), '-m', String(inFlight)];
  const headers = ['-H', 'content-type: application/grpc', '-H', 'te: trailers'];
  const body = ['-d', join(directory, `h2load-${String(n)}.bin`)];
  return [...options, ...headers, ...body, `--log-file=${logOf(directory, n)}`, url];
}

function quoted(text: string): string {
  return `'${text}'`;
}

function logOf(directory: string, n: number): string {
  return join(directory, `h2load-${String(n)}.log`);
}

function loaded(directory: string, processes: number, told: string): Loaded {
  const ends = [...told.matchAll(/(\d+) succeeded, (\d+) failed, (\d+) errored/g)];
  const isWell = ends.every(([, , failed, errored]) => failed === '0' && errored === '0');
  if (ends.length !== processes || !isWell) throw new Error(`h2load: ${told}`);
  const logs = Array.from({ length: processes }, (_, n) => callsOf(logOf(directory, n)));
  const from = Math.max(...logs.map(([first]) => first?.endedAt ?? Infinity));
  const to = Math.min(...logs.map((calls) => calls.at(-1)?.endedAt ?? -Infinity));
  if (!(from < to)) throw new Error('the loads were never all there: the machine is too busy');
  const calls = logs.flat();
  const within = calls.filter(({ endedAt }) => endedAt > from && endedAt <= to);
  const latencies = within.map(({ tookMs }) => tookMs);
  return {
    answered: calls.length,
    perSecond: (within.length / (to - from)) * 1e6,
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
  };
}

type Started = {
  /** Resolves when all have ended. @throws {Error} an answer was no success of HTTP. */
  readonly seen: () => Promise<Loaded>;
  /** Ends them at once. */
  readonly stop: () => Promise<void>;
};

/** A message as gRPC frames it: not compressed, its length. */
function framed(message: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

type Call = { readonly endedAt: number; readonly tookMs: number };

/** Lines of h2load: begun (µs since 1970), status, duration (µs). By their end. */
function callsOf(log: string): readonly Call[] {
  const lines = readFileSync(log, 'utf8').trim().split('\n');
  return lines
    .map((line): Call => {
      const [begunAt = 0, , took = 0] = line.split('\t').map(Number);
      return { endedAt: begunAt + took, tookMs: took / 1000 };
    })
    .toSorted((a, b) => a.endedAt - b.endedAt);
}
