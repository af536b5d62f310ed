import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { loadConfig, problemLine } from '../../src/config.js';
import type { CollectorConfig, ConfigInput, Loaded } from '../../src/config.js';
import { TEST_CATALOGUE } from '../support/config-catalogue.js';

type Tree = Readonly<Record<string, unknown>>;

function load(collectors: Tree, more: Partial<ConfigInput> = {}): ReturnType<typeof loadConfig> {
  const file = { name: 'f', text: JSON.stringify({ collectors }) };
  return loadConfig({ env: {}, catalogue: TEST_CATALOGUE, file, ...more });
}

function loaded(collectors: Tree, more: Partial<ConfigInput> = {}): Loaded {
  const result = load(collectors, more);
  if (!result.ok) throw new Error(result.error.map(problemLine).join('\n'));
  return result.value;
}

function collector(name: string, settings: Tree, more: Partial<ConfigInput> = {}): CollectorConfig {
  const found = loaded({ [name]: settings }, more).config.collectors[name];
  if (found === undefined) throw new Error(`no collector ${name}`);
  return found;
}

function refused(settings: Tree, more: Partial<ConfigInput> = {}): string {
  const result = load({ historical: settings }, more);
  if (result.ok) throw new Error('it was accepted');
  return result.error.map(problemLine).join('\n');
}

describe("a collector's configuration", () => {
  it('has the cron expression that was given, whatever interval a preset would rather have', () => {
    const preset = { 'collectors.historical.interval_ms': '5000' };
    const { schedule } = collector('historical', { cron: '*/5 * * * *' }, { preset });
    expect(schedule).toMatchObject({ cron: '*/5 * * * *', intervalMs: 0 });
    expect(refused({ cron: '*/5 * * * *', interval_ms: 5000 }, { preset })).toContain(
      'must not be set beside cron',
    );
    expect(collector('historical', {}, { preset }).schedule.intervalMs).toBe(5000);
  });

  it('comes from its source where nothing is said', () => {
    expect(collector('historical', {})).toMatchObject({
      source: 'historical',
      enabled: true,
      schedule: { intervalMs: 60_000, cron: '', zone: 'UTC', jitter: 0.1 },
      options: { symbols: ['BTCUSDT'], interval: '1m' },
      requestTimeoutMs: 10_000,
      upstream: 'live',
      rate: { backoffMultiplier: 2, maxBackoff: 60 },
    });
  });

  it('starts a paid source disabled on its live upstream, enabled in the sandbox', () => {
    expect(collector('moralis', {}).enabled).toBe(false);
    expect(collector('moralis', { enabled: true }).enabled).toBe(true);
    expect(collector('moralis', {}, { flags: { mode: 'sandbox' } }).enabled).toBe(true);
    expect(collector('moralis', { upstream: 'sandbox' }).enabled).toBe(true);
  });

  it('exists only if it is among those that are asked for', () => {
    const more = { second: { source: 'moralis' } };
    const names = (only?: string): readonly string[] =>
      Object.keys(loaded(more, only === undefined ? {} : { flags: { only } }).config.collectors);
    expect(names()).toEqual(['historical', 'moralis', 'second']);
    expect(names('historical, second')).toEqual(['historical', 'second']);
    const result = load(more, { env: { HEADGATE_ONLY: 'historica' } });
    expect(result.ok ? [] : result.error.map(problemLine)).toEqual([
      'only: must name collectors: historical, moralis, second, got "historica"; did you mean historical?',
    ]);
  });

  it('may be a further one of a source, with its own key, scope and address', () => {
    const settings = {
      source: 'moralis',
      key_variable: 'SECOND_KEY',
      scope: 'moralis-second',
      base_url: 'http://127.0.0.1:9/v2',
    };
    expect(collector('moralis-two', settings)).toMatchObject({
      name: 'moralis-two',
      source: 'moralis',
      keyVariables: { MORALIS_API_KEY: 'SECOND_KEY' },
      scope: 'moralis-second',
      baseUrl: 'http://127.0.0.1:9/v2',
    });
  });

  it('is set by the environment too, options as JSON', () => {
    const env = {
      HEADGATE_COLLECTORS_HISTORICAL_RATE_MAX_REQUESTS_PER_SECOND: '2.5',
      HEADGATE_COLLECTORS_HISTORICAL_OPTIONS: '{"symbols":["ETHUSDT"]}',
    };
    const found = collector('historical', {}, { env });
    expect(found.rate.maxRequestsPerSecond).toBe(2.5);
    expect(found.options).toEqual({ symbols: ['ETHUSDT'], interval: '1m' });
  });

  it('gets breaker settings that follow its cadence and its timeout', () => {
    const found = collector('historical', { interval_ms: 10_000, request_timeout_ms: 4000 });
    expect(found.breaker).toMatchObject({
      slowCallMs: 2000,
      windowMs: 200_000,
      halfOpenDeadlineMs: 2 * (30_000 + 4000),
      openMs: 300_000,
    });
  });

  it('lets its own breaker settings win over those of the process', () => {
    const flags = { 'breaker.open_ms': '1000', 'breaker.window_ms': '5000' };
    const found = collector('historical', { breaker: { open_ms: 2000 } }, { flags });
    expect(found.breaker).toMatchObject({ openMs: 2000, windowMs: 5000 });
  });

  it('reads the cadence of a cron expression from its longest pause', () => {
    const found = collector('historical', { cron: '0 6 * * *', zone: 'Europe/Berlin' });
    expect(found.schedule).toEqual({
      intervalMs: 0,
      cron: '0 6 * * *',
      zone: 'Europe/Berlin',
      jitter: 0.1,
    });
    expect(found.breaker.windowMs).toBe(20 * 86_400_000);
  });

  it.each([
    [{ cron: 'every day' }, 'collectors.historical.cron: must be a cron expression'],
    [{ cron: '0 0 31 2 *' }, 'collectors.historical.cron: must be a cron expression'],
    [{ cron: '* * * * *', interval_ms: 60_000 }, 'interval_ms: must not be set beside cron'],
    [{ zone: 'Atlantis/Centre' }, 'zone: must be an IANA zone, got "Atlantis/Centre"'],
    [{ base_url: 'http://api.example.com' }, 'must be https://..., or http://... on loopback'],
    [{ base_url: 'https://me:hunter22@api.example.com' }, 'must not contain a user or password'],
    [{ base_url: 'https://api.example.com/?key=1' }, 'must not have a query'],
    [{ base_url: 'https://' }, 'base_url: must be a URL'],
    [{ options: { symbol: ['X'] } }, 'did you mean symbols?'],
    [{ options: { symbols: [] } }, 'options.symbols: expected array length'],
    [{ options: { interval: '5m' } }, 'options.interval: '],
    [{ options: [] }, 'options (f): must be an object'],
    [{ rate: { max_requests_per_second: 0 } }, 'must be a number above 0'],
  ])('refuses %j', (settings, line) => {
    expect(refused(settings)).toContain(line);
  });

  it('keeps a password of a base URL out of the problem', () => {
    const line = refused({ base_url: 'https://me:hunter22@api.example.com' });
    expect(line).not.toContain('hunter22');
  });

  it('keeps the value of an option that is named like a secret out of the problem', () => {
    const result = load({ moralis: { options: { apiKeyHint: 'hunter22' } } });
    const told = result.ok ? '' : result.error.map(problemLine).join('\n');
    expect(told).toContain('collectors.moralis.options.apiKeyHint');
    expect(told).not.toContain('hunter22');
  });
});

describe('keys', () => {
  const key = 'mk-0123456789';

  it('come from their variable or from the file that <VARIABLE>_FILE names', () => {
    const direct = loaded({}, { env: { MORALIS_API_KEY: key } });
    expect(direct.secrets.get('MORALIS_API_KEY')).toBe(key);
    const env = { MORALIS_API_KEY_FILE: '/run/secrets/moralis' };
    const fromFile = loaded({}, { env, readFile: () => `${key}\n` });
    expect(fromFile.secrets.get('MORALIS_API_KEY')).toBe(key);
    expect(fromFile.secrets.values()).toEqual([key]);
  });

  it('are not a problem when they are missing: the collector waits for them', () => {
    expect(loaded({}).secrets.get('MORALIS_API_KEY')).toBeUndefined();
  });

  it('are in nothing that can be printed', () => {
    const all = loaded({}, { env: { MORALIS_API_KEY: key } });
    expect(JSON.stringify(all)).not.toContain(key);
    expect(inspect(all, { depth: null, showHidden: true })).not.toContain(key);
  });

  it('may have words where a client says its own name, and only there', () => {
    const [, paid] = TEST_CATALOGUE;
    if (paid === undefined) throw new Error('there are two');
    const catalogue = [{ ...paid, keyVariables: ['REDDIT_USER_AGENT'] }];
    const named = (name: string) => load({}, { catalogue, env: { REDDIT_USER_AGENT: name } });
    const found = named('linux:mine:1.0 (by /u/me)');
    expect(found.ok && found.value.secrets.get('REDDIT_USER_AGENT')).toBe(
      'linux:mine:1.0 (by /u/me)',
    );
    for (const wrong of [' leads with a space', 'has a line\nbreak', 'is no ASCII: é']) {
      expect(named(wrong).ok).toBe(false);
    }
  });

  it.each([
    [{ MORALIS_API_KEY: 'short' }, 'MORALIS_API_KEY (MORALIS_API_KEY): must have 8 to'],
    [{ MORALIS_API_KEY: 'two words are no key' }, 'must be visible ASCII characters'],
    [{ MORALIS_API_KEY: key, MORALIS_API_KEY_FILE: 'x' }, 'must not be set beside MORALIS_API_KEY'],
    [
      { MORALIS_API_KEY_FILE: '/nowhere/key' },
      'MORALIS_API_KEY (MORALIS_API_KEY_FILE): cannot be read',
    ],
  ])('are refused, without being shown: %j', (env, line) => {
    const told = refused({}, { env });
    expect(told).toContain(line);
    for (const secret of ['short', 'two words', key]) expect(told).not.toContain(secret);
  });
});
