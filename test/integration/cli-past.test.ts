/** What the command answers of the past, and how a setting of a breaker is given back. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXIT } from '../../src/cli/exit.js';
import { openTestApp } from '../support/app-service.js';
import type { TestApp } from '../support/app-service.js';
import { run } from '../support/cli-run.js';
import type { Ran, RunOptions } from '../support/cli-run.js';

let app: TestApp;
beforeAll(async () => {
  app = await openTestApp();
});
afterAll(() => app.close());

const headgate = (args: readonly string[], options: RunOptions = {}): Promise<Ran> =>
  run([...args, '--server', app.running().grpcAddress], options);

const jsonOf = ({ out }: Ran): unknown => JSON.parse(out);

describe('the past', () => {
  it('has who did what, of everybody or of one, and why', async () => {
    await headgate(['disable', 'moralis', '--reason', 'audited']);
    await headgate(['enable', 'moralis']);
    const all = await headgate(['audit', '--limit', '2', '--json']);
    expect(jsonOf(all)).toMatchObject({
      entries: [{ operation: 'enableCollector' }, { operation: 'disableCollector' }],
    });
    const one = await headgate(['audit', '--operation', 'disableCollector', '--limit', '1']);
    expect(one.out).toMatch(/ local +cli +127\.0\.0\.1 +disableCollector +moralis .*audited\n$/);
    const nobody = await headgate(['audit', '--actor', 'token:nobody']);
    expect(nobody.out).toBe('nothing matches\n');
  });

  it('has every transition of a breaker, and what other settings would have done', async () => {
    await headgate(['breaker', 'open', 'moralis', '--reason', 'history']);
    await headgate(['breaker', 'close', 'moralis']);
    const { transitions } = jsonOf(await headgate(['breaker', 'history', 'moralis', '--json'])) as {
      readonly transitions: readonly { readonly to: string; readonly actor: string }[];
    };
    expect(transitions.at(-2)).toMatchObject({ actor: 'local' });
    expect(transitions.at(-1)).toMatchObject({ to: 'closed', actor: 'local' });
    const shown = await headgate(['breaker', 'history', 'moralis', '--limit', '1'], {
      columns: 80,
    });
    expect([shown.code, shown.err]).toEqual([
      EXIT.ok,
      'headgate: there are more than 1: see --limit\n',
    ]);
    const args = ['breaker', 'simulate', 'historical', 'failure_threshold=2'];
    const simulated = await headgate(args);
    expect([simulated.code, simulated.err]).toEqual([EXIT.ok, '']);
    expect(simulated.out).toMatch(/WAS +WOULD BE\nopened +\d+ +\d+\n/);
    expect(simulated.out).toMatch(/over \d+ counted calls/);
  });

  it('has the newest facts of a name and of a collector, also when there are none', async () => {
    const args = ['events', '--type', 'CollectorDisabled', '--collector', 'moralis', '--last', '1'];
    const { out } = await headgate([...args, '--json']);
    expect(
      out
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toMatchObject([{ stream: 'collector-moralis', type: 'CollectorDisabled' }]);
    const none = await headgate(['events', '--type', 'NoSuchFact']);
    expect(none).toMatchObject({ code: EXIT.ok, out: '' });
  });
});

describe('a setting of a breaker', () => {
  it.each([['--unset', 'success_threshold'], ['success_threshold=']])(
    'is given back by %s',
    async (...words) => {
      const config = async (): Promise<unknown> => {
        const shown = jsonOf(await headgate(['breaker', 'config', 'historical', '--json']));
        return (shown as { readonly config: unknown }).config;
      };
      const before = await config();
      const set = ['failure_threshold=9', 'success_threshold=3'];
      expect((await headgate(['breaker', 'config', 'historical', ...set])).code).toBe(EXIT.ok);
      expect(await config()).toMatchObject({ failure_threshold: 9, success_threshold: 3 });
      const given = await headgate(['breaker', 'config', 'historical', ...words]);
      expect([given.code, given.err]).toEqual([EXIT.ok, '']);
      expect(await config()).toEqual({ ...(before as object), failure_threshold: 9 });
      const back = ['breaker', 'config', 'historical', 'failure_threshold='];
      expect((await headgate(back)).code).toBe(EXIT.ok);
      expect(await config()).toEqual(before);
    },
  );
});
