import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { servedGrpc } from '../support/grpc-served.js';

const run = promisify(execFile);
const BUF = 'node_modules/.bin/buf';
const hasBuf = existsSync(BUF);
if (!hasBuf) {
  if (process.env['CI'] === 'true') throw new Error('buf is missing: CI never skips reflection');
  process.stderr.write('skipped: buf is missing, the independent client of reflection\n');
}

type Failure = { readonly stderr: string };

describe.skipIf(!hasBuf)('buf curl, which has no .proto file', { timeout: 60_000 }, () => {
  const curl = async (...args: readonly string[]): Promise<string> => {
    const { stdout } = await run(
      BUF,
      ['curl', '--protocol', 'grpc', '--http2-prior-knowledge', ...args],
      {
        // Without a home it would keep its cache here.
        env: { PATH: process.env['PATH'] ?? '', BUF_CACHE_DIR: join(tmpdir(), 'headgate-buf') },
      },
    );
    return stdout;
  };

  it('lists what there is, calls it, and reads its errors with details', async () => {
    const { target, world } = await servedGrpc();
    const url = `http://${target}`;
    const methods = await curl('--list-methods', url);
    for (const name of ['GetCollector', 'WatchCollectors', 'VerifyJournal', 'SubscribeRecords']) {
      expect(methods).toContain(name);
    }
    const get = `${url}/headgate.v1.CollectorService/GetCollector`;
    const told = JSON.parse(await curl('-d', '{"name":"moralis"}', get)) as object;
    expect(told).toMatchObject({ collector: { name: 'moralis', enabled: true } });
    const disable = `${url}/headgate.v1.CollectorService/DisableCollector`;
    await curl('-d', '{"name":"moralis","reason":"a test"}', disable);
    expect(world.asked).toMatchObject([{ command: 'disable' }]);
    const lost = await curl('-d', '{"name":"nope"}', get).catch((error: unknown) => error);
    expect((lost as Failure).stderr).toContain('"not_found"');
    expect((lost as Failure).stderr).toContain('google.rpc.ResourceInfo');
  });

  it('asks by v1alpha too', async () => {
    const { target } = await servedGrpc();
    const url = `http://${target}`;
    const methods = await curl('--reflect-protocol', 'grpc-v1alpha', '--list-methods', url);
    expect(methods).toContain('headgate.v1.CollectorService/GetCollector');
  });
});
