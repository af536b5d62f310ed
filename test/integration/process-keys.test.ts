/** Idempotency keys and kill -9: what was answered once is answered the same by the next process. */
import { afterEach, expect, it } from 'vitest';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ask } from '../support/app-http.js';
import { journalEvents } from '../support/process-journal.js';
import { spawnService, type Service } from '../support/process-service.js';

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

/** The first is the source's own name; a batch of all of them is killed halfway. */
const NAMES = ['historical', ...Array.from({ length: 40 }, (_, i) => `bars-${String(i)}`)];

type Data = { readonly journal: string; start(): Service };

function dataOf(): Data {
  const directory = mkdtempSync(join(tmpdir(), 'headgate-keys-'));
  cleanups.push(() => {
    rmSync(directory, { recursive: true, force: true });
  });
  const config = join(directory, 'headgate.json');
  const content = {
    mode: 'sandbox',
    data: { dir: join(directory, 'data') },
    rest: { port: 0 },
    grpc: { port: 0 },
    metrics: { port: 0 },
    log: { format: 'json' },
    collectors: Object.fromEntries(
      NAMES.map((name) => [name, { source: 'historical', interval_ms: 60_000, jitter: 0 }]),
    ),
  };
  writeFileSync(config, JSON.stringify(content));
  return {
    journal: join(directory, 'data', 'journal.db'),
    start() {
      const service = spawnService({ args: ['serve', '--config', config] });
      cleanups.push(() => (service.isRunning() ? service.kill() : undefined));
      return service;
    },
  };
}

async function setRate(service: Service, rate: number, key = 'fifty-one') {
  const { text, status, headers } = await ask(
    `${await service.serving()}/collectors/historical/rate-limit`,
    {
      method: 'PUT',
      headers: { 'content-type': 'application/json', 'idempotency-key': key },
      body: JSON.stringify({ max_requests_per_second: rate, reason: 'fewer at night' }),
    },
  );
  return { text, status, etag: headers['etag'] };
}

it(
  'the fifty-first repeat, after kill -9, reads the answer the fifty had',
  { timeout: 120_000 },
  async () => {
    const data = dataOf();
    const first = data.start();
    await first.serving();
    const fifty = await Promise.all(Array.from({ length: 50 }, () => setRate(first, 3)));
    await first.kill();
    expect(new Set(fifty.map(({ text }) => text)).size).toBe(1);
    expect(fifty[0]?.status).toBe(200);
    const written = (): readonly string[] =>
      journalEvents(data.journal)
        .filter(({ metadata }) => metadata.interface !== 'system')
        .map(({ type }) => type);
    expect(written()).toEqual(['RateLimitConfigured', 'CommandAnswered']);

    const second = data.start();
    expect(await setRate(second, 3)).toEqual(fifty[0]);
    expect((await setRate(second, 4)).status).toBe(422);
    // Of another key the same payload is another command: it has nothing to change.
    expect(JSON.parse((await setRate(second, 3, 'other')).text)).toMatchObject({ changed: false });
    await second.kill();
    const after = written();
    expect(after.filter((type) => type === 'RateLimitConfigured')).toHaveLength(1);
  },
);

it(
  'a batch that was killed halfway does the rest when it is repeated, and nothing twice',
  { timeout: 120_000 },
  async () => {
    const data = dataOf();
    const disabled = (): readonly string[] =>
      journalEvents(data.journal)
        .filter(({ type }) => type === 'CollectorDisabled')
        .map(({ stream }) => stream);
    const batch = async (service: Service) =>
      ask(`${await service.serving()}/collectors:batch`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'idempotency-key': 'all' },
        body: JSON.stringify({ names: NAMES, action: 'disable', reason: 'new keys' }),
      });
    const first = data.start();
    await first.serving();
    const lost = batch(first).catch(() => undefined);
    await first.said('collector disabled');
    await first.kill();
    await lost;
    const before = disabled();
    expect(before).not.toEqual([]);
    expect(before.length, 'killed too late to show anything').toBeLessThan(NAMES.length);

    const second = data.start();
    const told = await batch(second);
    expect(told.body).toMatchObject({ succeeded: NAMES.length, failed: 0 });
    const results = told.body['results'] as readonly { readonly changed: boolean }[];
    expect(results.every(({ changed }) => changed)).toBe(true);
    expect((await batch(second)).text).toBe(told.text);
    await second.kill();
    expect(disabled().toSorted()).toEqual(NAMES.map((name) => `collector-${name}`).toSorted());
  },
);
