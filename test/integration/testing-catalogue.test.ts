/** Every source of the catalogue keeps what the public kit checks, with the bundled upstreams answering. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { seededRandom } from '../../src/kernel/random.js';
import type { Json } from '../../src/kernel/types.js';
import { sourceCatalogue } from '../../src/sources/index.js';
import { SANDBOX_KEYS, startSandbox } from '../../src/sources/sandbox/index.js';
import type { SourceDefinition } from '../../src/sources/port.js';
import { checkSource, findingLine, type Upstream } from '../../src/testing/index.js';
import { virtualClock } from '../support/clock.js';

const NOON = Date.UTC(2026, 0, 5, 12);

/** The sandbox's answers; a limit it keeps is forgotten, for the kit does not wait. */
async function sandboxed(source: SourceDefinition): Promise<Upstream> {
  const clock = virtualClock(NOON);
  const sandbox = await startSandbox({ port: 0, clock, random: seededRandom(1) });
  onTestFinished(() => sandbox.close());
  const ask: Upstream = async ({ upstream, method, path, query, headers, body }) => {
    const provider = source.upstreams[upstream]?.provider ?? '';
    const search = query.size === 0 ? '' : `?${query.toString()}`;
    const { host: _host, connection: _connection, ...rest } = headers;
    const response = await fetch(`${sandbox.url}/${provider}${path}${search}`, {
      method,
      headers: Object.fromEntries(
        Object.entries(rest).filter(([name]) => !/^(content-length|transfer-)/.test(name)),
      ),
      ...(method === 'POST' && { body }),
    });
    const text = await response.text();
    const isJson = /^\s*[[{]/.test(text);
    return {
      status: response.status,
      headers: { 'content-type': response.headers.get('content-type') ?? 'text/plain' },
      body: isJson ? (JSON.parse(text) as Json) : text,
    };
  };
  return async (request) => {
    const answer = await ask(request);
    if (![418, 429].includes(answer?.status ?? 0)) return answer;
    sandbox.control.reset();
    return ask(request);
  };
}

describe.each(sourceCatalogue.map((source) => [source.name, source] as const))(
  '%s',
  (_name, source) => {
    it('keeps what every source promises', { timeout: 120_000 }, async () => {
      const upstream = await sandboxed(source);
      const found = await checkSource(source, { upstream, now: NOON, keys: SANDBOX_KEYS });
      expect(found.map(findingLine)).toEqual([]);
    });
  },
);
