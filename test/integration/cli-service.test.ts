/** The real command against a whole service, over real gRPC. */
import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXIT } from '../../src/cli/exit.js';
import { openTestApp } from '../support/app-service.js';
import type { TestApp } from '../support/app-service.js';
import { freePort } from '../support/cli-port.js';
import { begin, run } from '../support/cli-run.js';
import type { Ran, RunOptions } from '../support/cli-run.js';

let app: TestApp;
beforeAll(async () => {
  app = await openTestApp();
});
afterAll(() => app.close());

const headgate = (args: readonly string[], options: RunOptions = {}): Promise<Ran> =>
  run([...args, '--server', app.running().grpcAddress], options);

const jsonOf = ({ out }: Ran): unknown => JSON.parse(out);

describe('headgate status', () => {
  it('shows all collectors, one line each, within the terminal', async () => {
    const { code, out, err } = await headgate(['status'], { columns: 80 });
    expect([code, err]).toEqual([EXIT.ok, '']);
    const lines = stripVTControlCharacters(out).trimEnd().split('\n');
    expect(lines.map((line) => line.split(' ')[0])).toEqual(['NAME', 'historical', 'moralis', '2']);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
  });

  it('has no colours where nobody looks, nor where nobody wants them', async () => {
    expect((await headgate(['status'])).out).not.toContain('\u001b');
    expect((await headgate(['status', '--no-color'], { columns: 80 })).out).not.toContain('\u001b');
    const env = { NO_COLOR: '1' };
    expect((await headgate(['status'], { columns: 80, env })).out).not.toContain('\u001b');
    expect((await headgate(['status'], { columns: 80 })).out).toContain('\u001b[');
  });

  it('answers why one is not fetching, and until when', async () => {
    const args = ['breaker', 'open', 'moralis', '--reason', 'bad prices', '--ttl', '10m'];
    const before = await app.head();
    expect((await headgate(args)).code).toBe(EXIT.ok);
    const isBlocked = ({ type, stream }: { type: string; stream: string }): boolean =>
      type === 'RunBlocked' && stream === 'collector-moralis';
    await app.event('a run is blocked', isBlocked, before);
    const { out } = await headgate(['status', 'moralis', '--utc']);
    expect(out).toMatch(/Why is it not fetching\?\n +.*\n +changes +\d{4}-.*Z \(in (9|10)m\)/);
    expect(out).toContain('forced_open by local (bad prices)');
    expect((await headgate(['breaker', 'close', 'moralis'])).code).toBe(EXIT.ok);
  });

  it('prints the same as JSON, in the words of REST', async () => {
    const page = jsonOf(await headgate(['status', 'moralis', '--json']));
    expect(page).toMatchObject({
      collector: { name: 'moralis', type: 'onchain', circuit_breaker: { state: 'closed' } },
    });
    const list = jsonOf(await headgate(['status', '--json']));
    expect(list).toMatchObject({ total_count: 2, collectors: [{ name: 'historical' }, {}] });
  });

  it('takes the options of the connection before the command too', async () => {
    const { code } = await run(['--server', app.running().grpcAddress, 'status', 'moralis']);
    expect(code).toBe(EXIT.ok);
  });
});

describe('a command', () => {
  it('tells what came of it, its etag, and that nothing had to change', async () => {
    const first = await headgate(['disable', 'moralis', '--reason', 'test']);
    expect(first.out).toMatch(/^Collector moralis has been disabled {2}\(etag \d+\.\d+\.\d+\)\n$/);
    const again = await headgate(['disable', 'moralis', '--json']);
    expect([again.code, jsonOf(again)]).toMatchObject([EXIT.ok, { changed: false }]);
    const event = await app.event('disabled', ({ type }) => type === 'CollectorDisabled');
    expect(event.metadata).toMatchObject({ actor: 'local', interface: 'cli', reason: 'test' });
    expect((await headgate(['enable', 'moralis'])).code).toBe(EXIT.ok);
  });

  it('shows what it would write, and writes nothing', async () => {
    const { code, out } = await headgate(['rate-limit', 'moralis', '--rate', '2', '--dry-run']);
    expect(code).toBe(EXIT.ok);
    expect(out).toMatch(/would write.*\n +limiter-\S+ +RateLimitConfigured/);
    const written = (await app.events()).filter(({ type }) => type === 'RateLimitConfigured');
    expect(written).toEqual([]);
  });

  it('is done once however often it is repeated with the same key', async () => {
    const args = ['restart', 'historical', '--request-id', 'once', '--json'];
    const answers = [await headgate(args), await headgate(args)];
    expect(answers[0]?.out).toBe(answers[1]?.out);
    const asked = (await app.events()).filter(({ type }) => type === 'RestartRequested');
    expect(asked.length).toBeLessThanOrEqual(1);
  });

  it('takes several collectors, with a line for each, and says that one failed', async () => {
    const { code, out } = await headgate(['enable', 'moralis', 'nix', 'historical']);
    expect(code).toBe(EXIT.refused);
    expect(out.split('\n').map((line) => line.split(/ +/).slice(0, 2))).toMatchObject([
      ['moralis', 'no-op'],
      ['nix', 'failed'],
      ['historical', 'no-op'],
      [''],
    ]);
    const all = await headgate(['enable', '--all']);
    expect([all.code, all.out.split('\n').length]).toEqual([EXIT.ok, 3]);
    const typed = await headgate(['enable', '--type', 'onchain']);
    expect([typed.code, typed.out.split(' ')[0]]).toEqual([EXIT.ok, 'moralis']);
  });

  it('sets what it shows afterwards: rate, breaker, cursor', async () => {
    const rate = await headgate(['rate-limit', 'moralis', '--rate', '40']);
    expect(rate.out).toContain('rate                40/s');
    expect((await headgate(['rate-limit', 'moralis'])).out).toContain('40/s');
    const config = await headgate(['breaker', 'config', 'moralis', 'failure_threshold=7']);
    expect(config.out).toContain('failure_threshold      7');
    const shown = jsonOf(await headgate(['breaker', 'config', 'moralis', '--json']));
    expect(shown).toMatchObject({ config: { failure_threshold: 7 } });
    expect((await headgate(['cursor', 'historical'])).out).toContain('SERIES');
    expect((await headgate(['breaker', 'reset', 'moralis'])).out).toContain('closed');
  });
});

describe('a refusal', () => {
  it.each([
    [['status', 'nix'], EXIT.notFound, 'Collector not found: nix'],
    [['breaker', 'half-open', 'moralis'], EXIT.refused, 'half-open is reached from open only'],
    [['disable', 'moralis', '--if-match', '99.99.99'], EXIT.refused, 'not 99.99.99'],
    [['rate-limit', 'moralis', '--rate', '-3'], EXIT.usage, 'must be > 0, got -3'],
    [['unblock', 'moralis'], EXIT.refused, 'nothing to lift'],
  ])('of %j ends with %i in one line', async (args, code, text) => {
    const ran = await headgate(args);
    expect(ran).toMatchObject({ code, out: '' });
    expect(ran.err).toContain(text);
    expect(ran.err).toMatch(/^headgate: [^\n]+\n$/);
  });

  it('keeps the cursor of a collector that runs', async () => {
    await app.event('a cursor', ({ type }) => type === 'CursorSet' || type === 'RunProgressed');
    const { cursors } = jsonOf(await headgate(['cursor', 'historical', '--json'])) as {
      readonly cursors: readonly { readonly series: string; readonly cursor: string }[];
    };
    const { series = '', cursor = '' } = cursors[0] ?? {};
    const ran = await headgate(['cursor', 'historical', series, cursor]);
    expect(ran).toMatchObject({ code: EXIT.refused, out: '' });
    expect(ran.err).toContain('disable');
  });

  it('is an object where JSON is wanted', async () => {
    const { err } = await headgate(['status', 'nix', '--json']);
    expect(JSON.parse(err)).toMatchObject({
      success: false,
      code: 'collector_not_found',
      grpc_status: 'NOT_FOUND',
      exit_code: EXIT.notFound,
    });
  });
});

describe('a service that is not there', () => {
  it('ends with 7 and says which address was tried, and how to start one', async () => {
    const address = `127.0.0.1:${String(await freePort())}`;
    const { code, err } = await run(['status'], { env: { HEADGATE_SERVER: address } });
    expect(code).toBe(EXIT.unavailable);
    expect(err).toContain(`no service answers at ${address}`);
    expect(err).toContain('headgate serve');
  });

  it('completes no names, and says nothing of it', async () => {
    const address = `127.0.0.1:${String(await freePort())}`;
    const ran = await run(['__complete', 'collectors'], { env: { HEADGATE_SERVER: address } });
    expect(ran).toEqual({ code: EXIT.ok, out: '', err: '' });
  });
});

describe('what goes on', () => {
  it('tells facts as they happen, until it is interrupted', async () => {
    const server = ['--server', app.running().grpcAddress];
    const following = begin([
      'events',
      '--follow',
      '--last',
      '0',
      '--type',
      'RunStarted',
      ...server,
    ]);
    await following.wrote((out) => out.split('\n').length > 2);
    following.interrupt();
    expect(await following.ended).toBe(EXIT.ok);
    expect(following.err()).toBe('');
    expect(following.out()).toMatch(/^ +\d+ {2}\d{4}-\S+ \S+ {2}collector-\w+@\d+ {2}RunStarted/);
  });

  it('shows the newest facts in their order, and records', async () => {
    const { out } = await headgate(['events', '--last', '7', '--json']);
    const positions = out
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { readonly position: number }).position);
    expect(positions).toHaveLength(7);
    expect(positions).toEqual([...positions].sort((a, b) => a - b));
    await app.event(
      'records',
      ({ type, data }) => type === 'RunSucceeded' && data['newRecords'] !== 0,
    );
    const records = await headgate(['records', 'historical', '--limit', '3']);
    expect([records.code, records.out.split('\n').length]).toEqual([EXIT.ok, 4]);
  });

  it('completes the names of collectors', async () => {
    const env = { HEADGATE_SERVER: app.running().grpcAddress };
    expect((await run(['__complete', 'collectors'], { env })).out).toBe('historical\nmoralis\n');
  });

  it('redraws a table on a terminal, and ends cleanly', async () => {
    const server = ['--server', app.running().grpcAddress];
    const watching = begin(['status', '--watch', ...server], { columns: 100 });
    await watching.wrote((out) => out.split('\u001b[H').length > 2);
    watching.interrupt();
    expect(await watching.ended).toBe(EXIT.ok);
    expect(watching.out()).toContain('moralis');
  });
});
