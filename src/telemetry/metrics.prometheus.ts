/**
 * The Prometheus endpoint: what the rooms tell about themselves, and the process' own numbers.
 *
 * E1 A source that throws costs its own numbers and nothing else; it is counted and logged.
 * E2 Only `GET /metrics`; connections, headers and the page itself are bounded.
 */
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { HeadgateError, messageOf } from '../kernel/errors.js';
import { silentLogger } from '../kernel/observe.js';
import type { Logger, MetricFamily, MetricSource } from '../kernel/observe.js';
import { exposition } from './exposition.js';

export type MetricsOptions = {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly sources: readonly MetricSource[];
  readonly log?: Logger;
};

export type MetricsServer = { readonly url: string; close(): Promise<void> };

/** The address is taken, or may not be listened on. */
export class MetricsUnavailable extends HeadgateError {
  readonly code = 'metrics_unavailable';
  readonly retryable = true;
}

const SERIES_MAX = 50_000;
const CONNECTIONS_MAX = 64;
const REQUEST_TIMEOUT_MS = 10_000;
const HEADER_BYTES_MAX = 8192;
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
  page: () => Promise<string>,
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
      (text) => {
        response.writeHead(200, { 'content-type': CONTENT_TYPE, 'cache-control': 'no-store' });
        response.end(text);
      },
      () => {
        refuse(500, 'the metrics could not be collected');
      },
    );
  }
}

function metricsPage(sources: readonly MetricSource[], log: Logger): () => Promise<string> {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const taken = new Set(registry.getMetricsAsArray().map(({ name }) => name));
  const health = scrapeHealth(log);
  return async () => {
    const families = sources.flatMap((source) => health.guarded(source));
    // Gathering and writing thousands of series take their time: others get theirs in between.
    await nextTurn();
    const ours = exposition(families, { taken, seriesMax: SERIES_MAX });
    health.noteProblems(ours.problems);
    const own = exposition([health.family()], { taken, seriesMax: SERIES_MAX });
    return `${await registry.metrics()}${ours.text}${own.text}`;
  };
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Counts what went wrong at scrapes; each distinct problem is logged once. */
function scrapeHealth(log: Logger): {
  guarded(source: MetricSource): readonly MetricFamily[];
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
    guarded(source) {
      try {
        return source();
      } catch (error) {
        counts.source_threw += 1;
        warnOnce(messageOf(error));
        return [];
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
