/** docs/rest.md against the table of operations and a running service: nothing missing, nothing untrue. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OPERATIONS } from '../../src/gateway/index.js';
import type { AnyOperation } from '../../src/gateway/operation.js';
import { until } from '../support/app-http.js';
import { openTestApp, type TestApp } from '../support/app-service.js';
import {
  missing,
  parametersOf,
  requestOf,
  sectionsOf,
  type Request,
  type Section,
} from '../support/gateway-page.js';

const PAGE = readFileSync(new URL('../../docs/rest.md', import.meta.url), 'utf8');
const SECTIONS = sectionsOf(PAGE);

const titleOf = ({ rest }: AnyOperation): string => `${rest.method} ${rest.path}`;

/** What the page says wrongly, or not at all, of an operation. */
function untrue(operation: AnyOperation, sections: readonly Section[]): readonly string[] {
  const { name, role, rest } = operation;
  const section = sections.find(({ title }) => title === titleOf(operation));
  if (section === undefined) return [`${name} has no section`];
  const { text, parameters, examples } = section;
  const wanted = parametersOf(operation).map((each) => JSON.stringify(each));
  const told = parameters.map((each) => JSON.stringify(each));
  const [first] = examples;
  // A page of its own can be looked at; it has no members to show.
  const isShown = first?.request.method === rest.method || rest.produces?.startsWith('text/html');
  return [
    ...(text.includes(`\`${name}\`, ${role}.`) ? [] : [`its name and role, ${role}`]),
    ...wanted.filter((each) => !told.includes(each)).map((each) => `lacks ${each}`),
    ...told.filter((each) => !wanted.includes(each)).map((each) => `has ${each}`),
    ...(isShown === true ? [] : ['no request of its own']),
  ];
}

describe('docs/rest.md', () => {
  it.each(OPERATIONS.map((operation) => [titleOf(operation), operation] as const))(
    'has %s with every parameter, its range and an answer',
    (_title, operation) => {
      expect(untrue(operation, SECTIONS)).toEqual([]);
    },
  );

  it('has no section of something that is not there', () => {
    const titles = SECTIONS.map(({ title }) => title).filter((title) => title !== '');
    expect(titles.toSorted()).toEqual(OPERATIONS.map(titleOf).toSorted());
  });

  it('would be found wrong without a section, a parameter or a range', () => {
    const operation = OPERATIONS.find(({ name }) => name === 'listRecords') ?? expect.fail();
    const changed = (from: string | RegExp, to: string): readonly string[] =>
      untrue(operation, sectionsOf(PAGE.replace(from, to)));
    expect(changed('## GET /collectors/{name}/records', '## Records')).toHaveLength(1);
    expect(changed(/^\| `after` .*\n/m, '')).toHaveLength(1);
    const limit = '| `limit` | query | whole number, 1 to';
    expect(untrue(operation, sectionsOf(PAGE.replaceAll(limit, `${limit} 9`)))).toHaveLength(2);
    expect(changed('`listRecords`, viewer', '`listRecords`, admin')).toHaveLength(1);
    expect(() => requestOf('curl -k localhost:8000/')).toThrow('-k');
  });
});

describe('a running service answers what docs/rest.md says', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await openTestApp();
    for (const name of ['historical', 'moralis']) {
      await app.event(
        `${name} has run`,
        ({ stream, type }) => stream === `collector-${name}` && type === 'RunSucceeded',
      );
    }
  });
  afterAll(() => app.close());

  /** The page's moment is long over; here it is now. */
  function hereAndNow({ path, ...request }: Request): Request {
    const now = new Date(app.clock.now()).toISOString();
    const ours = path.replace(/\bat=[^&]+/, `at=${now}`).replace(/[^/]+(?=\/report$)/, permit);
    return { ...request, path: ours };
  }

  /** Of the report's own permit, in place of the page's. */
  let permit = '';

  /** What must have happened before an answer can be what the page shows. */
  const BEFORE: Readonly<Record<string, () => Promise<void>>> = {
    'POST /collectors/{name}/quota/unblock': async () => {
      const after = await app.head();
      const { control } = app.sandbox();
      control.setFaults('moralis', [{ kind: 'quota_gone' }]);
      await app.post('/collectors/moralis/collect');
      const isSuspended = ({ type }: { readonly type: string }) => type === 'CollectorSuspended';
      await app.event('its quota is used up', isSuspended, after);
      control.clearFaults('moralis');
    },
    'POST /permits/{permit_id}/report': async () => {
      const asked = { endpoint: 'erc20_transfers', max_wait_seconds: 5 };
      const { body } = await app.post('/collectors/moralis/permits', asked);
      permit = (body['permit'] as { readonly permit_id: string }).permit_id;
    },
    'PATCH /collectors/{name}/cursor': async () => {
      await app.post('/collectors/historical/disable');
      await until('it is stopped', async () => {
        const { body } = await app.get('/collectors/historical');
        return (body['collector'] as { readonly phase: string }).phase === 'stopped';
      });
    },
    'POST /collectors/{name}/unquarantine': async () => {
      await app.post('/collectors/historical/enable');
    },
  };

  const examples = SECTIONS.flatMap(({ title, examples: all }) =>
    all.map(({ request, answer }) => ({ title, request, answer })),
  );

  it.each(examples)('$title: $request.method $request.path', async ({ title, request, answer }) => {
    await BEFORE[title]?.();
    const wanted = answer as { readonly success?: boolean; readonly status?: number };
    let last = 'nothing was answered';
    // Right after the start a member may still be on its way: an endpoint's first block is open.
    await until('the answer has what the page shows', async () => {
      const { method, path, headers, body } = hereAndNow(request);
      const told = await app.send(method, path, {
        headers,
        ...(body === undefined ? {} : { body }),
      });
      const lacks = missing(told.body, answer);
      last = `${String(told.status)} ${lacks.join(', ')} ${told.text.slice(0, 300)}`;
      const status = wanted.success === false ? wanted.status : 200;
      return told.status === status && lacks.length === 0;
    }).catch((thrown: unknown) => {
      throw new Error(`${String(thrown)}: ${last}`);
    });
  });

  it('the comparison notices a member that is gone, and another kind of value', () => {
    expect(missing({ a: 1 }, { a: 2, b: 3 })).toEqual(['$.b is missing']);
    expect(missing({ a: '1' }, { a: 1 })).toEqual(['$.a is string']);
    expect(missing({ a: [{ b: 1 }] }, { a: [{ c: 1 }] })).toEqual(['$.a[0].c is missing']);
    expect(missing({ a: 1 }, { a: [1] })).toEqual(['$.a is no list']);
  });
});
