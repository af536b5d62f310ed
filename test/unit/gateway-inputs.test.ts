/** How a request's path, query and body become an operation's input: what a client may rely on in texts. */
import { describe, expect, it } from 'vitest';
import { OPERATIONS } from '../../src/gateway/api.js';
import { inputReader } from '../../src/gateway/rest/request-input.js';
import type { RawInput } from '../../src/gateway/rest/request-input.js';

const EMOJI = '\u{1f600}';

function read(operation: string, given: Partial<RawInput>) {
  const row = OPERATIONS.find(({ name }) => name === operation);
  if (row === undefined) return expect.fail(`there is no ${operation}`);
  return inputReader(row)({ params: {}, query: {}, body: undefined, ...given });
}

/** What is said of one member. */
function told(operation: string, pointer: string, given: Partial<RawInput>): string | undefined {
  const result = read(operation, given);
  if (result.ok || result.error.code !== 'invalid_input') return undefined;
  return result.error.errors?.find((each) => each.pointer === pointer)?.detail;
}

const params = { name: 'moralis' };
const reason = (text: string) =>
  told('disableCollector', '/reason', { params, body: { reason: text } });

describe('a text', () => {
  it('is as long as it has characters, whatever they are made of', () => {
    expect(read('disableCollector', { params, body: { reason: EMOJI.repeat(500) } }).ok).toBe(true);
    expect(reason('a'.repeat(501))).toContain('at most 500 characters');
    expect(reason(EMOJI.repeat(501))).toContain('at most 500 characters');
  });

  it('is never cut within a character where it is told to be wrong', () => {
    const details = [0, 1, 2].map((n) => reason('a'.repeat(n) + EMOJI.repeat(501)) ?? '');
    for (const detail of details) {
      expect(detail).toContain(EMOJI);
      expect(detail).not.toMatch(/\p{Cs}/u);
    }
    const keys = [0, 1].map((n) => 'k'.repeat(n) + EMOJI.repeat(300));
    for (const key of keys) {
      const result = read('disableCollector', { params, body: { [key]: 1 } });
      expect(JSON.stringify(result)).toContain(EMOJI);
      expect(JSON.stringify(result)).not.toContain(String.raw`\ud8`);
    }
  });
});

describe('a body', () => {
  it('that is not there is an empty object; null, a list or a text is none', () => {
    expect(read('disableCollector', { params }).ok).toBe(true);
    for (const body of [null, [], 'text', 1]) {
      expect(told('disableCollector', '', { params, body })).toBe('must be a JSON object');
    }
  });
});

describe('a parameter of the query', () => {
  it.each([
    ['1e1', 10],
    ['10', 10],
    ['5E+0', 5],
  ])('%s is the number %d', (hours, number) => {
    const result = read('getHealth', { params, query: { hours } });
    expect(result).toMatchObject({ ok: true, value: { hours: number } });
  });

  it('is a number as programs print it, and is held to its bounds as one', () => {
    const small = read('getHealth', { params, query: { hours: '1e-7' } });
    expect(small).toMatchObject({ ok: true, value: { hours: 1e-7 } });
    expect(told('getHealth', '/hours', { params, query: { hours: '-1e-7' } })).toContain(
      'got -1e-7',
    );
    expect(told('getHealth', '/hours', { params, query: { hours: '0x10' } })).toContain('"0x10"');
  });

  it('that is a list is one text, parted by commas, each part held to its own bounds', () => {
    const categories = (text: string) => read('listEvents', { query: { categories: text } });
    expect(categories('breaker,limiter')).toMatchObject({
      value: { categories: ['breaker', 'limiter'] },
    });
    expect(categories('breaker')).toMatchObject({ value: { categories: ['breaker'] } });
    expect(categories('breaker,').ok).toBe(false);
    expect(read('listEvents', { query: { categories: ['breaker', 'limiter'] } }).ok).toBe(false);
  });
});
