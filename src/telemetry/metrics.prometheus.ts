/**
 * The Prometheus endpoint: what the rooms tell about themselves, and the process' own numbers.
 *
 * E1 A source that throws costs its own numbers and nothing else; it is counted and logged.
 * E2 Only `GET /metrics`; connections, headers and the page itself are bounded.
 * E3 A page of many series is made in pieces: no turn of the event loop takes much longer than
 *    `TURN_MS`. One page at a time: who asks while one is being made gets that one.
 */
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { HeadgateError, messageOf } from '../kernel/errors.js';
import { silentLogger } from '../kernel/observe.js';
import type { Logger, MetricFamily, MetricPieces } from '../kernel/observe.js';
import { systemClock } from '../kernel/time.js';
import type { DurationMs } from '../kernel/types.js';
import { exposition, newPage } from './exposition.js';

export type MetricsOptions = {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly sources: readonly MetricPieces[];
  readonly log?: Logger;
};

export type MetricsServer = { readonly url: string; close(): Promise<void> };

/** The address is taken, or may not be listened on. */
export class MetricsUnavailable extends HeadgateError {
  readonly code = 'metrics_unavailable';
  readonly retryable = true;
}

/** A thousand collectors with a scope each tell some 55 000. */
const SERIES_MAX = 100_000;
const CONNECTIONS_MAX = 64;
const REQUEST_TIMEOUT_MS = 10_000;
const HEADER_BYTES_MAX = 8192;
/** A page is made for this long, then others have their turn. */
const TURN_MS: DurationMs = 2;
const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** @throws {MetricsUnavailable} when the address cannot be listened on. */
export async function metricsServer(options: MetricsOptions): Promise<MetricsServer> {
  const page = metricsPage(options.sources, options.log ?? silentLogger);
  const server = createServer(
    { maxHeaderSize: HEADER_BYTES_MAX, requestTimeout: REQUEST_TIMEOUT_MS },
    (request, response) => {
      answer(request, response, page);
    },
  );
  server.maxConnections = CONNECTIONS_MAX;
  await listening(server, options);
  const { address, family, port } = server.address() as AddressInfo;
  const host = family === 'IPv6' ? `[${address}]` : address;
  return {
    url: `http://${host}:${String(port)}/metrics`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

function listening(server: Server, { host, port }: MetricsOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      const where = `${host}:${String(port)}`;
      reject(
        new MetricsUnavailable(`cannot serve metrics on ${where}: ${cause.message}`, { cause }),
      );
    });
    server.listen(port, host, resolve);
  });
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  page: () => Promise<readonly Buffer[]>,
): void {
  const refuse = (status: number, text: string, headers: Record<string, string> = {}): void => {
    response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', ...headers });
    response.end(`${text}\n`);
  };
  const path = (request.url ?? '').split('?', 1)[0];
  if (path !== '/metrics') {
    refuse(404, 'not found: the metrics are at /metrics');
  } else if (request.method !== 'GET') {
    refuse(405, 'method not allowed', { allow: 'GET' });
  } else {
    page().then(
      (pieces) => {
        response.writeHead(200, {
          'content-type': CONTENT_TYPE,
          'content-length': pieces.reduce((sum, { length }) => sum + length, 0),
          'cache-control': 'no-store',
        });
        response.cork();
        for (const piece of pieces) response.write(piece);
        response.end();
      },
      () => {
        refuse(500, 'the metrics could not be collected');
      },
    );
  }
}

function metricsPage(
  sources: readonly MetricPieces[],
  log: Logger,
): () => Promise<readonly Buffer[]> {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const taken = new Set(registry.getMetricsAsArray().map(({ name }) => name));
  const limits = { taken, seriesMax: SERIES_MAX };
  const health = scrapeHealth(log);
  const make = async (): Promise<readonly Buffer[]> => {
    const turns = turnsOf(TURN_MS);
    const page = newPage(limits);
    for (const source of sources) {
      for (const family of health.guarded(source)) {
        if (turns.isOver()) await turns.next();
        if (family === undefined) continue;
        for (const _turn of page.add(family)) if (turns.isOver()) await turns.next();
      }
    }
    const { pieces, problems } = page.end();
    health.noteProblems(problems);
    const own = Buffer.from(exposition([health.family()], limits).text);
    return [Buffer.from(await registry.metrics()), ...pieces, own];
  };
  let making: Promise<readonly Buffer[]> | undefined;
  return () => {
    making ??= make().finally(() => {
      making = undefined;
    });
    return making;
  };
}

/** How long this turn of the event loop has been ours. */
function turnsOf(mostMs: DurationMs): {
  isOver(): boolean;
  /** Others have theirs first. */
  next(): Promise<void>;
} {
  const clock = systemClock();
  let began = clock.monotonic();
  return {
    isOver: () => clock.monotonic() - began >= mostMs,
    async next() {
      await new Promise((resolve) => setImmediate(resolve));
      began = clock.monotonic();
    },
  };
}

/** Counts what went wrong at scrapes; each distinct problem is logged once. */
function scrapeHealth(log: Logger): {
  /** What the source tells until it throws. */
  guarded(source: MetricPieces): Iterable<MetricFamily | undefined>;
  noteProblems(problems: readonly string[]): void;
  family(): MetricFamily;
} {
  const counts = { source_threw: 0, left_out: 0 };
  const logged = new Set<string>();
  const LOGGED_MAX = 100;
  const warnOnce = (problem: string): void => {
    if (logged.has(problem) || logged.size >= LOGGED_MAX) return;
    logged.add(problem);
    log.warn('metrics left out', { problem });
  };
  return {
    *guarded(source) {
      try {
        yield* source();
      } catch (error) {
        counts.source_threw += 1;
        warnOnce(messageOf(error));
      }
    },
    noteProblems(problems) {
      counts.left_out += problems.length;
      problems.forEach(warnOnce);
    },
    family: () => ({
      name: 'headgate_scrape_problems_total',
      help: 'Numbers that could not be told at a scrape, by reason.',
      type: 'counter',
      samples: Object.entries(counts).map(([reason, value]) => ({ labels: { reason }, value })),
    }),
  };
}
