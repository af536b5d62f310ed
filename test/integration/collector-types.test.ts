/** GET /collector-types of a running service: every source with its options, and never a secret. */
import { describe, expect, it } from 'vitest';
import { Value } from '@sinclair/typebox/value';
import type { TSchema } from '@sinclair/typebox';
import { collectorTypes } from '../../src/app/collector-types.js';
import { loadConfig } from '../../src/config.js';
import { collectorTypeLine } from '../../src/gateway/shapes/collector-types.js';
import { defineSource, Type } from '../../src/public.js';
import { configCatalogue, sourceCatalogue } from '../../src/sources/index.js';
import { startTestApp } from '../support/app-service.js';

const KEY = 'a-secret-key-0123456789';

type Line = ReturnType<typeof collectorTypeLine>;

const own = defineSource({
  name: 'acme',
  type: 'sentiment',
  description: 'One of a user.',
  options: Type.Object({ coin: Type.String({ default: 'btc' }), depth: Type.Integer() }),
  defaults: { coin: 'eth', depth: 3 },
  intervalMs: 5000,
  upstreams: {
    main: {
      provider: 'acme',
      baseUrl: 'https://api.acme.example:8443/v1',
      maxRequestsPerSecond: 2,
      buckets: [{ name: 'day', kind: 'fixed', limit: 10, period: 'day', priceMicros: 1500 }],
      weights: { prices: { day: 1 } },
      keys: ['ACME_KEY'],
      optionalKeys: ['ACME_EXTRA'],
    },
  },
  async *collect() {
    await Promise.resolve();
    yield { series: 's', records: [], cursor: 1 };
    return undefined;
  },
});

describe('GET /collector-types', () => {
  it('lists every source by name, each with a schema its defaults fit', async () => {
    const app = await startTestApp({ secrets: { MORALIS_API_KEY: KEY } });
    const { status, body, text } = await app.send('GET', '/collector-types');
    expect(status).toBe(200);
    const { collector_types: types, total_count: count } = body as unknown as {
      readonly collector_types: readonly Line[];
      readonly total_count: number;
    };
    const names = sourceCatalogue.map(({ name }) => name).toSorted();
    expect(types.map(({ name }) => name)).toEqual(names);
    expect(count).toBe(names.length);
    for (const line of types) {
      const source = sourceCatalogue.find(({ name }) => name === line.name) ?? expect.fail();
      expect(line).toMatchObject({ origin: 'built-in', paid: source.paid, type: source.type });
      const properties = line.options['properties'] as Readonly<Record<string, TSchema>>;
      const defaults = Object.fromEntries(
        Object.entries(properties).flatMap(([name, schema]) =>
          Object.hasOwn(schema, 'default') ? [[name, schema['default']]] : [],
        ),
      );
      expect(defaults).toMatchObject(source.defaults);
      expect(Value.Check(source.options, defaults)).toBe(true);
      expect(line.upstreams.map(({ name }) => name)).toEqual(Object.keys(source.upstreams));
    }
    const moralis = types.find(({ name }) => name === 'moralis');
    expect(moralis?.keys).toEqual([{ variable: 'MORALIS_API_KEY', set: true, required: true }]);
    expect(moralis?.collectors).toEqual(['moralis']);
    expect(text).not.toContain(KEY);
  });

  it('shows a source of a user, with its keys that are not set', () => {
    const loaded = loadConfig({
      env: { ACME_EXTRA: KEY },
      catalogue: configCatalogue([], [own]),
      file: {
        name: 'c.json',
        text: JSON.stringify({ collectors: { second: { source: 'acme' } } }),
      },
    });
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.error));
    const { config, secrets } = loaded.value;
    const [line] = collectorTypes(config, secrets, [own]).map(collectorTypeLine);
    expect(line).toEqual({
      name: 'acme',
      type: 'sentiment',
      description: 'One of a user.',
      origin: 'user',
      paid: false,
      interval_ms: 5000,
      keys: [
        { variable: 'ACME_KEY', set: false, required: true },
        { variable: 'ACME_EXTRA', set: true, required: false },
      ],
      upstreams: [
        {
          name: 'main',
          provider: 'acme',
          host: 'api.acme.example:8443',
          scope: 'acme',
          tier: 'Free',
          currency: 'USD',
          max_requests_per_second: 2,
          recovery_window_ms: 60_000,
          endpoints: ['prices'],
          buckets: [
            {
              name: 'day',
              kind: 'fixed',
              limit: 10,
              unit: 'request',
              window_ms: null,
              period: 'day',
              zone: null,
              quota: false,
              price_per_unit: 0.0015,
            },
          ],
        },
      ],
      options: {
        type: 'object',
        required: ['coin', 'depth'],
        properties: {
          coin: { type: 'string', default: 'eth' },
          depth: { type: 'integer', default: 3 },
        },
      },
      collectors: ['acme', 'second'],
    });
    expect(JSON.stringify(line)).not.toContain(KEY);
  });
});
