/** The metrics page of the running service: what the issue names is there, counts truly, and stays bounded. */
import { describe, expect, it } from 'vitest';
import { expectBalancedAtRest } from '../support/app-accounts.js';
import { until } from '../support/app-http.js';
import { startTestApp, type TestApp } from '../support/app-service.js';
import {
  parseExposition,
  type ParsedFamily,
  type ParsedSeries,
} from '../support/telemetry-exposition.js';

type Page = ReadonlyMap<string, ParsedFamily>;

async function pageOf(app: TestApp): Promise<Page> {
  return parseExposition(await app.metrics());
}

function seriesOf(
  page: Page,
  name: string,
  labels: Record<string, string> = {},
): readonly ParsedSeries[] {
  const family = [...page].find(
    ([family, { samples }]) => family === name || samples.has(name),
  )?.[1];
  const wanted = Object.entries(labels);
  return (family?.samples.get(name) ?? []).filter((series) =>
    wanted.every(([label, value]) => series.labels.get(label) === value),
  );
}

function sumOf(page: Page, name: string, labels: Record<string, string> = {}): number {
  return seriesOf(page, name, labels).reduce((sum, { value }) => sum + value, 0);
}

/** What the issue asks for, by the family that tells it. */
const FAMILIES = {
  'collector state sets': 'headgate_collector_state',
  'breaker state sets': 'headgate_breaker_state',
  'transitions of breakers': 'headgate_breaker_transitions_total',
  'transitions of collectors': 'headgate_collector_transitions_total',
  'transitions of limiters': 'headgate_limiter_transitions_total',
  'requests by class': 'headgate_upstream_requests_total',
  'limiter waits': 'headgate_limiter_wait_seconds',
  'limiter queue': 'headgate_limiter_queue_length',
  usage: 'headgate_usage_units_total',
  cost: 'headgate_usage_cost_total',
  'last success': 'headgate_collector_last_success_timestamp_seconds',
  'last new data': 'headgate_collector_last_new_data_timestamp_seconds',
  'projection lag': 'headgate_projection_lag_seconds',
  'append latency': 'headgate_journal_append_seconds',
  'batch size': 'headgate_journal_group_events',
  'event-loop delay': 'nodejs_eventloop_lag_p99_seconds',
};

/** Labels whose values come from the configuration or from a fixed list of words. */
const BOUNDED = new Set([
  'collector',
  'scope',
  'upstream',
  'bucket',
  'endpoint',
  'origin',
  'projection',
  'state',
  'health',
  'from',
  'to',
  'fact',
  'override',
  'outcome',
  'class',
  'result',
  'reason',
  'operation',
  'method',
  'currency',
  'unit',
  'le',
]);

describe('the metrics page', () => {
  it('has the families the issue names, in base units, with bounded labels', async () => {
    const app = await startTestApp();
    await app.event('it collects', ({ type }) => type === 'RunSucceeded');
    const page = await pageOf(app);
    const missing = Object.entries(FAMILIES).filter(([, name]) => !page.has(name));
    expect(missing).toEqual([]);
    const at = app.clock.now() / 1000;
    for (const name of [
      'headgate_collector_last_success_timestamp_seconds',
      'headgate_collector_last_new_data_timestamp_seconds',
    ]) {
      const [series] = seriesOf(page, name);
      expect(Math.abs((series?.value ?? 0) - at)).toBeLessThan(60);
    }
    const ours = [...page].filter(([name]) => name.startsWith('headgate_'));
    expect(ours.length).toBeGreaterThan(30);
    const names = ours.map(([name]) => name);
    expect(names.filter((name) => /_(ms|millis|minutes|hours|kb|mb)(_|$)/.test(name))).toEqual([]);
    const labels = new Set(
      ours.flatMap(([, { samples }]) =>
        [...samples.values()].flat().flatMap((series) => [...series.labels.keys()]),
      ),
    );
    expect([...labels].filter((label) => !BOUNDED.has(label))).toEqual([]);
    expect(sumOf(page, 'headgate_scrape_problems_total')).toBe(0);
  });

  it('tells one state per collector and breaker', async () => {
    const app = await startTestApp();
    await app.put('/collectors/historical/circuit-breaker/state', { state: 'open' });
    await app.post('/collectors/moralis/disable');
    await until('it has stopped', async () => {
      const { body } = await app.get('/collectors/moralis');
      return (body as { collector: { phase: string } }).collector.phase === 'stopped';
    });
    const page = await pageOf(app);
    const isOf = (name: string, collector: string): readonly string[] =>
      seriesOf(page, name, { collector })
        .filter(({ value }) => value === 1)
        .map(({ labels }) => labels.get('state') ?? '');
    expect(isOf('headgate_collector_state', 'moralis')).toEqual(['stopped']);
    expect(isOf('headgate_breaker_state', 'historical')).toEqual(['forced_open']);
    expect(isOf('headgate_breaker_state', 'moralis')).toEqual(['closed']);
    expect(
      sumOf(page, 'headgate_breaker_overrides_total', {
        collector: 'historical',
        override: 'forced_open',
      }),
    ).toBe(1);
  });

  it('counts requests by class, runs and transitions as the journal and the sandbox do', async () => {
    const app = await startTestApp({ config: { breaker: { open_ms: 200 } } });
    await app.event('it collects', ({ type }) => type === 'RunSucceeded');
    app.sandbox().control.setFaults('binance', [
      { kind: 'status', status: 429, retryAfter: 'seconds', retryAfterSeconds: 1, count: 1 },
      { kind: 'status', status: 500, count: 5 },
    ]);
    await app.event('it recovered', ({ type }) => type === 'BreakerRecovered');
    await expectBalancedAtRest(app);
    const page = await pageOf(app);
    const requests = (labels: Record<string, string>): number =>
      sumOf(page, 'headgate_upstream_requests_total', labels);
    const { received, byStatus } = app.sandbox().control.counters('binance');
    expect(requests({ collector: 'historical' })).toBe(received);
    expect(requests({ collector: 'historical', class: 'ok' })).toBe(byStatus['200']);
    expect(requests({ collector: 'historical', class: 'server' })).toBe(5);
    expect(requests({ collector: 'historical', class: 'throttled' })).toBe(1);
    expect(requests({ collector: 'moralis' })).toBe(
      app.sandbox().control.counters('moralis').received,
    );

    const events = await app.events();
    const count = (type: string, stream: string): number =>
      events.filter((event) => event.type === type && event.stream === stream).length;
    const changes = (from: string, to: string): number =>
      sumOf(page, 'headgate_breaker_transitions_total', { collector: 'historical', from, to });
    expect(changes('closed', 'open')).toBe(count('BreakerTripped', 'breaker-historical'));
    expect(changes('open', 'half_open')).toBe(count('BreakerProbing', 'breaker-historical'));
    expect(changes('half_open', 'closed')).toBe(count('BreakerRecovered', 'breaker-historical'));
    const runs = (outcome: string): number =>
      sumOf(page, 'headgate_collector_runs_total', { collector: 'historical', outcome });
    expect(runs('ok')).toBe(count('RunSucceeded', 'collector-historical'));
    expect(runs('throttled')).toBe(1);
    expect(
      sumOf(page, 'headgate_limiter_transitions_total', { scope: 'binance-ip', fact: 'Throttled' }),
    ).toBe(1);
    // What the provider charged, at its price: 0.00001 a compute unit.
    const units = sumOf(page, 'headgate_usage_units_total', { bucket: 'compute_units' });
    expect(units).toBeGreaterThan(0);
    expect(sumOf(page, 'headgate_usage_cost_total')).toBeCloseTo(units * 0.00001, 9);
    const waited = { scope: 'binance-ip' };
    expect(sumOf(page, 'headgate_limiter_wait_seconds_count', waited)).toBeGreaterThanOrEqual(
      received,
    );
    expect(sumOf(page, 'headgate_limiter_open_blocks')).toBe(0);
  });
});
