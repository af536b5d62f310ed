/** The published document: an independent validator takes it, and it says what the table says. */
import { Validator } from '@seriousme/openapi-schema-validator';
import { describe, expect, it } from 'vitest';
import { Type } from '@sinclair/typebox';
import { OPERATIONS, STREAMS } from '../../src/gateway/api.js';
import { isCommand } from '../../src/gateway/operation.js';
import { openApiDocument } from '../../src/gateway/openapi/document.js';
import { schemaBook } from '../../src/gateway/openapi/json-schema.js';
import { protectionsOf } from '../../src/gateway/openapi/parameters.js';
import { problemsOf } from '../../src/gateway/openapi/problems.js';
import { PROBLEMS } from '../../src/gateway/problems.js';
import type { ProblemCode } from '../../src/gateway/problems.js';
import { answerCheck, nodeOf, refsOf, resolved, schemaChecker } from '../support/openapi-check.js';

const described = { operations: OPERATIONS, streams: STREAMS, version: '1.2.3' };
const document = openApiDocument(described);

async function flaws(text: string): Promise<readonly unknown[]> {
  const told = await new Validator().validate(JSON.parse(text) as Record<string, unknown>);
  return told.valid ? [] : [told.errors];
}

function operationAt(path: string, method: string) {
  return nodeOf(nodeOf(nodeOf(document['paths'])[path])[method.toLowerCase()]);
}

describe('the document', () => {
  it('is OpenAPI 3.1 to an independent validator', async () => {
    expect(await flaws(JSON.stringify(document))).toEqual([]);
    expect(document['openapi']).toBe('3.1.0');
  });

  it('would not pass with a planted fault', async () => {
    const text = JSON.stringify(document);
    expect(await flaws(text.replace('"in":"path"', '"in":"nowhere"'))).not.toEqual([]);
    expect(await flaws(text.replace('"operationId"', '"operationid"'))).not.toEqual([]);
  });

  it('leads nowhere with none of its references, and would be caught if it did', () => {
    const refs = new Set(refsOf(document));
    expect(refs.size).toBeGreaterThan(20);
    for (const ref of refs) expect(Object.keys(resolved(document, { $ref: ref }))).not.toEqual([]);
    expect(() => resolved(document, { $ref: '#/components/schemas/NoSuch' })).toThrow('nowhere');
  });

  it('is the same text each time, and names the version of the program', () => {
    expect(JSON.stringify(openApiDocument(described))).toBe(JSON.stringify(document));
    expect(nodeOf(document['info'])['version']).toBe('1.2.3');
    const other = openApiDocument({ ...described, version: '2' });
    expect(JSON.stringify(other)).not.toBe(JSON.stringify(document));
  });

  it('has only schemas that compile', () => {
    const compile = schemaChecker(document);
    const schemas = Object.values(nodeOf(nodeOf(document['components'])['schemas']));
    for (const schema of schemas) expect(() => compile(schema)).not.toThrow();
  });

  it('names no machine and no secret', () => {
    expect(JSON.stringify(document)).not.toMatch(/127\.0\.0\.1|localhost|hg_[a-z0-9]/i);
  });
});

describe.each(OPERATIONS.map((operation) => [operation.name, operation] as const))(
  'what is said of %s',
  (name, operation) => {
    const { rest, role, input } = operation;
    const said = operationAt(rest.path, rest.method);

    it('is what the table says', () => {
      expect(said).toMatchObject({ operationId: name, summary: operation.summary });
      expect(said['x-role']).toBe(role);
      expect(said['x-writes']).toEqual('facts' in operation.writes ? operation.writes.facts : []);
      expect(said['security']).toEqual(operation.anyone === true ? [] : [{ bearer: [] }, {}]);
    });

    it('has each member of the input at one place', () => {
      const parameters = (said['parameters'] as readonly unknown[])
        .map((each) => resolved(document, each))
        .filter((each) => each['in'] !== 'header' && each['name'] !== 'dry_run')
        .map((each) => each['name']);
      const json = nodeOf(nodeOf(nodeOf(said['requestBody'])['content'])['application/json']);
      const body = Object.keys(nodeOf(nodeOf(json['schema'])['properties']));
      expect([...parameters, ...body].toSorted()).toEqual(Object.keys(input.properties).toSorted());
    });

    it('has the protections of a command, if it is one, but those it refuses', () => {
      const parameters = JSON.stringify(said['parameters']);
      const has = ['IdempotencyKey', 'IfMatch', 'DryRun'].filter((each) =>
        parameters.includes(`/${each}"`),
      );
      expect(has).toEqual(protectionsOf(operation));
      if (!isCommand(operation)) expect(has).toEqual([]);
      if (name === 'enableCollector') expect(has).toHaveLength(3);
    });

    it('has an answer with a schema, and problems with their codes', () => {
      const responses = nodeOf(said['responses']);
      const [media] = Object.values(nodeOf(nodeOf(responses['200'])['content']));
      expect(nodeOf(media)).toHaveProperty('schema');
      expect(Object.keys(responses)).toEqual(expect.arrayContaining(['400', '403', '500', '503']));
      if (operation.anyone !== true) expect(responses).toHaveProperty('401');
    });
  },
);

it('every problem can come from some operation, or from before any is reached', () => {
  const documented = OPERATIONS.flatMap((operation) => problemsOf(operation));
  const codes = new Set(documented.flatMap(([, each]) => each));
  const missing = (Object.keys(PROBLEMS) as ProblemCode[]).filter((code) => !codes.has(code));
  // Of paths and methods that are no operation's.
  expect(missing).toEqual(['route_not_found', 'method_not_allowed']);
});

describe('an answer held against the document', () => {
  const check = answerCheck(document);
  const live = { method: 'GET', path: '/livez', status: 200, type: 'application/json' };
  const said = (body: object) => check({ ...live, text: JSON.stringify(body) });

  it('is as documented, or is told what is wrong with it', () => {
    expect(said({ success: true, status: 'live' })).toEqual([]);
    expect(said({ success: true, status: 'dead' }).join()).toContain('/status');
    expect(said({ success: true }).join()).toContain('status');
    expect(said({ success: true, status: 'live', load: 1 }).join()).toContain('load');
    expect(check({ ...live, status: 418, text: '{}' }).join()).toContain('not documented');
    expect(check({ ...live, type: 'text/html', text: '' }).join()).toContain('not documented');
  });

  it('is looked up by its path, a literal one first', () => {
    const asked = { ...live, path: '/collectors/costs?x=1', text: '{"success":true}' };
    expect(check(asked).join()).toContain('/collectors/costs: 200');
    expect(check({ ...asked, path: '/nowhere' })).toEqual([]);
  });
});

describe('a schema in the document', () => {
  const write = (schema: Parameters<ReturnType<typeof schemaBook>['write']>[0]) =>
    schemaBook().write(schema);

  it('has words as an enum, and null as a type', () => {
    const words = Type.Union([Type.Literal('a'), Type.Literal('b')]);
    expect(write(words)).toEqual({ type: 'string', enum: ['a', 'b'] });
    expect(write(Type.Union([words, Type.Null()]))).toEqual({
      type: ['string', 'null'],
      enum: ['a', 'b', null],
    });
    expect(write(Type.Union([Type.Number(), Type.Null()]))).toEqual({ type: ['number', 'null'] });
  });

  it('that is named stands once, and may not mean two things', () => {
    const book = schemaBook();
    const one = Type.Object({ a: Type.Number() }, { $id: 'One' });
    expect(book.write(Type.Array(one))).toEqual({
      type: 'array',
      items: { $ref: '#/components/schemas/One' },
    });
    expect(Object.keys(book.named())).toEqual(['One']);
    expect(() => book.write(Type.Object({}, { $id: 'One' }))).toThrow('two meanings');
    expect(book.write({ ...one, description: 'Here.' })).toMatchObject({ description: 'Here.' });
  });
});
