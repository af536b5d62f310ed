import { describe, expect, it } from 'vitest';
import { regions } from '../../src/actors/collector/index.js';
import { SinkUnavailable } from '../../src/records/port.js';
import { memoryRecords, type MemoryRecords } from '../../src/records/records.memory.js';
import { settle } from '../support/clock.js';
import {
  byOperator,
  engineBench,
  MINUTE,
  pageOf,
  until,
  type EngineBench,
  type EngineBenchOptions,
} from '../support/door-engine.js';
import { testHost } from '../support/host.js';

/** Two pages are stored; then the process is gone, and the sink comes back from `records`. */
async function restarted(
  records: (before: MemoryRecords) => MemoryRecords,
  prepare: (sink: EngineBench['sink']) => void = () => undefined,
): Promise<EngineBench> {
  const first = await engineBench();
  await until(first, () => first.facts('RunSucceeded').length === 1);
  const copy = structuredClone(first.records);
  await until(first, () => first.facts('RunSucceeded').length === 2);
  const after = { ...first, records: records(copy) };
  return engineBench({
    after,
    through: (sink) => {
      prepare(sink as EngineBench['sink']);
      return sink;
    },
  });
}

const cursorOf = ({ member }: EngineBench) =>
  member.handle.state().context.cursors['numbers']?.cursor;

describe('the session of a collector', () => {
  it('is opened when it is enabled, and soon after it runs', async () => {
    const bench = await engineBench();
    expect(bench.news()).toEqual([
      'CollectorRegistered',
      'CollectorConfigured',
      'CollectorEnabled',
      'CollectorConnected',
    ]);
    await bench.clock.advance(2000);
    expect(bench.news()).toEqual(['RunStarted', 'RunProgressed', 'RunSucceeded']);
  });

  it('waits for a key that is missing, names it, and sends nothing', async () => {
    const bench = await engineBench({ setup: { missingKey: 'MORALIS_API_KEY' } });
    await bench.clock.advance(10 * MINUTE);
    expect(bench.facts('RunBlocked')).toMatchObject([
      { cause: 'key', detail: 'set MORALIS_API_KEY' },
    ]);
    expect(bench.wire.sent).toEqual([]);
    expect(bench.engine.live('one')?.why.sentence).toBe(
      'it waits for its key: set MORALIS_API_KEY',
    );
  });

  it('is not opened again by another enable, and is by the next one after a disable', async () => {
    const bench = await engineBench();
    bench.news();
    await bench.engine.enable('one', {}, byOperator());
    expect(bench.news()).toEqual([]);
    await bench.engine.disable('one', {}, byOperator());
    await bench.engine.enable('one', {}, byOperator());
    await settle();
    expect(bench.news()).toEqual([
      'CollectorDisabled',
      'CollectorStopped',
      'CollectorEnabled',
      'CollectorConnected',
    ]);
  });

  it('sets the cursor back to a sink that is behind, as a fact, before anything is collected', async () => {
    const bench = await restarted((copy) => copy);
    expect(bench.facts('CursorSet')).toMatchObject([
      { cursor: '1', cause: 'sink_behind', ordinal: 2 },
    ]);
    await until(bench, () => bench.facts('RunSucceeded').length === 3);
    expect([...(bench.records.records.get('one')?.keys() ?? [])]).toEqual(['n:1', 'n:2']);
    expect(cursorOf(bench)).toBe('2');
  });

  it('begins anew when the sink knows nothing of a series', async () => {
    const bench = await restarted(memoryRecords);
    expect(bench.facts('CursorSet')).toMatchObject([{ cursor: 'null', cause: 'sink_behind' }]);
    await until(bench, () => bench.facts('RunSucceeded').length === 3);
    expect(cursorOf(bench)).toBe('1');
  });

  it('leaves a sink that is ahead alone: the page whose cursor was lost is written again', async () => {
    const bench = await restarted((copy) => {
      const position = copy.positions.get('one')?.get('numbers');
      if (position !== undefined) {
        copy.positions.get('one')?.set('numbers', { ...position, ordinal: 3, cursor: '3' });
      }
      return copy;
    });
    expect(bench.facts('CursorSet')).toEqual([]);
  });

  it('sees that a sink of the same ordinal holds less: a page may be written twice and grow', async () => {
    let answerIsLost = false;
    let count = 0;
    const growing: EngineBenchOptions = {
      // With each run there is one more.
      async *collect(context) {
        const from = Number(context.cursor('numbers') ?? 0);
        const to = (count += 1);
        const records = Array.from({ length: to - from }, (_, n) =>
          pageOf(from + n + 1, 0),
        ).flatMap((page) => page.records);
        await Promise.resolve();
        yield { series: 'numbers', records, cursor: to };
        return undefined;
      },
      through: (sink) => ({
        ...sink,
        async write(page) {
          const written = await sink.write(page);
          if (answerIsLost) throw new SinkUnavailable('the answer was lost');
          return written;
        },
      }),
    };
    const first = await engineBench(growing);
    await until(first, () => first.facts('RunSucceeded').length === 1);
    answerIsLost = true;
    await until(first, () => first.facts('RunFailed').length === 1);
    const copy = structuredClone(first.records);
    answerIsLost = false;
    await until(first, () => first.facts('RunSucceeded').length === 2);
    const after = { ...first, records: copy };
    const bench = await engineBench({ ...growing, after });
    await until(bench, () => bench.facts('RunSucceeded').length === 3);
    const stored = bench.records.records.get('one')?.size;
    expect(stored).toBe(Number(cursorOf(bench)));
  });

  it('is opened once a sink that was full takes the rewound cursor', async () => {
    const bench = await restarted(
      (copy) => copy,
      (sink) => {
        sink.setFull(true);
      },
    );
    await bench.clock.advance(30_000);
    expect(bench.facts('CollectorConnected')).toHaveLength(1);
    expect(bench.facts('RunStarted')).toHaveLength(2);
    bench.sink.setFull(false);
    await until(bench, () => bench.facts('RunSucceeded').length === 3);
    expect([...(bench.records.records.get('one')?.keys() ?? [])]).toEqual(['n:1', 'n:2']);
  });

  it('is opened once the journal records it', async () => {
    const bench = await engineBench({ setup: { enabled: false } });
    const unwatch = bench.member.handle.watch(({ phase }) => {
      if (phase !== 'durable') return;
      // The wish is durable, the session's own fact is next.
      for (let n = 0; n < 3; n += 1) bench.faults.failNext('before-commit');
      unwatch();
    });
    await bench.engine.enable('one', {}, byOperator());
    await settle();
    expect(bench.facts('CollectorConnected')).toEqual([]);
    await until(bench, () => bench.facts('RunSucceeded').length === 1);
    expect(regions(bench.member.handle.state()).activity).toBe('idle');
  });

  it('is not opened for one that was disabled while the sink was away', async () => {
    const bench = await restarted(
      (copy) => copy,
      (sink) => {
        sink.setFull(true);
      },
    );
    await bench.clock.advance(5000);
    await bench.engine.disable('one', {}, byOperator());
    bench.sink.setFull(false);
    await bench.clock.advance(5 * MINUTE);
    expect(bench.facts('CollectorConnected')).toHaveLength(1);
  });
});

describe('a collector that is loaded afresh', () => {
  /** Another process of the same epoch wrote into its stream: the next append finds a conflict. */
  async function conflicting(bench: EngineBench): Promise<void> {
    const { journal } = testHost({ after: bench, seed: 99 });
    const { revision } = (await journal.streamHead('collector-one')) ?? { revision: -1 };
    const id = `tool-${String(revision)}`;
    await journal.append('collector-one', revision, [
      {
        type: 'CursorSet',
        data: { atMs: bench.clock.now(), series: 'x', cursor: '1', cause: 'operator', ordinal: 1 },
        metadata: {
          eventId: id,
          commandId: id,
          correlationId: id,
          actor: 'tool',
          interface: 'cli',
          recordedAt: new Date(bench.clock.now()).toISOString(),
          schema: 1,
          epoch: 1,
          node: 'tool',
        },
      },
    ]);
  }

  it('connects again and goes on', async () => {
    const bench = await engineBench();
    await until(bench, () => bench.facts('RunSucceeded').length === 1);
    await conflicting(bench);
    await until(bench, () => bench.facts('RunSucceeded').length === 3);
    expect(bench.facts('CollectorStopped')).toMatchObject([{ cause: 'crash' }]);
  });

  it('can be looked at meanwhile: a gate that opens just then wakes nobody and harms nobody', async () => {
    const bench = await engineBench();
    await until(bench, () => bench.facts('RunSucceeded').length === 1);
    await bench.engine.setBreaker('one', undefined, 'open', {}, byOperator());
    await until(bench, () => bench.facts('RunBlocked').length > 0);
    await conflicting(bench);
    // It cannot be loaded afresh, for its recovery is not recorded.
    const unwatch = bench.member.handle.watch(({ phase }) => {
      if (phase !== 'withdrawn') return;
      unwatch();
      bench.faults.failNext('before-commit');
    });
    const disabled = await bench.engine.disable('one', {}, byOperator());
    expect(disabled).toMatchObject({ ok: false, refusal: { kind: 'journal-unavailable' } });
    const closed = await bench.engine.setBreaker('one', undefined, 'closed', {}, byOperator());
    expect(closed).toMatchObject({ ok: true, changed: true });
    expect(bench.engine.live('one')?.phase).toBe('waiting');
    await until(bench, () => bench.facts('RunSucceeded').length === 2);
  });
});
