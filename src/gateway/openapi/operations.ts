/** The operations that describe all the others: for programs, and for people. */
import { Type } from '@sinclair/typebox';
import { ok } from '../../kernel/types.js';
import { nothing } from '../inputs.js';
import { operation } from '../operation.js';
import type { AnyOperation } from '../operation.js';

const WRITES_NOTHING = { none: 'it only reads' } as const;

const JSON_TYPE = 'application/json; charset=utf-8';

/** When REST is not open yet, which no caller of REST will see. */
const ORIGIN_DEFAULT = 'http://127.0.0.1:8000';

const getOpenApi = operation({
  name: 'getOpenApi',
  summary: 'This interface as an OpenAPI 3.1 document.',
  role: 'viewer',
  input: nothing,
  output: Type.Unsafe<Readonly<Record<string, unknown>>>({
    type: 'object',
    description: 'An OpenAPI document.',
    required: ['openapi', 'info', 'paths'],
  }),
  writes: WRITES_NOTHING,
  rest: { method: 'GET', path: '/openapi.json', query: [], produces: JSON_TYPE },
  handler: (_input, { descriptions }) => ok(descriptions.openApi()),
});

const getDocs = operation({
  name: 'getDocs',
  summary: 'This interface as a page to read.',
  role: 'viewer',
  input: nothing,
  output: Type.String({ description: 'A page that needs no script and loads nothing.' }),
  writes: WRITES_NOTHING,
  rest: { method: 'GET', path: '/docs', query: [], produces: 'text/html; charset=utf-8' },
  handler: (_input, { descriptions, service }) =>
    ok(descriptions.page(service().doors['rest'] ?? ORIGIN_DEFAULT)),
});

export const DESCRIPTIONS: readonly AnyOperation[] = [getOpenApi, getDocs];
