/** The command as a process of its own, against a service that runs: how it ends, and what it prints where. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTestApp } from '../support/app-service.js';
import type { TestApp } from '../support/app-service.js';
import { freePort } from '../support/cli-port.js';
import { beginProcess, runOnTerminal, runProcess } from '../support/cli-process.js';
import type { Command, Exited } from '../support/cli-process.js';

const TIMEOUT_MS = 60_000;
const ESCAPE = '\u001b[';

let app: TestApp;
beforeAll(async () => {
  app = await openTestApp();
});
afterAll(() => app.close());

const env = () => ({ HEADGATE_SERVER: app.running().grpcAddress });
const headgate = (...args: readonly string[]): Promise<Exited> => runProcess(args, env());
const begin = (...args: readonly string[]): Command => beginProcess(args, env());

describe('the exit code', { timeout: TIMEOUT_MS }, () => {
  it.each([
    [0, ['status'], /^$/],
    [2, ['status', '--nix'], /unknown option '--nix'/],
    [2, ['rate-limit', 'moralis', '--rate', '-3'], /must be > 0, got -3/],
    [4, ['breaker', 'half-open', 'moralis'], /half-open is reached from open only/],
    [4, ['disable', 'moralis', '--if-match', '99.99.99'], /not 99\.99\.99/],
    [5, ['status', 'nix'], /Collector not found: nix/],
  ])('is %i of %j, said in one line', async (code, args, text) => {
    const ran = await headgate(...args);
    expect(ran).toMatchObject({ code, signal: null });
    expect(ran.err).toMatch(text);
    if (code !== 0) expect(ran.err).toMatch(/^headgate: [^\n]+\n$/);
    expect(ran.out === '').toBe(code !== 0);
  });

  it('is 7 where nobody answers, said with the address and what starts one', async () => {
    const address = `127.0.0.1:${String(await freePort())}`;
    const ran = await runProcess(['status'], { HEADGATE_SERVER: address });
    expect(ran).toMatchObject({ code: 7, out: '' });
    expect(ran.err).toMatch(/^headgate: no service answers at 127\.0\.0\.1:\d+; [^\n]+\n$/);
    expect(ran.err).toContain(address);
    expect(ran.err).toContain('`headgate serve`');
  });

  it('stands in the object on standard error where JSON is wanted', async () => {
    const ran = await headgate('status', 'nix', '--json');
    expect(ran).toMatchObject({ code: 5, out: '' });
    expect(JSON.parse(ran.err)).toMatchObject({ code: 'collector_not_found', exit_code: 5 });
    const usage = await headgate('status', '--nix', '--json');
    expect(JSON.parse(usage.err)).toMatchObject({ code: 'usage_invalid', exit_code: 2 });
  });
});

describe('a follow', { timeout: TIMEOUT_MS }, () => {
  it.each(['SIGINT', 'SIGTERM'] as const)('ends with 0 at %s, and says nothing', async (signal) => {
    const following = begin('events', '--follow', '--last', '1');
    await following.wrote((out) => out.split('\n').length > 3);
    following.signal(signal);
    expect(await following.ended).toMatchObject({ code: 0, signal: null, err: '' });
  });

  it('ends silently when its reader goes away', async () => {
    const following = begin('events', '--follow', '--last', '1');
    await following.wrote((out) => out.includes('\n'));
    following.stopReading();
    expect(await following.ended).toMatchObject({ code: 0, signal: null, err: '' });
  });

  it('watches, where nobody looks, with a line per change and no drawing', async () => {
    const watching = begin('status', '--watch');
    await watching.wrote((out) => out.includes('moralis'));
    await app.post('/collectors/moralis/disable', { reason: 'watched' });
    const tells = (out: string): boolean => /moralis {2}disabled.*\(watched\)\n/.test(out);
    await watching.wrote(tells);
    await app.post('/collectors/moralis/enable', {});
    watching.signal('SIGINT');
    const { code, out, err } = await watching.ended;
    expect([code, err]).toEqual([0, '']);
    expect(out).not.toContain('\u001b');
    for (const line of out.trimEnd().split('\n')) expect(line).toMatch(/^\d{4}-\S+ \S+ {2}\w+ {2}/);
  });

  it('watches as JSON with one object per line', async () => {
    const watching = begin('status', '--watch', '--json');
    await watching.wrote((out) => out.includes('snapshot_complete'));
    watching.signal('SIGINT');
    const { out } = await watching.ended;
    const items = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { kind: string });
    expect(items.slice(0, 3).map(({ kind }) => kind)).toEqual([
      'snapshot',
      'snapshot',
      'snapshot_complete',
    ]);
  });

  it('follows records from the newest on', async () => {
    const page = await headgate('records', 'historical', '--limit', '1', '--json');
    const { records } = JSON.parse(page.out) as { records: readonly { sequence: number }[] };
    const before = (records[0]?.sequence ?? 0) - 1;
    const args = ['records', 'historical', '--follow', '--after', String(before), '--json'];
    const following = begin(...args);
    await following.wrote((out) => out.includes('\n'));
    following.signal('SIGINT');
    const { code, out } = await following.ended;
    expect(code).toBe(0);
    expect(JSON.parse(out.split('\n')[0] ?? '')).toMatchObject({ sequence: before + 1 });
  });
});

describe('what is printed', { timeout: TIMEOUT_MS }, () => {
  it('has colours on a terminal only, and not where NO_COLOR asks for none', async () => {
    const coloured = await runOnTerminal(80, ['status'], env());
    expect(coloured).toMatchObject({ code: 0 });
    expect(coloured.out).toContain(ESCAPE);
    const plain = await runOnTerminal(80, ['status'], { ...env(), NO_COLOR: '1' });
    expect(plain.out).toContain('moralis');
    expect(plain.out).not.toContain(ESCAPE);
    for (const line of plain.out.split('\r\n')) expect(line.length).toBeLessThanOrEqual(80);
    expect((await headgate('status')).out).not.toContain(ESCAPE);
  });

  it('is one JSON value where JSON is wanted', async () => {
    const { out } = await headgate('status', '--json');
    expect(JSON.parse(out)).toMatchObject({ total_count: 2 });
    expect((out.match(/\n/g) ?? []).length).toBe(1);
  });

  it('walks the journal of the service that runs', async () => {
    const ran = await headgate('verify', '--server', app.running().grpcAddress);
    expect(ran).toMatchObject({ code: 0, err: '' });
    expect(ran.out).toMatch(/^127\.0\.0\.1:\d+: sound, [\d,]+ events in \d+ streams\n$/);
  });
});
