import { execFileSync, spawnSync } from 'node:child_process';
import { request } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { histogram, histogramSamples, observe } from '../../src/kernel/observe.js';
import type { LogFields, Logger, MetricFamily, MetricSource } from '../../src/kernel/observe.js';
import { silentLogger } from '../../src/kernel/observe.js';
import { metricsServer, MetricsUnavailable } from '../../src/telemetry/metrics.prometheus.js';
import type { MetricsServer } from '../../src/telemetry/metrics.prometheus.js';
import { parseExposition } from '../support/telemetry-exposition.js';

const open: MetricsServer[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()));
});

async function served(sources: readonly MetricSource[], log?: Logger): Promise<MetricsServer> {
  const where = { host: '127.0.0.1', port: 0, sources, ...(log === undefined ? {} : { log }) };
  const server = await metricsServer(where);
  open.push(server);
  return server;
}

type Answer = { status: number; headers: NodeJS.Dict<string | string[]>; text: string };

function call(url: string, method = 'GET'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
      });
    });
    sent.on('error', reject).end();
  });
}

const ODD = 'back\\slash "quoted"\nnext line, {brace}=1';

function families(): readonly MetricFamily[] {
  const seconds = histogram([0.1, 1, 10]);
  [0.05, 0.5, 0.6, 5, 50].forEach((value) => {
    observe(seconds, value);
  });
  return [
    {
      name: 'headgate_requests_total',
      help: 'Requests, by\nclass \\ outcome.',
      type: 'counter',
      samples: [
        { labels: { class: 'ok' }, value: 3 },
        { labels: { class: ODD }, value: 1e21 },
      ],
    },
    {
      name: 'headgate_wait_seconds',
      help: 'Waits.',
      type: 'histogram',
      samples: histogramSamples(seconds, { scope: 'a' }),
    },
    {
      name: 'headgate_extremes',
      help: 'Numbers at the edge.',
      type: 'gauge',
      samples: [
        { labels: { which: 'up' }, value: Infinity },
        { labels: { which: 'down' }, value: -Infinity },
        { labels: { which: 'none' }, value: NaN },
        { labels: {}, value: 5e-324 },
      ],
    },
  ];
}

describe('the metrics endpoint', () => {
  it('tells what a strict reader understands, every value as it was', async () => {
    const { status, headers, text } = await call((await served([families])).url);
    expect(status).toBe(200);
    expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    const page = parseExposition(text);
    const requests = page.get('headgate_requests_total');
    expect(requests?.type).toBe('counter');
    expect(requests?.samples.get('headgate_requests_total')).toEqual([
      { labels: new Map([['class', 'ok']]), value: 3 },
      { labels: new Map([['class', ODD]]), value: 1e21 },
    ]);
    const buckets = page.get('headgate_wait_seconds')?.samples.get('headgate_wait_seconds_bucket');
    expect(buckets?.map(({ value }) => value)).toEqual([1, 3, 4, 5]);
    const extremes = page.get('headgate_extremes')?.samples.get('headgate_extremes');
    expect(extremes?.map(({ value }) => value)).toEqual([Infinity, -Infinity, NaN, 5e-324]);
  });

  it("tells the process' own numbers: event loop, heap, garbage collection", async () => {
    const page = parseExposition((await call((await served([])).url)).text);
    for (const name of [
      'nodejs_eventloop_lag_p99_seconds',
      'nodejs_heap_size_used_bytes',
      'nodejs_gc_duration_seconds',
      'process_cpu_seconds_total',
    ]) {
      expect(page.has(name), name).toBe(true);
    }
  });

  it('joins a family that two rooms tell', async () => {
    const part = (room: string): MetricFamily => ({
      name: 'headgate_entries',
      help: 'Entries.',
      type: 'gauge',
      samples: [{ labels: { room }, value: 1 }],
    });
    const { url } = await served([() => [part('a')], () => [part('b')]]);
    const page = parseExposition((await call(url)).text);
    expect(page.get('headgate_entries')?.samples.get('headgate_entries')).toHaveLength(2);
  });

  it.each([
    ['a bad name', { name: 'head-gate' }],
    ['a counter without _total', { name: 'headgate_x', type: 'counter' as const }],
    ['a gauge with _total', { name: 'headgate_x_total' }],
    ['a name the process metrics have', { name: 'nodejs_heap_size_used_bytes' }],
    ['a bad label', { samples: [{ labels: { 'a-b': '1' }, value: 1 }] }],
    [
      'a counter below zero',
      { name: 'x_total', type: 'counter' as const, samples: [{ labels: {}, value: -1 }] },
    ],
    ['a suffix a gauge does not have', { samples: [{ suffix: '_sum', labels: {}, value: 1 }] }],
    ['a series told twice', { samples: [0, 1].map((value) => ({ labels: {}, value })) }],
  ])('leaves out %s, counts it, and says so once in the log', async (_, wrong) => {
    const warnings: LogFields[] = [];
    const log: Logger = {
      ...silentLogger,
      warn: (_message, fields) => warnings.push(fields ?? {}),
    };
    const gauge: MetricFamily = {
      name: 'headgate_x',
      help: 'X.',
      type: 'gauge',
      samples: [{ labels: {}, value: 1 }],
    };
    const { url } = await served([() => [{ ...gauge, ...wrong }], families], log);
    await call(url);
    const page = parseExposition((await call(url)).text);
    expect(page.has('headgate_requests_total')).toBe(true);
    expect(problemsOf(page, 'left_out')).toBe(2);
    expect(warnings).toHaveLength(1);
  });

  it('goes on when a room throws, and counts that (E1)', async () => {
    const broken: MetricSource = () => {
      throw new Error('room on fire');
    };
    const { url } = await served([broken, families]);
    const { status, text } = await call(url);
    expect(status).toBe(200);
    const page = parseExposition(text);
    expect(page.has('headgate_requests_total')).toBe(true);
    expect(problemsOf(page, 'source_threw')).toBe(1);
  });

  it('is bounded in its series', async () => {
    const samples = Array.from({ length: 100_010 }, (_, n) => ({
      labels: { n: String(n) },
      value: n,
    }));
    const many: MetricFamily = { name: 'headgate_many', help: 'Many.', type: 'gauge', samples };
    const page = parseExposition((await call((await served([() => [many]])).url)).text);
    expect(page.get('headgate_many')?.samples.get('headgate_many')).toHaveLength(100_000);
    expect(problemsOf(page, 'left_out')).toBe(1);
  });

  it('answers nothing but GET /metrics (E2)', async () => {
    const { url } = await served([families]);
    expect((await call(url.replace('/metrics', '/'))).status).toBe(404);
    expect((await call(url.replace('/metrics', '/metricsx'))).status).toBe(404);
    const post = await call(url, 'POST');
    expect([post.status, post.headers['allow']]).toEqual([405, 'GET']);
    expect((await call(`${url}?x=1`)).status).toBe(200);
  });

  it('says where it could not listen', async () => {
    const { url } = await served([]);
    const port = Number(new URL(url).port);
    await expect(metricsServer({ host: '127.0.0.1', port, sources: [] })).rejects.toThrow(
      MetricsUnavailable,
    );
  });

  it('satisfies promtool, where that is installed', async () => {
    const { text } = await call((await served([families])).url);
    expect(() => parseExposition(text)).not.toThrow();
    if (spawnSync('promtool', ['--version']).error !== undefined) {
      process.stdout.write(
        'promtool is not installed: apt-get install prometheus adds its check\n',
      );
      return;
    }
    expect(execFileSync('promtool', ['check', 'metrics'], { input: text }).toString()).toBe('');
  });
});

describe('the strict reader', () => {
  it.each([
    ['no end of line', 'x 1'],
    ['a sample without a family', 'x 1\n'],
    ['no type', '# HELP x X\nx 1\n'],
    ['a raw quote', '# HELP x X\n# TYPE x gauge\nx{a="b"c"} 1\n'],
    ['a series twice', '# HELP x X\n# TYPE x gauge\nx 1\nx 2\n'],
    ['no number', '# HELP x X\n# TYPE x gauge\nx one\n'],
    ['buckets that shrink', histogramText([2, 1])],
    ['+Inf that is not the count', histogramText([1, 1])],
  ])('refuses %s', (_, text) => {
    expect(() => parseExposition(text)).toThrow();
  });
});

function histogramText([first, second]: readonly number[]): string {
  const head = '# HELP x X\n# TYPE x histogram\n';
  const buckets = `x_bucket{le="1"} ${String(first)}\nx_bucket{le="+Inf"} ${String(second)}\n`;
  return `${head}${buckets}x_sum 1\nx_count 7\n`;
}

function problemsOf(page: ReturnType<typeof parseExposition>, reason: string): number | undefined {
  return page
    .get('headgate_scrape_problems_total')
    ?.samples.get('headgate_scrape_problems_total')
    ?.find(({ labels }) => labels.get('reason') === reason)?.value;
}
