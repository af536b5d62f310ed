/** A scrape of the metrics of many collectors over HTTP, against prom-client holding the same series. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { defaultPolicy } from '../src/actors/breaker/index.js';
import {
  engineMetrics,
  RETRY_LIMITS,
  startEngine,
  type CollectorSetup,
} from '../src/actors/index.js';
import { assert } from '../src/kernel/errors.js';
import type { MetricFamily, MetricPieces } from '../src/kernel/observe.js';
import { memoryRecordSink } from '../src/records/index.js';
import { sourceNamed } from '../src/sources/index.js';
import type { Transport } from '../src/sources/port.js';
import { metricsServer } from '../src/telemetry/index.js';
import { interleaved, median, stopwatch, type Measured, type Round } from './support/measure.js';
import type { BenchOptions } from './support/options.js';
import { atMost, type Report } from './support/report.js';
import { clock, hostOver, log, memoryStores, random } from './support/world.js';

const COLLECTORS = [8, 100, 1000] as const;
const SCRAPES = 5;

type Seen = {
  readonly collectors: number;
  readonly series: number;
  readonly bytes: number;
  readonly ours: Measured;
  readonly peer: Measured;
  /** The longest time the loop stood still, ms: medians over the rounds. */
  readonly blocked: { readonly ours: number; readonly peer: number };
};

export async function scrape({ rounds }: BenchOptions): Promise<Report> {
  const seen: Seen[] = [];
  const program = fileURLToPath(new URL('./support/scrape-client.js', import.meta.url));
  const client = fork(program, { execArgv: [] });
  for (const collectors of COLLECTORS) seen.push(await measure(collectors, client, rounds));
  client.kill();
  const large = seen.at(-1);
  assert(large !== undefined, 'something was measured');
  const ms = ({ perSecond }: Measured): number => 1000 / perSecond;
  return {
    title: 'one page of metrics',
    lead:
      'Ours: the metrics server over the real engine of so many collectors (registered, disabled; each ' +
      'with a breaker and a limiter of its own), every number gathered from the actors at the scrape. ' +
      'Peer: prom-client holding the same series as gauges, set once beforehand, behind node:http. Both ' +
      'with prom-client’s own process metrics, asked by the same client in another process.',
    tables: [
      {
        caption: `Medians of ${String(rounds)} rounds of ${String(SCRAPES)} scrapes; blocked is the longest stall of the event loop in a round.`,
        columns: [
          'collectors',
          'series',
          'KiB',
          'ours ms',
          'peer ms',
          'ratio',
          'ours blocked ms',
          'peer blocked ms',
        ],
        rows: seen.map((one) => [
          String(one.collectors),
          one.series,
          one.bytes / 1024,
          ms(one.ours),
          ms(one.peer),
          ms(one.ours) / ms(one.peer),
          one.blocked.ours,
          one.blocked.peer,
        ]),
      },
    ],
    verdicts: [
      atMost('1000 collectors: ours / prom-client', ms(large.ours) / ms(large.peer), 0.4, ' ×'),
      atMost('1000 collectors: event loop blocked', large.blocked.ours, 20, ' ms'),
      atMost('1000 collectors: series', large.series, 50_000, ''),
    ],
    notes: [
      'Ours is made in pieces of some 2 ms, between which others have their turn.',

      'The peer’s cost of setting 20 000 gauges (250 ns each, per change) is not in its time; ours counts in plain fields.',
    ],
    notMeasured: ['a network', 'compression'],
  };
}

async function measure(collectors: number, client: ChildProcess, rounds: number): Promise<Seen> {
  const stores = memoryStores();
  const host = hostOver(stores);
  const engine = await startEngine(
    { host, transport: noTransport, ...sinks(), clock, random, log, limits: LIMITS },
    Array.from({ length: collectors }, (_, n) => setupOf(`c${String(n).padStart(4, '0')}`)),
  );
  const source = engineMetrics(engine, host);
  const ours = await metricsServer({ host: '127.0.0.1', port: 0, sources: [source] });
  const peer = await promClient(source);
  const blocked: { readonly ours: number[]; readonly peer: number[] } = { ours: [], peer: [] };
  const subject = (url: string, stalls: number[]) => async (): Promise<Round> => {
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    const passed = stopwatch();
    for (let n = 0; n < SCRAPES; n += 1) {
      client.send(url);
      await once(client, 'message');
    }
    const round = { operations: SCRAPES, ...passed(), latenciesMs: [] };
    delay.disable();
    stalls.push(delay.max / 1e6);
    return round;
  };
  const seen = await interleaved(
    { ours: subject(ours.url, blocked.ours), peer: subject(peer.url, blocked.peer) },
    rounds,
  );
  const page = await (await fetch(ours.url)).text();
  await Promise.all([ours.close(), peer.close()]);
  await engine.stop();
  await stores.close();
  return {
    collectors,
    series: page.split('\n').filter((line) => line !== '' && !line.startsWith('#')).length,
    bytes: page.length,
    ...seen,
    blocked: { ours: median(blocked.ours), peer: median(blocked.peer) },
  };
}

const LIMITS = {
  permitWaitMaxMs: 10_000,
  permitQueueMax: 1000,
  bodyBytesMax: 8_388_608,
  margin: 0.05,
  drainMs: 1000,
  retry: RETRY_LIMITS,
};

/** Disabled collectors ask nobody. */
const noTransport: Transport = {
  send: () => Promise.reject(new Error('nothing is sent here')),
  close: () => Promise.resolve(),
};

function sinks() {
  const sink = memoryRecordSink({ retention: { maxAgeMs: 1e9, perCollectorMax: 1000 } });
  return { sink, evidence: sink };
}

const EVERY_MS = 300_000;

function setupOf(name: string): CollectorSetup {
  const source = sourceNamed('moralis');
  const [first] = Object.entries(source?.upstreams ?? {});
  assert(source !== undefined && first !== undefined, 'moralis is in the catalogue');
  const [upstream, profile] = first;
  const cadence = { pollIntervalMs: EVERY_MS, requestTimeoutMs: 10_000, maxWaitMs: 10_000 };
  return {
    name,
    source,
    options: {},
    enabled: false,
    enabledReason: 'benchmark',
    schedule: { intervalMs: EVERY_MS, cron: '', zone: '', jitter: 0 },
    cadenceMs: EVERY_MS,
    requestTimeoutMs: 10_000,
    missingKey: '',
    hasApiKey: false,
    upstreamMode: 'sandbox',
    upstreams: {
      [upstream]: { profile, scope: name, allowLoopback: true, keys: {}, missingKeys: [] },
    },
    rate: { backoffMultiplier: 2, maxBackoff: 10 },
    breaker: defaultPolicy(cadence),
  };
}

/** The same series, each with its value as it is now. */
async function promClient(source: MetricPieces) {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const family of source()) if (family !== undefined) register(registry, family);
  const server = createServer((_request, response) => {
    void registry.metrics().then((text) => {
      response.setHeader('content-type', registry.contentType);
      response.end(text);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${String(port)}/metrics`,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

function register(registry: Registry, family: MetricFamily): void {
  const gauges = new Map<string, Gauge>();
  const labelNames = [...new Set(family.samples.flatMap(({ labels }) => Object.keys(labels)))];
  for (const { suffix = '', labels, value } of family.samples) {
    const name = family.name + suffix;
    const known = gauges.get(name);
    const gauge =
      known ?? new Gauge({ name, help: family.help, labelNames, registers: [registry] });
    gauges.set(name, gauge);
    gauge.set({ ...labels }, value);
  }
}
