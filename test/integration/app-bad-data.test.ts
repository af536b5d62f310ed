/** Answers nobody can use: told as bad data, counted by the breaker, kept as evidence beside the journal. */
import { describe, expect, it } from 'vitest';
import type { StoredEvent } from '../../src/journal/port.js';
import type { Fault } from '../../src/sources/sandbox/index.js';
import { expectBalanced } from '../support/app-accounts.js';
import { until } from '../support/app-http.js';
import { startTestApp, type TestApp } from '../support/app-service.js';

const collectorFact = (type: string) => (event: StoredEvent) =>
  event.stream === 'collector-historical' && event.type === type;

/** Stands in every page an nginx of the sandbox makes. */
const IN_THE_BODY = 'nginx';

async function checkOf(app: TestApp, run: unknown): Promise<Record<string, unknown>> {
  return until('its check is shown', async () => {
    const { body } = await app.get('/health/collectors/historical');
    const checks = body['recent_records'] as Record<string, unknown>[];
    return checks.find((check) => check['run'] === run);
  });
}

const HUGE = 4 * 1024 ** 2;
const faults: readonly (readonly [string, Fault])[] = [
  ['a page of HTML with status 200', { kind: 'invalid_json', form: 'html' }],
  ['JSON that stops early', { kind: 'invalid_json', form: 'cut' }],
  ['a body shorter than it was said to be', { kind: 'truncated' }],
  ['a member that is gone', { kind: 'schema_drift', drift: 'rename' }],
  ['a member of another type', { kind: 'schema_drift', drift: 'retype' }],
  ['a body beyond the cap', { kind: 'huge', bytes: HUGE }],
  ['a compressed body beyond the cap', { kind: 'gzip_bomb', bytes: HUGE }],
];

describe('bad data', () => {
  for (const [name, fault] of faults) {
    it(`${name}: degraded, counted, evidence kept`, async () => {
      const app = await startTestApp({
        config: { http: { body_bytes_max: 1024 ** 2 }, breaker: { open_ms: 300 } },
      });
      const before = await app.event('it collects', collectorFact('RunSucceeded'));
      app.sandbox().control.setFaults('binance', [fault]);
      const isBad = (event: StoredEvent): boolean =>
        collectorFact('RunFailed')(event) && event.data['outcome'] === 'bad_data';
      const { data } = await app.event('a run ends with bad data', isBad, before.position);
      expect(data).toMatchObject({ endpoint: 'klines', status: 200 });
      const evidence = data['evidence'] as { sha256: string; bytes: number };
      expect(evidence.sha256).toMatch(/^[0-9a-f]{64}$/);
      expect(evidence.bytes).toBeGreaterThan(0);
      expect(await checkOf(app, data['run'])).toMatchObject({
        status: 'degraded',
        outcome: 'bad_data',
      });

      const kept = await until('the evidence is kept', async () => {
        const found = await app.running().stores.records.evidence(evidence.sha256);
        return found.length > 0 && found;
      });
      expect(kept).toMatchObject([{ collector: 'historical', endpoint: 'klines' }]);
      expect(kept[0]?.head.length).toBeLessThanOrEqual(4096);
      if (fault.kind === 'invalid_json' && fault.form === 'html') {
        expect(kept[0]?.head).toContain(IN_THE_BODY);
      }

      const counted = await app.event(
        'the breaker counts it',
        ({ stream, type, data: fact }) =>
          stream === 'breaker-historical' &&
          type === 'CallsRecorded' &&
          JSON.stringify(fact['calls']).includes('bad_data'),
      );
      expect(Number(counted.data['windowFailures'])).toBeGreaterThan(0);
      await app.event('it trips in the end', ({ type }) => type === 'BreakerTripped');
      app.sandbox().control.clearFaults();
      await app.event('it collects again', collectorFact('RunSucceeded'), await app.head());
      // The journal cannot forget: no body is ever in it.
      expect(JSON.stringify(await app.events())).not.toContain(IN_THE_BODY);
      await expectBalanced(app);
    });
  }
});

describe('an answer that does not come', () => {
  it.each([
    ['at all', { kind: 'timeout' } as const],
    ['in time, byte by byte', { kind: 'slow_drip', bytes: 1, everyMs: 50 } as const],
  ])('%s: ended by the deadline, a failure of the upstream', async (_, fault) => {
    const app = await startTestApp({
      config: { http: { request_timeout_ms: 400 }, breaker: { open_ms: 300 } },
    });
    const before = await app.event('it collects', collectorFact('RunSucceeded'));
    app.sandbox().control.setFaults('binance', [fault]);
    const isFailed = collectorFact('RunFailed');
    const failed = await app.event('a run fails', isFailed, before.position);
    expect(failed.data).toMatchObject({ outcome: 'server', endpoint: 'klines' });
    expect(failed.data['message']).toContain('timeout');
    const tripped = await app.event('it trips', ({ type }) => type === 'BreakerTripped');
    expect(tripped.data).toMatchObject({ transition: { consecutiveFailures: 5 } });
    app.sandbox().control.clearFaults();
    await app.event('it collects again', collectorFact('RunSucceeded'), tripped.position);
    await expectBalanced(app);
  });
});
