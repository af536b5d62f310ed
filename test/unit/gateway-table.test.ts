/** The table of operations, walked: whatever is added to it must be whole, documented and reachable. */
import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { OPERATIONS, PROBLEMS, RESERVED_NAMES, isCommand } from '../../src/gateway/index.js';
import { ROLES } from '../../src/gateway/operation.js';
import { REFUSED_AS } from '../../src/gateway/problems.js';
import { inputReader } from '../../src/gateway/rest/request-input.js';
import { allowedMethods } from '../../src/gateway/rest/routes.js';
import { STATUSES } from '../../src/gateway/rest/statuses.js';

const root = new URL('../../', import.meta.url);

function factNames(): ReadonlySet<string> {
  const folder = new URL('proto/headgate/events/v1/', root);
  const text = readdirSync(folder).map((file) => readFileSync(new URL(file, folder), 'utf8'));
  return new Set([...text.join('\n').matchAll(/^message (\w+)/gm)].map((match) => match[1] ?? ''));
}

describe('the table of operations', () => {
  it('has the nine endpoints and their neighbours, each once', () => {
    const routes = OPERATIONS.map(({ rest }) => `${rest.method} ${rest.path}`);
    expect(new Set(routes).size).toBe(routes.length);
    expect(new Set(OPERATIONS.map(({ name }) => name)).size).toBe(OPERATIONS.length);
    expect(routes.toSorted()).toEqual([
      'DELETE /tokens/{id}',
      'GET /',
      'GET /audit',
      'GET /audit/head',
      'GET /audit/verify',
      'GET /collector-types',
      'GET /collectors',
      'GET /collectors/costs',
      'GET /collectors/{name}',
      'GET /collectors/{name}/circuit-breaker/config',
      'GET /collectors/{name}/circuit-breaker/history',
      'GET /collectors/{name}/cursor',
      'GET /collectors/{name}/events',
      'GET /collectors/{name}/records',
      'GET /collectors/{name}/state',
      'GET /docs',
      'GET /events',
      'GET /health',
      'GET /health/collectors',
      'GET /health/collectors/{name}',
      'GET /livez',
      'GET /openapi.json',
      'GET /readyz',
      'GET /tokens',
      'PATCH /collectors/{name}/cursor',
      'POST /collectors/{name}/circuit-breaker/reset',
      'POST /collectors/{name}/circuit-breaker/simulate',
      'POST /collectors/{name}/collect',
      'POST /collectors/{name}/disable',
      'POST /collectors/{name}/enable',
      'POST /collectors/{name}/permits',
      'POST /collectors/{name}/quota/unblock',
      'POST /collectors/{name}/restart',
      'POST /collectors/{name}/unquarantine',
      'POST /collectors:batch',
      'POST /permits/{permit_id}/report',
      'POST /tokens',
      'PUT /collectors/{name}/circuit-breaker/config',
      'PUT /collectors/{name}/circuit-breaker/state',
      'PUT /collectors/{name}/rate-limit',
    ]);
  });

  it.each(OPERATIONS.map((operation) => [operation.name, operation] as const))(
    '%s is whole',
    (_name, operation) => {
      const { input, rest, role, summary, writes } = operation;
      const members = Object.keys(input.properties);
      const inPath = [...rest.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? '');
      expect(members).toEqual(expect.arrayContaining([...inPath, ...rest.query]));
      if (rest.method === 'GET') expect(members.length).toBe(inPath.length + rest.query.length);
      expect(input.additionalProperties).toBe(false);
      expect(ROLES).toContain(role);
      expect(summary).toMatch(/^[A-Z].*\.$/);
      // A what-if has a body, and changes nothing.
      const isWhatIf = operation.name === 'simulateBreaker';
      expect(isCommand(operation)).toBe(rest.method !== 'GET' && !isWhatIf);
      // Some questions need more than a viewer, no command less than an operator.
      if (isCommand(operation)) expect(role).not.toBe('viewer');
      const told = 'facts' in writes ? writes.facts : [writes.none];
      expect(told.length).toBeGreaterThan(0);
    },
  );

  it('names only facts that exist', () => {
    const known = factNames();
    const named = OPERATIONS.flatMap(({ writes }) => ('facts' in writes ? writes.facts : []));
    expect(named.filter((fact) => !known.has(fact))).toEqual([]);
    expect(known.has('NoSuchFact')).toBe(false);
  });

  it('reserves each word that stands where a collector’s name would', () => {
    const words = OPERATIONS.map(({ rest }) => /^\/collectors\/(\w+)/.exec(rest.path)?.[1]);
    const taken = words.filter((word) => word !== undefined);
    expect(RESERVED_NAMES).toEqual(expect.arrayContaining(taken));
  });

  it('tells for any path which methods it has', () => {
    const allowed = allowedMethods(OPERATIONS);
    expect(allowed('/collectors/x/enable')).toEqual(['OPTIONS', 'POST']);
    expect(allowed('/')).toEqual(['GET', 'HEAD', 'OPTIONS']);
    expect(allowed('/collectors//enable')).toEqual([]);
    expect(allowed('/nowhere')).toEqual([]);
  });
});

describe('an input', () => {
  const reader = (name: string) => {
    const operation = OPERATIONS.find((each) => each.name === name);
    return inputReader(operation ?? expect.fail(`no operation ${name}`));
  };

  it('is put together from path, query and body', () => {
    const read = reader('setCircuitBreakerState');
    const raw = { params: { name: 'm' }, query: { upstream: 'u' }, body: { state: 'open' } };
    expect(read(raw)).toEqual({ ok: true, value: { name: 'm', upstream: 'u', state: 'open' } });
  });

  it('takes numbers from a query as numbers, and only where a number belongs', () => {
    const params = { name: '5' };
    const told = reader('getHealth')({ params, query: { hours: '1.5' }, body: undefined });
    expect(told).toEqual({ ok: true, value: { name: '5', hours: 1.5 } });
  });

  it('that is wrong in a hundred ways is told of twenty', () => {
    const body = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`k${String(i)}`, 1]));
    const told = reader('enableCollector')({ params: { name: 'm' }, query: {}, body });
    expect(told.ok ? [] : told.error.errors).toHaveLength(20);
  });
});

describe('docs/errors.md', () => {
  const documented = (text: string): Readonly<Record<string, number>> =>
    Object.fromEntries(
      [...text.matchAll(/^\| `(\w+)` \| (\d{3}) \|/gm)].map(
        (row) => [row[1] ?? '', Number(row[2])] as const,
      ),
    );

  it('has exactly the problems there are, with their statuses', () => {
    const text = readFileSync(new URL('docs/errors.md', root), 'utf8');
    expect(documented(text)).toEqual(STATUSES);
    expect(Object.keys(STATUSES).toSorted()).toEqual(Object.keys(PROBLEMS).toSorted());
  });

  it('would not pass with a row too few or another status', () => {
    expect(documented('| `raced` | 410 | x |')).not.toEqual(STATUSES);
  });

  it('every refusal of an actor has its problem', () => {
    for (const code of Object.values(REFUSED_AS)) expect(PROBLEMS).toHaveProperty(code);
  });
});
