/** P14: a key that only its upstream may learn is in no file, no line, no page and no answer. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { seededRandom } from '../../src/kernel/random.js';
import { systemClock } from '../../src/kernel/time.js';
import type { StoredEvent } from '../../src/journal/port.js';
import { startSandbox } from '../../src/sources/sandbox/index.js';
import { startTestApp, type TestApp } from '../support/app-service.js';

/** Recognisable, and in no dictionary. */
const KEY = 'hg-9Qm2vX7TtWzR4-tell-nobody-5LkPbE';
const FORMS = [
  KEY,
  Buffer.from(KEY).toString('base64').replace(/=+$/, ''),
  Buffer.from(KEY).toString('hex'),
];

/** As the sandbox calls it. */
const TRANSFERS = 'getTokenTransfers';

const PAGES = [
  '/',
  '/collectors',
  '/collectors/moralis',
  '/collectors/historical',
  '/collectors/costs',
  '/collectors/moralis/records?limit=5',
  '/health',
  '/health/collectors',
  '/health/collectors/moralis',
  '/livez',
  '/readyz',
  '/collectors/foo',
  '/collectors/moralis?at=never',
  '/nothing',
];

/** Every place where something of the service can be read, and what stands there. */
async function everything(app: TestApp): Promise<ReadonlyMap<string, Buffer>> {
  const found = new Map<string, Buffer>();
  for (const path of PAGES) {
    const { text, headers } = await app.get(path);
    found.set(`GET ${path}`, Buffer.from(`${JSON.stringify(headers)}\n${text}`));
  }
  for (const [path, body] of [
    ['/collectors/moralis/circuit-breaker/state', { state: 'closed', unknown: 1 }],
    ['/collectors/moralis/rate-limit', { max_requests_per_second: -1 }],
  ] as const) {
    found.set(`PUT ${path}`, Buffer.from((await app.put(path, body)).text));
  }
  found.set('metrics', Buffer.from(await app.metrics()));
  await app.stop();
  for (const entry of readdirSync(app.directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    found.set(entry.name, readFileSync(path));
  }
  found.set('log', Buffer.from(app.log.text()));
  return found;
}

function placesOf(found: ReadonlyMap<string, Buffer>): readonly string[] {
  return [...found].flatMap(([place, bytes]) =>
    FORMS.some((form) => bytes.includes(form)) ? [place] : [],
  );
}

const moralisFact = (type: string, outcome?: string) => (event: StoredEvent) =>
  event.stream === 'collector-moralis' &&
  event.type === type &&
  (outcome === undefined || event.data['outcome'] === outcome);

async function startWithKey(baseUrl: string): Promise<TestApp> {
  return startTestApp({
    collectors: {
      moralis: { upstream: 'live', enabled: true, base_url: baseUrl, request_timeout_ms: 1000 },
    },
    config: { breaker: { open_ms: 300 } },
    secrets: { MORALIS_API_KEY: KEY },
  });
}

describe('P14: the key', () => {
  it('is nowhere after success, refusals, bad data, resets, a wrong key and a restart', async () => {
    const random = seededRandom(1);
    const sandbox = await startSandbox({ port: 0, clock: systemClock(), random });
    onTestFinished(() => sandbox.close());
    const { control } = sandbox;
    control.configure('moralis', { keys: [KEY] });
    const app = await startWithKey(sandbox.upstreamUrl('moralis'));
    await app.event('it collects', moralisFact('RunSucceeded'));
    for (const [outcome, fault] of [
      ['bad_data', { kind: 'invalid_json', form: 'html', count: 1 }],
      ['bad_data', { kind: 'schema_drift', drift: 'rename', field: 'result', endpoint: TRANSFERS }],
      ['client', { kind: 'redirect', count: 1 }],
      ['server', { kind: 'reset', at: 'before_headers' }],
      ['throttled', { kind: 'status', status: 429, retryAfterSeconds: 1, count: 1 }],
    ] as const) {
      const before = await app.head();
      control.setFaults('moralis', [fault]);
      await app.event(`a run ends as ${outcome}`, moralisFact('RunFailed', outcome), before);
      control.clearFaults();
      await app.event('it collects again', moralisFact('RunSucceeded'), before);
    }
    await app.restart();
    const before = await app.head();
    await app.event('it collects after a restart', moralisFact('RunSucceeded'), before);
    control.configure('moralis', { keys: ['another-key'] });
    await app.event('it is suspended', moralisFact('CollectorSuspended'));
    const found = await everything(app);
    expect([...found.keys()]).toEqual(
      expect.arrayContaining(['journal.db', 'records.db', 'views.db', 'log', 'metrics']),
    );
    expect(placesOf(found)).toEqual([]);
  });

  it('is found where it was planted: the search can fail', async () => {
    const random = seededRandom(1);
    const sandbox = await startSandbox({ port: 0, clock: systemClock(), random });
    onTestFinished(() => sandbox.close());
    const app = await startWithKey(sandbox.upstreamUrl('moralis'));
    await app.event('it is suspended', moralisFact('CollectorSuspended'));
    const reason = `an operator who writes ${KEY}`;
    await app.put('/collectors/historical/circuit-breaker/state', { state: 'open', reason });
    const places = placesOf(await everything(app));
    expect(places).toContain('GET /collectors/historical');
    expect(places.some((place) => place.startsWith('journal.db'))).toBe(true);
    expect(places.some((place) => place.startsWith('views.db'))).toBe(true);
    expect(places).not.toContain('log');
  });

  it('is not kept when the upstream sends it back', async () => {
    let isAnswering: 'echo' | 'refusal' = 'echo';
    const server = createServer((request, response) => {
      const key = String(request.headers['x-api-key']);
      // A second time across the end of what is kept.
      const text = `<html>your key is ${key}</html>`.padEnd(4110, 'x') + key + 'y'.repeat(100);
      const isEcho = isAnswering === 'echo';
      response.writeHead(isEcho ? 200 : 401, { 'content-type': 'application/json' });
      response.end(isEcho ? text : JSON.stringify({ message: text }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(
      () =>
        new Promise<void>((resolve) => {
          server.close(() => {
            resolve();
          });
          server.closeAllConnections();
        }),
    );
    const { port } = server.address() as AddressInfo;
    const app = await startWithKey(`http://127.0.0.1:${String(port)}`);
    const failed = await app.event('bad data', moralisFact('RunFailed', 'bad_data'));
    const { sha256 } = failed.data['evidence'] as { sha256: string };
    isAnswering = 'refusal';
    await app.event('it is suspended', moralisFact('CollectorSuspended'));
    const [kept] = await app.running().stores.records.evidence(sha256);
    expect(kept?.head).toMatch(/^<html>your key is \[redacted\]<\/html>x{4000,}$/);
    expect(placesOf(await everything(app))).toEqual([]);
  });
});
