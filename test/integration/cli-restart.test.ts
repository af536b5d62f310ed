/** `headgate status --watch` over a restart of its service. No other service runs in this process. */
import { expect, it, onTestFinished } from 'vitest';
import { EXIT } from '../../src/cli/exit.js';
import { startTestApp } from '../support/app-service.js';
import { freePort } from '../support/cli-port.js';
import { begin } from '../support/cli-run.js';

it('goes on watching after the service was restarted, and shows the final state', async () => {
  const port = await freePort();
  const own = await startTestApp({ config: { grpc: { host: '127.0.0.1', port } } });
  const watching = begin(['status', '--watch', '--json', '--server', own.running().grpcAddress]);
  onTestFinished(() => {
    watching.interrupt();
  });
  await watching.wrote((out) => out.includes('snapshot_complete'));
  await own.restart();
  await watching.wrote((_out, err) => err.includes('again'));
  await own.post('/collectors/moralis/disable', {});
  await watching.wrote((out) => lastOf(out, 'moralis')?.enabled === false);
  watching.interrupt();
  expect(await watching.ended).toBe(EXIT.ok);
  expect(watching.err()).toMatch(/connection is lost.*\n.*connected to .* again/);
});

type Watched = { readonly collector: { readonly name: string; readonly enabled: boolean } | null };

/** The last that was told of a collector, in whole lines. */
function lastOf(out: string, name: string): Watched['collector'] | undefined {
  const lines = out.split('\n').slice(0, -1);
  const items = lines.map((line) => (JSON.parse(line) as Watched).collector);
  return items.findLast((collector) => collector?.name === name);
}
