import { describe, expect, it } from 'vitest';
import * as fc from 'fast-check';
import { loadConfig, problemLine } from '../../src/config.js';
import type { ConfigInput, ConfigProblem, Loaded } from '../../src/config.js';
import { camel, variableOf } from '../../src/config/option.js';
import type { OptionSpec } from '../../src/config/option.js';
import { OPTIONS } from '../../src/config/options.js';
import { COLLECTOR_OPTIONS } from '../../src/config/options-collector.js';
import { TEST_CATALOGUE } from '../support/config-catalogue.js';

function load(input: Partial<ConfigInput> = {}): ReturnType<typeof loadConfig> {
  return loadConfig({ env: {}, catalogue: TEST_CATALOGUE, ...input });
}

function loaded(input: Partial<ConfigInput> = {}): Loaded {
  const result = load(input);
  if (!result.ok) throw new Error(result.error.map(problemLine).join('\n'));
  return result.value;
}

function problems(input: Partial<ConfigInput>): readonly ConfigProblem[] {
  const result = load(input);
  if (result.ok) throw new Error('it was accepted');
  return result.error;
}

function lines(input: Partial<ConfigInput>): readonly string[] {
  return problems(input).map(problemLine);
}

const yaml = (text: string): { name: string; text: string } => ({ name: 'headgate.yaml', text });

describe('the configuration', () => {
  it('needs nothing: every option has a default', () => {
    const { config } = loaded();
    expect(config).toMatchObject({
      mode: 'live',
      rest: { host: '127.0.0.1', port: 8000, bodyBytesMax: 65_536 },
      metrics: { port: 9001 },
      journal: { url: 'sqlite:data/journal.db', acceptRegressed: false },
      records: { path: 'data/records.db' },
      actors: { mailboxMax: 1000, recoveriesMax: 32, snapshotEvery: 500 },
      http: { requestTimeoutMs: 10_000, bodyBytesMax: 8_388_608, connectionsPerOrigin: 16 },
      shutdown: { drainMs: 10_000 },
    });
    expect(Object.keys(config.collectors)).toEqual(['historical', 'moralis']);
  });

  it('holds each value of the table where its key says', () => {
    const { config } = loaded();
    for (const option of OPTIONS) {
      const spec: OptionSpec = option;
      if (spec.default === undefined) continue;
      const [group = '', member] = spec.key.split('.').map(camel);
      const tree = config as unknown as Record<string, Record<string, unknown>>;
      expect([spec.key, member === undefined ? tree[group] : tree[group]?.[member]]).toEqual([
        spec.key,
        spec.default,
      ]);
    }
  });

  it('lets a switch win over the environment, the environment over the file, the file over the default', () => {
    const file = yaml('rest: { port: 1 }');
    const env = { HEADGATE_REST_PORT: '2' };
    const flags = { 'rest.port': '3' };
    expect(loaded({ file }).config.rest.port).toBe(1);
    expect(loaded({ file, env }).config.rest.port).toBe(2);
    expect(loaded({ file, env, flags }).config.rest.port).toBe(3);
  });

  it('reads the file that HEADGATE_CONFIG names, or rather the one of --config', () => {
    const readFile = (path: string): string =>
      path === 'a.yaml' ? 'mode: sandbox' : '{"mode": "live", "node": {"name": "b"}}';
    const env = { HEADGATE_CONFIG: 'a.yaml' };
    expect(loaded({ env, readFile }).config.mode).toBe('sandbox');
    const flags = { config: 'b.json' };
    expect(loaded({ env, flags, readFile }).config.node.name).toBe('b');
  });

  it('takes a variable that is set to nothing as not given', () => {
    expect(loaded({ env: { HEADGATE_REST_PORT: '' } }).config.rest.port).toBe(8000);
  });

  it('puts the files of a data directory below it', () => {
    const { config } = loaded({ flags: { 'data.dir': '/var/lib/headgate/' } });
    expect(config.journal.url).toBe('sqlite:/var/lib/headgate/journal.db');
    expect(config.readstore.path).toBe('/var/lib/headgate/views.db');
  });

  it('knows the journal by its short variable, and refuses two that differ', () => {
    expect(loaded({ env: { JOURNAL: 'memory:' } }).config.journal.url).toBe('memory:');
    const env = { JOURNAL: 'memory:', HEADGATE_JOURNAL_URL: 'sqlite:x.db' };
    expect(lines({ env })).toEqual([
      'journal.url (HEADGATE_JOURNAL_URL): must not differ from JOURNAL, which means the same',
    ]);
  });

  it('tells all problems at once, each with option, origin, rule and value', () => {
    const env = { HEADGATE_REST_PORT: 'eighty', HEADGATE_LOG_LEVEL: 'loud' };
    const flags = { 'limiter.margin': '2', 'metrics.prot': '9' };
    const file = yaml('shutdown:\n  drain_ms: "5"\ncollectors:\n  historical:\n    jitter: -1\n');
    expect(lines({ env, flags, file })).toEqual([
      'shutdown.drain_ms (headgate.yaml): must be a whole number of at least 0, got "5"',
      'collectors.historical.jitter (headgate.yaml): must be a number from 0 to 1, got -1',
      'rest.port (HEADGATE_REST_PORT): must be a whole number from 0 to 65535, got "eighty"',
      'log.level (HEADGATE_LOG_LEVEL): must be one of: debug, info, warn, error, silent, got "loud"',
      'metrics.prot (command line): is not an option; did you mean metrics.port?',
      'limiter.margin (--set): must be a number from 0 to 0.5, got "2"',
    ]);
  });

  it.each([
    ['HEADGATE_REST_PROT', '1', 'HEADGATE_REST_PORT'],
    ['HEADGATE_COLLECTORS_MORALIS_ENABLE', 'true', 'HEADGATE_COLLECTORS_MORALIS_ENABLED'],
  ])('guesses what %s was meant to be, without showing its value', (name, value, meant) => {
    const [problem] = problems({ env: { [name]: value } });
    expect(problem).toEqual({
      option: name,
      from: 'environment',
      rule: 'is not an option',
      suggestion: meant,
    });
  });

  it('leaves variables of other programs alone', () => {
    expect(load({ env: { PATH: '/bin', REST_PORT: 'x' } }).ok).toBe(true);
  });

  it.each([
    ['rest: 8000', 'rest (f): must be a group of options, got 8000'],
    ['rest:\n  prot: 1', 'rest.prot (f): is not an option; did you mean rest.port?'],
    ['config: other.yaml', 'config (f): cannot be given in the file'],
    ['- 1', 'config (f): must be an object of options'],
    ['__proto__: {}', '__proto__ (f): is not an option'],
    ['collectors: 3', 'collectors (f): must be a group of options, got 3'],
    ['collectors: { morals: {} }', 'did you mean moralis?'],
    [
      'collectors: { costs: { source: moralis } }',
      'collectors.costs (f): must not be a reserved word',
    ],
    ['collectors: { A.b: { source: moralis } }', 'collectors.A.b (f): must begin with a letter'],
    [
      'collectors: { x: { source: nowhere } }',
      'must be one of: historical, moralis, got "nowhere"',
    ],
    ['mode: live\nmode: sandbox', 'config (f): cannot be read: Map keys must be unique'],
    ['rest: [', 'config (f): cannot be read: '],
  ])('refuses the file %j', (text, line) => {
    expect(lines({ file: { name: 'f', text } }).join('\n')).toContain(line);
  });

  it('takes `rest:` with nothing below it as nothing given', () => {
    expect(loaded({ file: yaml('rest:\nlog:\n  level:\n') }).config.rest.port).toBe(8000);
  });

  it('says which file cannot be read', () => {
    const [line] = lines({ flags: { config: '/nowhere/at/all.yaml' } });
    expect(line).toMatch(/^config \(\/nowhere\/at\/all.yaml\): cannot be read: ENOENT/);
  });

  it('refuses to listen beyond loopback unless told that anyone may steer', () => {
    const flags = { 'rest.host': '0.0.0.0', 'journal.url': 'memory:' };
    expect(lines({ flags })[0]).toMatch(/^rest.host: must be a loopback address/);
    expect(load({ flags: { ...flags, 'rest.insecure': 'true' } }).ok).toBe(true);
    // A journal in a file may have tokens: where the door is opened it is looked at again.
    expect(load({ flags: { 'rest.host': '0.0.0.0' } }).ok).toBe(true);
    expect(load({ flags: { 'rest.host': '::1' } }).ok).toBe(true);
  });

  it('takes a JWT issuer with all that pins it, and keys only by a way nobody changes them on', () => {
    const whole = {
      'auth.jwks_url': 'https://id.example.com/keys',
      'auth.jwt_issuer': 'https://id.example.com',
      'auth.jwt_audience': 'headgate',
    };
    expect(load({ flags: whole }).ok).toBe(true);
    expect(load({ flags: { ...whole, 'auth.jwks_url': 'http://127.0.0.1:9/keys' } }).ok).toBe(true);
    expect(load({ flags: { ...whole, 'auth.jwks_url': 'file:///etc/keys.json' } }).ok).toBe(true);
    const open = { ...whole, 'auth.jwks_url': 'http://id.example.com/keys' };
    expect(lines({ flags: open })[0]).toMatch(/^auth.jwks_url: must be https/);
    const bare = { 'auth.jwks_url': whole['auth.jwks_url'] };
    expect(lines({ flags: bare })).toEqual([
      'auth.jwt_issuer: must be given together with auth.jwks_url',
      'auth.jwt_audience: must be given together with auth.jwks_url',
    ]);
    for (const algorithm of ['HS256', 'none', 'RS1']) {
      const flags = { ...whole, 'auth.jwt_algorithms': algorithm };
      expect(lines({ flags })[0]).toMatch(/^auth.jwt_algorithms/);
    }
  });

  it('takes origins for CORS only as browsers send them', () => {
    expect(
      load({ flags: { 'rest.cors_origins': 'https://a.example,http://b.example:3000' } }).ok,
    ).toBe(true);
    for (const origin of ['*', 'null', 'https://a.example/', 'a.example', 'https://A.example']) {
      expect(lines({ flags: { 'rest.cors_origins': origin } })[0]).toMatch(/^rest.cors_origins/);
    }
  });

  it.each([
    [{ 'metrics.port': '8000' }, 'metrics.port: must differ from rest.port, got 8000'],
    [{ 'sandbox.port': '9001' }, 'sandbox.port: must differ from rest.port and metrics.port'],
    [{ 'retry.cap_ms': '5' }, 'retry.cap_ms: must be at least retry.base_ms'],
    [{ 'records.path': 'data/journal.db' }, 'records.path: must be a file of its own'],
    [{ 'breaker.success_threshold': '4' }, 'must not exceed breaker.half_open_permits'],
    [{ 'breaker.open_max_ms': '5' }, 'must be at least breaker.open_ms'],
  ] as const)('refuses what contradicts itself: %j', (flags, line) => {
    expect(lines({ flags }).join('\n')).toContain(line);
  });

  it('shows no password of a URL in a problem', () => {
    const flags = { 'journal.url': 'kurrentdb://admin:changeit@db:2113' };
    const [line = ''] = lines({ flags });
    expect(line).toContain('kurrentdb://[redacted]@db:2113');
    expect(line).not.toContain('changeit');
  });

  it('never throws, whatever a file or a variable holds', () => {
    const names = [...OPTIONS, ...COLLECTOR_OPTIONS].map(({ key }) => variableOf(key));
    const variables = fc.dictionary(fc.constantFrom(...names, 'JOURNAL'), fc.string());
    fc.assert(
      fc.property(fc.json(), variables, (text, env) => {
        const result = load({ file: yaml(text), env });
        expect(typeof result.ok).toBe('boolean');
      }),
    );
  });
});
