/**
 * A client that knows nothing but /openapi.json sends what the document allows and what it does not to a
 * running service. It is told the truth: answers are as documented, what is allowed is never called
 * malformed, what is not allowed is refused and named, and nothing is ever our mistake.
 *
 * FUZZ_SEED repeats a run.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/kernel/types.js';
import type { Told } from '../support/app-http.js';
import { openTestApp, type TestApp } from '../support/app-service.js';
import { invalid, textOf } from '../support/openapi-arbitrary.js';
import { answerCheck, nodeOf, schemaChecker, templateOf } from '../support/openapi-check.js';
import type { AnswerCheck, Node } from '../support/openapi-check.js';
import { addressOf, offered, references, requests } from '../support/openapi-client.js';
import type { Offered, Wished } from '../support/openapi-client.js';

const seed = Number(process.env['FUZZ_SEED'] ?? Math.trunc(performance.timeOrigin % 2 ** 31));
const VALID_RUNS = 8;
const INVALID_RUNS = 6;
const JSON_TYPE = { 'content-type': 'application/json' };

/** Rules over several members, or of what is there: no schema says them, so a 400 may name them. */
const UNSAID: Readonly<Record<string, RegExp>> = {
  batchCollectors: /^(|\/ttl_seconds|\/names.*|\/selector.*)$/, // names or a selector, each once
  updateCircuitBreaker: /^(|\/\w+)$/, // settings that belong together; at least one
  updateCursor: /^\/(cursor|series)$/, // in the source's own words
  reportPermit: /^\/(bucket|units|observations).*$/, // buckets of the permit's scope
  acquirePermit: /^\/(units|endpoint|upstream).*$/, // those the collector has
  getStateAt: /^\/(at|position)$/, // one of them
  listEvents: /^\/(last|after_position|before_position|limit)$/, // from one end or the other
  listCollectorEvents: /^\/(last|after_position|before_position|limit)$/,
  listBreakerHistory: /^\/(from|to)$/, // in this order
  replayBreaker: /^\/(from|to)$/,
  simulateBreaker: /^(|\/(from|to|config).*)$/,
  listAudit: /^\/(from|to)$/,
  createToken: /^\/name$/, // letters, digits, dots, dashes
};

let app: TestApp;
let document: Node;
let check: AnswerCheck;
let compile: ReturnType<typeof schemaChecker>;
let operations: readonly Offered[];
let known: readonly string[];
let token: string;

beforeAll(async () => {
  const config = { auth: { requests_per_second: 10_000, burst: 10_000 } };
  app = await openTestApp({ config });
  const made = await app.post('/tokens', { name: 'fuzz', role: 'admin' });
  token = String(made.body['secret']);
  const list = await sent('GET', '/collectors');
  known = Object.keys(nodeOf(list.body['collectors']));
  const text = (await sent('GET', '/openapi.json')).text;
  document = JSON.parse(text) as Node;
  check = answerCheck(document as JsonObject);
  compile = schemaChecker(document);
  operations = offered(document);
}, 60_000);
afterAll(() => app.close());

function sent(
  method: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  body?: string,
): Promise<Told> {
  const authorization = `Bearer ${token}`;
  return app.send(method, path, {
    headers: { authorization, ...headers, ...lengthOf(body) },
    ...(body === undefined ? {} : { body }),
  });
}

/** Node's client gives a DELETE with a body no length of itself. */
function lengthOf(body: string | undefined): Readonly<Record<string, string>> {
  return body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
}

async function ask(wish: Wished): Promise<Told> {
  const { method, headers, body } = wish;
  const path = addressOf(wish);
  const told = await (body === undefined
    ? sent(method, path, headers)
    : sent(method, path, { ...JSON_TYPE, ...headers }, JSON.stringify(body)));
  const { status, text } = told;
  const type = told.headers['content-type'] ?? '';
  // An address may be another operation's: the document says whose it is.
  expect(check({ method, path, status, type, text }), text.slice(0, 500)).toEqual([]);
  expect(status, text).not.toBe(500);
  return told;
}

/** Pointers of what is said to be wrong. */
function wrongs({ body }: Told): readonly string[] {
  return (body['errors'] as readonly { readonly pointer: string }[]).map(({ pointer }) => pointer);
}

function expectRefused(told: Told, statuses: readonly number[], pointer?: string): void {
  expect(statuses, told.text.slice(0, 300)).toContain(told.status);
  expect(told.headers['content-type']).toContain('application/problem+json');
  if (pointer === undefined || told.status !== 400) return;
  const isNamed = wrongs(told).some((each) => each === pointer || each.startsWith(`${pointer}/`));
  expect(isNamed, `${pointer} is not named by ${told.text}`).toBe(true);
}

/** Tries each operation; what fails is told of all of them, each with its smallest request. */
async function forEach(
  runs: number,
  of: (operation: Offered) => fc.Arbitrary<Wished> | undefined,
  holds: (wish: Wished, operation: Offered) => Promise<void>,
): Promise<number> {
  let tried = 0;
  const failures: string[] = [];
  for (const operation of operations) {
    const wishes = of(operation);
    if (wishes === undefined) continue;
    const property = fc.asyncProperty(wishes, async (wish) => {
      tried += 1;
      await holds(wish, operation);
    });
    const told = await fc.check(property, { numRuns: runs, seed, endOnFailure: true });
    if (!told.failed) continue;
    const { message } = told.errorInstance as Error;
    failures.push(`${operation.name}: ${message.slice(0, 1_000)}`);
  }
  expect(failures).toEqual([]);
  return tried;
}

const wishesOf = (operation: Offered) => requests(document, operation, known);

/** Of a collector there is, without what only the service knows: nothing else is wrong with it. */
const plainOf = (operation: Offered) =>
  fc.tuple(wishesOf(operation), fc.constantFrom(...known)).map(([wish, name]) => {
    const excused = references(operation);
    const members = Object.entries(nodeOf(wish.body)).filter(
      ([key]) => !excused.includes(`/${key}`),
    );
    const body = wish.body === undefined ? undefined : Object.fromEntries(members);
    const inPath = 'name' in wish.inPath ? { ...wish.inPath, name } : wish.inPath;
    return { ...wish, inPath, body };
  });

describe(`with the seed ${String(seed)}`, () => {
  it('what the document allows is never malformed, and is answered as documented', async () => {
    const tried = await forEach(VALID_RUNS, wishesOf, async (wish, operation) => {
      const told = await ask(wish);
      if (told.status !== 400 || told.body['code'] !== 'invalid_input') return;
      const unsaid = UNSAID[operation.name];
      const excused = references(operation);
      const left = wrongs(told).filter(
        (each) => !excused.includes(each) && unsaid?.test(each) !== true,
      );
      // A token of ours in a text would be written into the journal: the one word no schema knows.
      expect(left, `${addressOf(wish)} ${JSON.stringify(wish.body)} ${told.text}`).toEqual([]);
    });
    expect(tried).toBeGreaterThan(operations.length);
  }, 120_000);

  it('a member that its schema does not allow is refused and named', async () => {
    const tried = await forEach(
      INVALID_RUNS,
      (operation) => {
        const members = Object.entries(nodeOf(operation.body?.['properties']));
        if (members.length === 0) return undefined;
        return fc.constantFrom(...members).chain(([name, schema]) => {
          const test = compile(schema);
          return fc
            .tuple(
              plainOf(operation),
              invalid((value) => test(value)),
            )
            .map(([wish, value]) => ({ ...wish, body: { ...nodeOf(wish.body), [name]: value } }));
        });
      },
      async (wish, operation) => {
        const told = await ask(wish);
        expectRefused(told, [400]);
        const named = Object.entries(nodeOf(operation.body?.['properties'])).filter(
          ([name, each]) => {
            const value = nodeOf(wish.body)[name];
            return value !== undefined && !compile(each)(JSON.parse(JSON.stringify(value)));
          },
        );
        for (const [name] of named) expectRefused(told, [400], `/${name}`);
      },
    );
    expect(tried).toBeGreaterThan(20);
  }, 120_000);

  it('a parameter that its schema does not allow is refused and named', async () => {
    const numeric = /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i;
    const tried = await forEach(
      INVALID_RUNS,
      (operation) => {
        const here = operation.parameters.filter(({ place }) => place === 'query');
        if (here.length === 0) return undefined;
        return fc.constantFrom(...here).chain(({ name, schema }) => {
          const test = compile(schema);
          const isNumber = ['integer', 'number'].includes(String(schema['type']));
          const read = (text: string): unknown =>
            isNumber && numeric.test(text)
              ? Number(text)
              : schema['type'] === 'array'
                ? text.split(',')
                : text;
          const texts = invalid((value) => test(read(textOf(value))))
            .map(textOf)
            .filter((text) => text.length < 2_000 && !/\p{Cs}/u.test(text));
          return fc.tuple(plainOf(operation), texts).map(([wish, text]) => ({
            ...wish,
            query: [[name, text] as const], // alone: of two that exclude each other one is named
          }));
        });
      },
      async (wish) => {
        const [name] = wish.query.at(-1) ?? ['?'];
        expectRefused(await ask(wish), [400], `/${name}`);
      },
    );
    expect(tried).toBeGreaterThan(20);
  }, 120_000);

  it('what is not listed is refused and named, in a body or in a query', async () => {
    const extra = fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme-ascii' });
    const pointer = (name: string): string =>
      `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    await forEach(
      2,
      (operation) =>
        fc
          .tuple(wishesOf(operation), extra)
          .map(([wish, name]) =>
            operation.body === undefined
              ? { ...wish, query: [...wish.query, [`x-${name}`, '1'] as const] }
              : { ...wish, body: { ...nodeOf(wish.body), [`x-${name}`]: 1 } },
          ),
      async (wish) => {
        const inBody = Object.keys(nodeOf(wish.body)).filter((name) => name.startsWith('x-'));
        const inQuery = wish.query.map(([name]) => name).filter((name) => name.startsWith('x-'));
        const [name] = [...inBody, ...inQuery];
        expectRefused(await ask(wish), [400], pointer(name ?? ''));
      },
    );
  }, 120_000);

  it('a body without what is required is refused and what is missing is named', async () => {
    const needy = operations.filter(({ body }) => Array.isArray(body?.['required']));
    expect(needy.length).toBeGreaterThan(0);
    for (const operation of needy) {
      const [missing] = operation.body?.['required'] as readonly string[];
      const [wish] = fc.sample(wishesOf(operation), { numRuns: 1, seed });
      if (wish === undefined || missing === undefined) throw new Error('nothing to leave out');
      const { [missing]: _left, ...rest } = nodeOf(wish.body);
      expectRefused(await ask({ ...wish, body: rest }), [400], `/${missing}`);
    }
  });

  it('bodies that are no JSON objects, too long, or of another type are refused', async () => {
    for (const operation of operations.filter(({ body }) => body !== undefined)) {
      const [wish] = fc.sample(wishesOf(operation), { numRuns: 1, seed });
      if (wish === undefined) throw new Error('no request');
      const path = addressOf(wish);
      const post = (text: string, type = 'application/json') =>
        sent(operation.method, path, { 'content-type': type }, text);
      for (const text of ['{', '{"a":1,"a":2}', 'nul', '[', '"\\ud800']) {
        expectRefused(await post(text), [400]);
      }
      for (const text of ['[]', '1', 'null', '"x"']) expectRefused(await post(text), [400], '');
      expectRefused(await post(`{"reason":"${'x'.repeat(70_000)}"}`), [413]);
      expectRefused(await post('<a/>', 'application/xml'), [415]);
      expectRefused(await post('a=1', 'application/x-www-form-urlencoded'), [415]);
    }
  }, 60_000);

  it('methods that a path does not have are refused with those it has', async () => {
    for (const path of Object.keys(nodeOf(document['paths']))) {
      const has = Object.keys(nodeOf(nodeOf(document['paths'])[path]));
      const address = path.replaceAll(/\{\w+\}/g, 'x');
      if (templateOf(document, address) !== path) continue;
      for (const method of ['get', 'post', 'put', 'patch', 'delete']) {
        if (has.includes(method)) continue;
        const told = await sent(method.toUpperCase(), address);
        expectRefused(told, [405]);
        for (const each of has) expect(told.headers['allow']).toContain(each.toUpperCase());
      }
    }
  }, 60_000);

  it('without a token nothing is answered but to those whom the document says', async () => {
    for (const { method, path } of operations) {
      const operation = nodeOf(nodeOf(nodeOf(document['paths'])[path])[method.toLowerCase()]);
      const isOpen = (operation['security'] as readonly unknown[]).length === 0;
      const address = path.replaceAll(/\{\w+\}/g, 'x');
      const told = await app.send(method, address);
      if (isOpen) expect(told.status).toBe(200);
      else expectRefused(told, [401, 429]); // who guesses tokens is slowed down
    }
  });
});
