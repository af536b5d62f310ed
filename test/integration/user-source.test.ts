/** A source of a user's own in a real process: named in the configuration, collected, asked for over REST. */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { JsonObject } from '../../src/kernel/types.js';
import { spawnService, type Service } from '../support/process-service.js';
import { until } from '../support/process-world.js';
import { coingecko, frankfurter, served } from '../support/user-source-upstreams.js';

const TIMEOUT_MS = 60_000;

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'headgate-own-'));
  onTestFinished(() => {
    rmSync(path, { recursive: true, force: true });
  });
  return path;
}

const example = (name: string): string =>
  fileURLToPath(new URL(`../../examples/${name}`, import.meta.url));

/** Far from this checkout, with nothing installed beside it. */
function withSources(files: Readonly<Record<string, string>>): string {
  const path = folder();
  mkdirSync(join(path, 'sources'));
  for (const [name, text] of Object.entries(files))
    writeFileSync(join(path, 'sources', name), text);
  return path;
}

function configured(path: string, config: JsonObject): string {
  const file = join(path, 'headgate.json');
  const usual = {
    data: { dir: join(path, 'data') },
    rest: { port: 0 },
    grpc: { port: 0 },
    // The test asks as fast as it can.
    auth: { requests_per_second: 0 },
    metrics: { port: 0 },
  };
  writeFileSync(file, JSON.stringify({ ...usual, ...config }));
  return file;
}

function start(args: readonly string[], env: Readonly<Record<string, string>> = {}): Service {
  const service = spawnService({ args, env });
  onTestFinished(() => service.kill());
  return service;
}

type Records = { readonly records: readonly { readonly id: string; readonly kind: string }[] };

async function recordsOf(service: Service, name: string): Promise<Records['records']> {
  let records: Records['records'] = [];
  await until(`${name} has records`, async () => {
    const { body } = await service.get(`/collectors/${name}/records?limit=1000`);
    records = (body as unknown as Partial<Records>).records ?? [];
    return records.length > 0;
  });
  return records;
}

describe('a source of a user', { timeout: TIMEOUT_MS }, () => {
  it('runs as it stands on the page, and a second one written from the page beside it', async () => {
    const path = withSources({});
    for (const name of ['my-source.js', 'exchange-rates.js'])
      copyFileSync(example(name), join(path, 'sources', name));
    const key = 'demo-key-of-nobody-91c7';
    const file = configured(path, {
      sources: ['./sources/my-source.js', './sources/exchange-rates.js'],
      only: 'coin_prices,exchange_rates,ether',
      collectors: {
        coin_prices: { interval_ms: 200, base_url: await served(coingecko) },
        exchange_rates: { interval_ms: 200, base_url: await served(frankfurter) },
        ether: {
          source: 'coin_prices',
          interval_ms: 200,
          base_url: await served(coingecko),
          options: { coins: ['ethereum'], since_days: 1 },
        },
      },
    });
    const service = start(['serve', '--config', file], { COINGECKO_API_KEY: key });
    const [bitcoin, rates, ether] = await Promise.all(
      ['coin_prices', 'exchange_rates', 'ether'].map((name) => recordsOf(service, name)),
    );
    expect(new Set(bitcoin?.map(({ kind }) => kind))).toEqual(new Set(['coin_price']));
    expect(bitcoin?.[0]?.id).toMatch(/^bitcoin\/\d+$/);
    expect(ether?.[0]?.id).toMatch(/^ethereum\/\d+$/);
    expect(rates?.[0]?.id).toMatch(/^EUR\/\d{4}-\d\d-\d\d$/);
    const page = await service.get('/collectors/coin_prices');
    expect(page.body).toMatchObject({
      collector: { type: 'market_data', upstream_mode: 'live' },
    });
    const { body } = await service.get('/collector-types');
    const types = body['collector_types'] as readonly JsonObject[];
    expect(types.find(({ name }) => name === 'coin_prices')).toMatchObject({
      origin: 'user',
      keys: [{ variable: 'COINGECKO_API_KEY', set: true, required: false }],
      collectors: ['coin_prices', 'ether'],
    });
    expect(await service.stop()).toEqual({ code: 0, signal: null });
    expect(JSON.stringify([service.lines, service.stderr(), body, page])).not.toContain(key);
  });

  it('is found beside the working directory when a variable or switch names it', async () => {
    const path = withSources({});
    copyFileSync(example('my-source.js'), join(path, 'sources', 'own.mjs'));
    const own = join(path, 'sources', 'own.mjs');
    const args = [
      'demo',
      '--data-dir',
      join(path, 'data'),
      '--rest-port',
      '0',
      '--log-format',
      'json',
    ];
    const ports = ['--grpc-port', '0', '--metrics-port', '0'];
    const set = [...ports, '--log-level', 'info', '--set', 'only=coin_prices'];
    const base = `collectors.coin_prices.base_url=${await served(coingecko)}`;
    const service = start([...args, ...set, '--set', base], { HEADGATE_SOURCES: own });
    expect(await recordsOf(service, 'coin_prices')).not.toEqual([]);
    await service.stop();
  });
});

const draft = (name: string): string => `
  import { defineSource, Type } from 'headgate';
  export const own = defineSource({
    name: '${name}', type: 'social', description: 'x', options: Type.Object({}), intervalMs: 1000,
    upstreams: { main: { provider: 'own', baseUrl: 'https://own.example', maxRequestsPerSecond: 1,
      weights: { rows: {} } } },
    async *collect() {},
  });`;

describe('a source that cannot be', { timeout: TIMEOUT_MS }, () => {
  it('is told with all other problems, by file and rule, and nothing is started', async () => {
    const path = withSources({
      'throws.js': 'throw new Error("no luck today");',
      'syntax.js': 'export const = 5;',
      'nothing.js': 'const a = 1;',
      'helped.js': "import { no } from './helper.js'; export const a = no;",
      'helper.js': 'export const no = 5;',
      'plain.js': 'export const a = { name: "a" }; export default 7;',
      'rules.js': draft('Bad Name'),
      'taken.js': draft('historical'),
      'first.js': draft('own'),
      'second.js': draft('own'),
      'source.ts': draft('typed'),
    });
    const names = [
      'throws',
      'syntax',
      'nothing',
      'helped',
      'plain',
      'rules',
      'taken',
      'first',
      'second',
    ];
    const file = configured(path, {
      sources: [...names.map((name) => `./sources/${name}.js`), './sources/source.ts', './gone.js'],
      rest: { port: 70_000 },
      collectors: { unknown_to_us: { interval_ms: 5 }, own: { upstream: 'sandbox' } },
    });
    const service = start(['serve', '--config', file]);
    expect(await service.ended).toEqual({ code: 2, signal: null });
    const lines = service.stderr().trimEnd().split('\n');
    const told = (name: string, rule: string): unknown =>
      expect.stringContaining(`headgate: sources: ./${name} (${file}): ${rule}`);
    expect(lines).toEqual([
      told('sources/throws.js', 'cannot be loaded: no luck today'),
      told('sources/syntax.js', 'cannot be loaded: '),
      told('sources/nothing.js', 'must export a source; it exports nothing'),
      told('sources/helped.js', 'must export what defineSource made; of a none is'),
      told('sources/plain.js', 'must export what defineSource made; of a, default none is'),
      told('sources/rules.js', 'source: name: must begin with a letter'),
      told('sources/taken.js', 'source: name: is taken by another source, got "historical"'),
      told('sources/second.js', 'source: name: is taken by another source, got "own"'),
      told('sources/source.ts', 'must be an ES module on disk'),
      told('gone.js', `must exist; there is no ${join(path, 'gone.js')}`),
      expect.stringContaining('rest.port'),
      expect.stringContaining('collectors.own.upstream: must be live'),
    ]);
  });

  it('leaves names unknown that it would have brought: once all modules load, they are told', async () => {
    const path = withSources({ 'own.js': draft('own') });
    const file = configured(path, {
      sources: ['./sources/own.js'],
      collectors: { owm: { interval_ms: 500 } },
    });
    const service = start(['serve', '--config', file]);
    expect(await service.ended).toEqual({ code: 2, signal: null });
    expect(service.stderr()).toContain('collectors.owm');
    expect(service.stderr()).toContain('did you mean own?');
  });

  it('is refused as a list that is none', async () => {
    const file = configured(folder(), { sources: './my-source.js' });
    const service = start(['serve', '--config', file]);
    expect(await service.ended).toEqual({ code: 2, signal: null });
    expect(service.stderr()).toMatch(/^headgate: sources .*must be a list of at most 32 texts/);
  });
});
