import { describe, expect, it } from 'vitest';
import * as fc from 'fast-check';
import { pinoLogger } from '../../src/telemetry/log.pino.js';
import type { LogOptions } from '../../src/telemetry/log.pino.js';
import type { Logger } from '../../src/kernel/observe.js';

const AT = Date.parse('2026-02-03T04:05:06.789Z');
const SECRET = 'mk-s3cr3t/with+signs=';

function logger(options: Partial<LogOptions> = {}): { log: Logger; lines: string[] } {
  const lines: string[] = [];
  const destination = { write: (line: string) => lines.push(line) };
  const log = pinoLogger({
    level: 'debug',
    format: 'json',
    clock: { now: () => AT },
    destination,
    secrets: () => [SECRET],
    ...options,
  });
  return { log, lines };
}

function written(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { log, lines } = logger();
  log.info('m', fields);
  return JSON.parse(lines[0] ?? '') as Record<string, unknown>;
}

describe('log lines', () => {
  it('are one JSON object each: time by the given clock, level, fields, message', () => {
    const { log, lines } = logger();
    log.warn('run failed', { collector: 'moralis', durationMs: 12 });
    expect(lines).toHaveLength(1);
    expect(lines[0]?.endsWith('\n')).toBe(true);
    expect(JSON.parse(lines[0] ?? '')).toEqual({
      level: 'warn',
      time: '2026-02-03T04:05:06.789Z',
      collector: 'moralis',
      durationMs: 12,
      msg: 'run failed',
    });
  });

  it('carry the ids of the request they belong to', () => {
    const { log, lines } = logger();
    log.child({ requestId: 'r1' }).child({ correlationId: 'c1' }).info('m', { x: 1 });
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      requestId: 'r1',
      correlationId: 'c1',
      x: 1,
    });
  });

  it('are not written below their level', () => {
    const { log, lines } = logger({ level: 'warn' });
    log.debug('a');
    log.info('b');
    log.error('c');
    expect(lines).toHaveLength(1);
    const silent = logger({ level: 'silent' });
    silent.log.error('d');
    expect(silent.lines).toEqual([]);
  });

  it('keep a message with % signs and fields named like their own', () => {
    const { log, lines } = logger();
    log.info('100%s %d done', { msg: 'mine', level: 3, time: 'x' });
    const line = JSON.parse(lines[0] ?? '') as unknown;
    expect(line).toMatchObject({ msg: '100%s %d done', _msg: 'mine', _level: 3, _time: 'x' });
  });

  it('show an error with its code, stack and cause', () => {
    const error = Object.assign(new Error('disk full', { cause: new Error('ENOSPC') }), {
      code: 'x',
    });
    expect(written({ error })['error']).toMatchObject({
      name: 'Error',
      message: 'disk full',
      code: 'x',
      stack: expect.stringContaining('telemetry-log.test') as unknown,
      cause: { message: 'ENOSPC' },
    });
  });

  it('are bounded, whatever is logged', () => {
    const circle: Record<string, unknown> = { long: 'x'.repeat(100_000) };
    circle['self'] = circle;
    circle['many'] = Array.from({ length: 10_000 }, (_, index) => ({ index }));
    circle['deep'] = Array.from({ length: 50 }).reduce((inner) => ({ inner }), 'end');
    const { log, lines } = logger();
    log.info('m'.repeat(100_000), circle);
    expect(lines[0]?.length).toBeLessThan(50_000);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ self: '[more]' });
  });

  it('survive a field that throws when it is read', () => {
    const broken = Object.defineProperty({}, 'x', {
      enumerable: true,
      get: () => {
        throw new Error('no');
      },
    });
    expect(written({ broken })).toMatchObject({ broken: '[unreadable]' });
  });
});

describe('redaction', () => {
  it('hides what is named like a secret', () => {
    const fields = {
      headers: { Authorization: 'Bearer abc', 'X-API-Key': 'abc', cookie: 'a=b', accept: '*' },
      apiKey: 'abc',
      client_secret: 'abc',
      accessToken: { value: 'abc' },
      password: 'abc',
    };
    const line = JSON.stringify(written(fields));
    expect(line).not.toContain('abc');
    expect(line).not.toContain('a=b');
    expect(line).toContain('"accept":"*"');
  });

  it('leaves what only sounds like one', () => {
    const fields = {
      keyVariable: 'MORALIS_API_KEY',
      budgetTokens: 500,
      hasApiKey: true,
      key: 'run',
    };
    expect(written(fields)).toMatchObject(fields);
  });

  it('hides what looks like a bearer token or a JWT, under whatever name', () => {
    const token = `hg_0123456789ab_${'Ab-_'.repeat(10)}xyz`;
    const jwt = 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl';
    const line = JSON.stringify(
      written({ path: `/x/${token}`, [token]: 1, note: `Bearer ${jwt}` }),
    );
    expect(line).not.toContain('xyz');
    expect(line).not.toContain('c2lnbmF0dXJl');
    expect(line).toContain('/x/[redacted]');
  });

  it.each([
    ['as it is', SECRET],
    ['in a URL', `https://x/y?key=${encodeURIComponent(SECRET)}&z=1`],
    ['in base64', `Basic ${Buffer.from(SECRET).toString('base64')}`],
    ['twice', `${SECRET} ${SECRET}`],
  ])('hides a registered secret wherever it occurs: %s', (_, text) => {
    const { log, lines } = logger();
    const error = new Error(text, { cause: { body: text } });
    log
      .child({ bound: text })
      .error(text, { text, list: [text], error, [text]: 1, deep: { text } });
    const line = lines.join('');
    for (const form of [
      SECRET,
      encodeURIComponent(SECRET),
      Buffer.from(SECRET).toString('base64'),
    ]) {
      expect(line).not.toContain(form);
      expect(line).not.toContain(JSON.stringify(form).slice(1, -1));
    }
    expect(line).toContain('[redacted]');
  });

  it('knows a secret that was registered later', () => {
    const secrets: string[] = [];
    const { log, lines } = logger({ secrets: () => secrets });
    secrets.push('later-known');
    log.info('key later-known came');
    expect(lines[0]).not.toContain('later-known');
  });

  it('lets no registered secret through, wherever chance puts it', () => {
    const secret = fc.stringMatching(/^[!-~]{8,40}$/);
    fc.assert(
      fc.property(secret, fc.string(), fc.string(), fc.jsonValue(), (key, before, after, json) => {
        const { log, lines } = logger({ secrets: () => [key] });
        log.info(`${before}${key}${after}`, { [key]: `${before}${key}`, json, list: [[key]] });
        const line = JSON.parse(lines[0] ?? '') as Record<string, unknown>;
        for (const [name, value] of Object.entries(line)) {
          expect(name).not.toContain(key);
          if (typeof value === 'string') expect(value).not.toContain(key);
        }
      }),
    );
  });
});

describe('log lines for people', () => {
  it('are one short line: time of day, level, message, fields', () => {
    const { log, lines } = logger({ format: 'pretty' });
    log.child({ collector: 'moralis' }).info('run ended', { records: 3, why: 'two words' });
    expect(lines).toEqual([
      '04:05:06.789 info  run ended  collector=moralis records=3 why="two words"\n',
    ]);
  });

  it('cannot be split in two by a message, and are redacted too', () => {
    const { log, lines } = logger({ format: 'pretty' });
    log.warn(`first\n04:05:06.789 info  forged ${SECRET}`);
    expect(lines.join('').trimEnd().split('\n')).toHaveLength(1);
    expect(lines.join('')).not.toContain(SECRET);
  });

  it('put the stack of an error below', () => {
    const { log, lines } = logger({ format: 'pretty' });
    log.error('broken', { error: new RangeError('too far') });
    expect(lines[0]).toMatch(
      /^\S+ ERROR broken {2}error="RangeError: too far"\nRangeError: too far\n/,
    );
  });
});
