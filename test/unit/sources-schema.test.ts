/** What is said of a body that does not fit. */
import { Type } from '@sinclair/typebox';
import { describe, expect, it } from 'vitest';
import { fitsSchema } from '../../src/sources/exchange.port.js';

const schema = Type.Object({ prices: Type.Array(Type.Number()) });

describe('a body that does not fit its schema', () => {
  it('is told by the place in it that is wrong', () => {
    expect(fitsSchema(schema, { prices: [1, 'x'] })).toEqual({
      ok: false,
      message: '/prices/1: Expected number',
    });
  });

  it('is told as a whole where it is wrong as a whole', () => {
    expect(fitsSchema(schema, [])).toEqual({ ok: false, message: 'the body: Expected object' });
    expect(fitsSchema(schema, undefined)).toEqual({ ok: false, message: 'the body is not JSON' });
  });
});
