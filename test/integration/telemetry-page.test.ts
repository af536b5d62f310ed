/** docs/metrics.md against the page of a running service: every family, its type, labels and meaning. */
import { readFileSync } from 'node:fs';
import { beforeAll, afterAll, describe, expect, it } from 'vitest';
import { until } from '../support/app-http.js';
import { openTestApp, type TestApp } from '../support/app-service.js';
import { grpcClient } from '../support/grpc-client.js';
import { healthMethods } from '../support/grpc-health.js';
import { parseExposition, type ParsedFamily } from '../support/telemetry-exposition.js';

const PAGE = new URL('../../docs/metrics.md', import.meta.url);

/** As a row of the table stands; labels sorted. Undefined labels: no series tells them. */
type Row = { readonly type: string; readonly labels: readonly string[]; readonly meaning: string };

const ROW = /^\| `((?:headgate|grpc|process|nodejs)_\w+)` \| (\w+) \| ([^|]*) \| (.+) \|$/gm;

function documented(text: string): ReadonlyMap<string, Row> {
  const rows = new Map<string, Row>();
  for (const [, name = '', type = '', labels = '', meaning = ''] of text.matchAll(ROW)) {
    if (rows.has(name)) throw new Error(`${name} has two rows`);
    const named = [...labels.matchAll(/`(\w+)`/g)].map((match) => match[1] ?? '');
    rows.set(name, { type, labels: named, meaning });
  }
  return rows;
}

function labelsOf({ samples }: ParsedFamily): readonly string[] | undefined {
  const series = [...samples.values()].flat();
  if (series.length === 0) return undefined;
  const names = series.flatMap(({ labels }) => [...labels.keys()]);
  return [...new Set(names)].filter((name) => name !== 'le').sort();
}

/** What is wrong with the document, family by family. */
function differences(
  families: ReadonlyMap<string, ParsedFamily>,
  rows: ReadonlyMap<string, Row>,
): readonly string[] {
  const isOurs = (name: string): boolean => name.startsWith('headgate_');
  const gone = [...rows.keys()].filter((name) => isOurs(name) && !families.has(name));
  const wrong = [...families].flatMap(([name, family]) => {
    const { type, help } = family;
    const labels = labelsOf(family) ?? rows.get(name)?.labels ?? [];
    const wanted: Row = { type, labels, meaning: help };
    const row = rows.get(name);
    if (row !== undefined && JSON.stringify(row) === JSON.stringify(wanted)) return [];
    const shown = labels.map((label) => `\`${label}\``).join(', ');
    return [`the row must be: | \`${name}\` | ${type} | ${shown} | ${help} |`];
  });
  return [...gone.map((name) => `${name} is not told by the service`), ...wrong];
}

let app: TestApp;
beforeAll(async () => {
  app = await openTestApp();
});
afterAll(() => app.close());

describe('docs/metrics.md', () => {
  it('has every family the service tells, as it tells it, and no other', async () => {
    await app.event('a run succeeded', ({ type }) => type === 'RunSucceeded');
    await app.event('a block was settled', ({ type }) => type === 'UnitsSettled');
    // What happens seldom: a hand on the breaker, another rate, a permit lent.
    await app.put('/collectors/moralis/circuit-breaker/state', { state: 'open' });
    await app.post('/collectors/moralis/circuit-breaker/reset');
    await app.put('/collectors/moralis/rate-limit', { max_requests_per_second: 49 });
    const lent = await app.post('/collectors/moralis/permits', { endpoint: 'erc20_transfers' });
    const { permit_id: id } = lent.body['permit'] as { readonly permit_id: string };
    await app.post(`/permits/${id}/report`, { outcome: 'ok', status: 200 });
    const client = grpcClient(app.grpcUrl());
    await client.ask(healthMethods.check, { service: '' });
    client.close();
    const families = await until('every family of ours has a series', async () => {
      const told = parseExposition(await app.metrics());
      const ours = [...told].filter(([name]) => name.startsWith('headgate_'));
      return ours.every(([, family]) => labelsOf(family) !== undefined) ? told : undefined;
    });
    expect(differences(families, documented(readFileSync(PAGE, 'utf8')))).toEqual([]);
  });

  it('a row too many, one too few, another type, label or meaning is noticed', () => {
    const page =
      '# HELP headgate_a_total A.\n# TYPE headgate_a_total counter\nheadgate_a_total{x="1"} 1\n';
    const families = parseExposition(page);
    const told = (...rows: readonly string[]) => differences(families, documented(rows.join('\n')));
    const right = '| `headgate_a_total` | counter | `x` | A. |';
    expect(told(right)).toEqual([]);
    for (const wrong of [
      [],
      [right, '| `headgate_b_total` | counter |  | B. |'],
      [right.replace('counter', 'gauge')],
      [right.replace('`x`', '`y`')],
      [right.replace('A.', 'Something else.')],
    ]) {
      expect(told(...wrong)).toHaveLength(1);
    }
  });
});
