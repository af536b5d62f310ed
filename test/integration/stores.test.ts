import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { openStores, type Stores } from '../../src/app/stores.js';
import { loadConfig } from '../../src/config.js';
import { silentLogger } from '../../src/kernel/observe.js';
import { systemClock } from '../../src/kernel/time.js';
import { configCatalogue } from '../../src/sources/index.js';

const directories: string[] = [];
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true });
});

function open(directory: string): Promise<Stores> {
  const loaded = loadConfig({
    env: {},
    flags: { 'data.dir': directory },
    catalogue: configCatalogue(),
  });
  if (!loaded.ok) throw new Error('the configuration of this test is right');
  const onFatal = (error: Error): void => {
    throw error;
  };
  return openStores({
    config: loaded.value.config,
    clock: systemClock(),
    log: silentLogger,
    onFatal,
  });
}

async function used(): Promise<{ readonly directory: string; readonly file: string }> {
  const directory = mkdtempSync(join(tmpdir(), 'headgate-stores-'));
  directories.push(directory);
  const stores = await open(directory);
  await stores.close();
  return { directory, file: join(directory, 'views.db') };
}

describe('the stores of a process', () => {
  it('begin a read store anew that was cut in half', async () => {
    const { directory, file } = await used();
    truncateSync(file, Math.floor(readFileSync(file).byteLength / 2));
    const stores = await open(directory);
    expect(stores.views.names()).toEqual([]);
    await stores.close();
  });

  it('begin a read store anew that is something else', async () => {
    const { directory, file } = await used();
    writeFileSync(file, 'not a database '.repeat(500));
    const stores = await open(directory);
    expect(stores.views.names()).toEqual([]);
    await stores.close();
  });
});
