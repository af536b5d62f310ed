/** Two sources as configuration sees them: one free, one paid with a key. */
import { Type } from '@sinclair/typebox';
import type { CatalogueEntry } from '../../src/config.js';

export const TEST_CATALOGUE: readonly CatalogueEntry[] = [
  {
    name: 'historical',
    keyVariables: [],
    paid: false,
    intervalMs: 60_000,
    options: Type.Object(
      {
        symbols: Type.Array(Type.String({ minLength: 1 }), { minItems: 1 }),
        interval: Type.Union([Type.Literal('1m'), Type.Literal('1h')]),
      },
      { additionalProperties: false },
    ),
    defaults: { symbols: ['BTCUSDT'], interval: '1m' },
  },
  {
    name: 'moralis',
    keyVariables: ['MORALIS_API_KEY'],
    paid: true,
    intervalMs: 300_000,
    options: Type.Object(
      { token: Type.String(), apiKeyHint: Type.Optional(Type.Number()) },
      { additionalProperties: false },
    ),
    defaults: { token: '0x0' },
  },
];
