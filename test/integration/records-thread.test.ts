/** The record sink's thread: what happens when it dies, or the file cannot be had. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/kernel/observe.js';
import { sqliteRecordSink } from '../../src/records/index.js';
import { SinkUnavailable, type RecordPage } from '../../src/records/port.js';
import { threadClient } from '../../src/records/thread-client.js';

const retention = { maxAgeMs: 1e9, perCollectorMax: 1000 };
let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'headgate-records-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

function page(ordinal: number): RecordPage {
  const record = { id: `r${String(ordinal)}`, kind: 'k', series: 's', at: 1, data: { ordinal } };
  const where = { collector: 'c', run: 'r', series: 's', cursor: '1', ordinal, collectedAt: 5 };
  return { ...where, records: [record] };
}

describe('the record sink', () => {
  it('T2: whoever waits when the thread dies is told; the next page finds another thread', async () => {
    const config = { path: join(directory, 'records.db'), retention };
    const client = await threadClient(config, silentLogger);
    expect(await client.ask('write', page(1))).toEqual({ added: 1, changed: 0 });
    const lost = Promise.allSettled([client.ask('write', page(2)), client.ask('count', 'c')]);
    await client.kill();
    for (const each of await lost) {
      if (each.status === 'rejected') expect(each.reason).toBeInstanceOf(SinkUnavailable);
    }
    // Whether the lost page was stored is unknown; told again, it is there once.
    await client.ask('write', page(2));
    expect(await client.ask('count', 'c')).toBe(2);
    await client.close();
  });

  it('T1: refuses what is more than it can remember to do', async () => {
    const config = { path: join(directory, 'records.db'), retention };
    const client = await threadClient(config, silentLogger);
    const asked = await Promise.allSettled(
      Array.from({ length: 3000 }, () => client.ask('count', 'c')),
    );
    const refused = asked.filter(({ status }) => status === 'rejected');
    expect(refused.length).toBeGreaterThan(0);
    expect(await client.ask('count', 'c')).toBe(0);
    await client.close();
  });

  it('says that the file cannot be opened', async () => {
    const path = join(directory, 'records.db');
    writeFileSync(path, 'this is no database'.repeat(100));
    await expect(sqliteRecordSink({ path, retention })).rejects.toThrow(/cannot open/);
    const below = join(path, 'in-a-file.db');
    await expect(sqliteRecordSink({ path: below, retention })).rejects.toThrow(SinkUnavailable);
  });

  it('counts what it wrote, what was there already, and what it could not write', async () => {
    const sink = await sqliteRecordSink({ path: join(directory, 'records.db'), retention });
    await sink.write(page(1));
    await sink.write(page(1));
    await sink.close();
    await expect(sink.write(page(2))).rejects.toThrow(SinkUnavailable);
    const value = (name: string): number | undefined =>
      sink.metrics().find((family) => family.name === `headgate_records_${name}_total`)?.samples[0]
        ?.value;
    expect(value('written')).toBe(1);
    expect(value('duplicate')).toBe(1);
    expect(value('write_failures')).toBe(1);
    expect(value('written_bytes')).toBeGreaterThan(10);
  });

  it('prunes more than one slice holds', async () => {
    const sink = await sqliteRecordSink({ path: join(directory, 'records.db'), retention });
    const records = Array.from({ length: 12_000 }, (_, n) => ({
      ...{ id: `r${String(n)}`, kind: 'k', series: 's', at: n },
      data: {},
    }));
    await sink.write({ ...page(1), records });
    expect(await sink.prune(5)).toBe(11_000);
    expect(await sink.count('c')).toBe(1000);
    await sink.close();
  });
});
