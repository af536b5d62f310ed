import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/kernel/types.js';
import type { Notice } from '../../src/actors/handle.js';
import type { TallyContext, TallyFact } from '../support/tally-kind.js';
import type { Circumstances } from '../../src/actors/kind.js';
import { settle, virtualClock } from '../support/clock.js';
import { byOperator, testHost } from '../support/host.js';
import { tallyKind } from '../support/tally-kind.js';

const STREAM = 'tally-one';

describe('the host', () => {
  it('A1: runs one command at a time, in the order in which they came', async () => {
    const { host, store } = testHost();
    const tally = await host.actor(tallyKind, STREAM);
    const answers = await Promise.all(
      [1, 2, 3, 4, 5].map((n) => tally.ask({ type: 'Add', n }, byOperator())),
    );
    expect(answers.map((answer) => answer.ok && answer.revision)).toEqual([0, 1, 2, 3, 4]);
    expect(store.log.map((row) => JSON.parse(row.data) as unknown)).toMatchObject(
      [1, 2, 3, 4, 5].map((n) => ({ n })),
    );
  });

  it('A1: refuses what the mailbox cannot hold, and serves the rest', async () => {
    const { host, faults } = testHost({ limits: { mailboxMax: 3 } });
    const tally = await host.actor(tallyKind, STREAM);
    const release = faults.hold();
    const asked = [1, 2, 3, 4, 5].map((n) => tally.ask({ type: 'Add', n }, byOperator()));
    release();
    const answers = await Promise.all(asked);
    expect(answers.map((a) => (a.ok ? 'ok' : a.refusal.kind))).toEqual([
      'ok',
      'ok',
      'ok',
      'overloaded',
      'overloaded',
    ]);
  });

  it('A7: decides by one look at the clock, however fast it runs: no end is planned too early', async () => {
    const clock = virtualClock();
    let looks = 0;
    const fast = { ...clock, now: () => clock.now() + (looks += 1) };
    const { host } = testHost({ clock: fast });
    const known: Circumstances[] = [];
    const kind: typeof tallyKind = {
      ...tallyKind,
      decide: (command, state, circumstances) => {
        known.push(circumstances);
        return tallyKind.decide(command, state, circumstances);
      },
    };
    const tally = await host.actor(kind, STREAM);
    await tally.ask({ type: 'Add', n: 1 }, byOperator());
    await tally.ask({ type: 'Wait', ms: 10 }, byOperator());
    expect(known).toHaveLength(2);
    expect(known.map(({ at, now = 0 }) => at - now)).toEqual([0, 0]);
  });

  it('A2: replies, and shows the facts, only after the append is durable', async () => {
    const { host, faults, store } = testHost();
    const tally = await host.actor(tallyKind, STREAM);
    const seen: string[] = [];
    tally.watch(({ phase }) => seen.push(`${phase} with ${String(store.log.length)} stored`));
    const release = faults.hold();
    const asked = tally.ask({ type: 'Add', n: 7 }, byOperator()).then(() => seen.push('reply'));
    await settle();
    expect(seen).toEqual([]);
    expect(tally.state().context.sum).toBe(0);
    release();
    await asked;
    expect(seen).toEqual(['durable with 1 stored', 'reply']);
    expect(tally.state().context.sum).toBe(7);
  });

  it('A2: shows what restricts before the append, and takes it back when the append fails', async () => {
    const { host, faults } = testHost();
    const tally = await host.actor(tallyKind, STREAM);
    const seen: Notice<TallyFact, TallyContext>[] = [];
    tally.watch((notice) => seen.push(notice));
    faults.failNext('before-commit');
    const answer = await tally.ask({ type: 'Seal' }, byOperator());
    expect(answer).toMatchObject({ ok: false, refusal: { kind: 'journal-unavailable' } });
    expect(seen.map(({ phase, state }) => [phase, state.value])).toEqual([
      ['restricting', 'sealed'],
      ['withdrawn', 'open'],
    ]);
  });

  it('A3: finds its own events when the answer to an append was lost', async () => {
    const { host, faults, store } = testHost();
    const tally = await host.actor(tallyKind, STREAM);
    faults.failNext('after-commit');
    const answer = await tally.ask({ type: 'Add', n: 5 }, byOperator());
    expect(answer).toMatchObject({ ok: true, revision: 0 });
    expect(store.log).toHaveLength(1);
    expect(tally.state().context.sum).toBe(5);
  });

  it('A3: decides again on what another writer of its epoch wrote', async () => {
    const first = testHost();
    const mine = await first.host.actor(tallyKind, STREAM);
    const other = await testHost({ after: first, seed: 2 }).host.actor(tallyKind, STREAM);
    await other.ask({ type: 'Add', n: 10 }, byOperator());
    const answer = await mine.ask({ type: 'Add', n: 1 }, byOperator());
    expect(answer).toMatchObject({ ok: true, revision: 1, state: { context: { sum: 11 } } });
    expect(first.host.statistics().conflicts).toBe(1);
  });

  it('A3: drops the actor when a greater epoch owns the stream, and decides nothing again', async () => {
    const first = testHost({ epoch: 1 });
    const mine = await first.host.actor(tallyKind, STREAM);
    const owner = await testHost({ after: first, epoch: 2 }).host.actor(tallyKind, STREAM);
    await owner.ask({ type: 'Add', n: 10 }, byOperator());
    const answer = await mine.ask({ type: 'Add', n: 1 }, byOperator());
    expect(answer).toMatchObject({ ok: false, refusal: { kind: 'not-owner' } });
    expect(first.store.log).toHaveLength(1);
    expect(mine.quarantined()).toContain('epoch 2');
  });

  it('A4: derives event ids from command, stream and ordinal', async () => {
    const { host, journal } = testHost();
    const [one, two] = [
      await host.actor(tallyKind, STREAM),
      await host.actor(tallyKind, 'tally-two'),
    ];
    await one.ask({ type: 'Add', n: 1 }, byOperator('same'));
    await two.ask({ type: 'Add', n: 1 }, byOperator('same'));
    const again = testHost();
    await (
      await again.host.actor(tallyKind, STREAM)
    ).ask({ type: 'Add', n: 1 }, byOperator('same'));
    const idIn = async (from: typeof journal, stream: string): Promise<string | undefined> =>
      (await from.read(stream, 0, 1)).events[0]?.metadata.eventId;
    expect(await idIn(journal, STREAM)).toBe(await idIn(again.journal, STREAM));
    expect(await idIn(journal, STREAM)).not.toBe(await idIn(journal, 'tally-two'));
  });

  it('A5: settles what a crash left open before it begins anything owed', async () => {
    const first = testHost();
    const begun: string[] = [];
    const wiring = { onWork: (key: string) => begun.push(key) };
    const tally = await first.host.actor(tallyKind, STREAM, wiring);
    await tally.ask({ type: 'Begin', key: 'job-1' }, byOperator());
    expect(begun).toEqual(['job-1']);
    const reborn = await testHost({ after: first }).host.actor(tallyKind, STREAM, wiring);
    expect(begun).toEqual(['job-1']);
    expect(reborn.state().context).toMatchObject({ work: '', lost: 1 });
  });

  it('A6: quarantines an actor whose stream has a fact without an arrow; the others go on', async () => {
    const first = testHost();
    const tally = await first.host.actor(tallyKind, STREAM);
    await tally.ask({ type: 'Seal' }, byOperator());
    const { journal } = first;
    const [sealed] = (await journal.read(STREAM, 0, 1)).events;
    if (sealed === undefined) throw new Error('the seal was stored');
    const { prevHash: _prev, hash: _hash, ...metadata } = sealed.metadata;
    const stray = { ...metadata, eventId: 'stray' };
    await journal.append(STREAM, 0, [{ type: 'Added', data: { atMs: 1, n: 1 }, metadata: stray }]);
    const later = testHost({ after: first });
    const broken = await later.host.actor(tallyKind, STREAM);
    expect(broken.quarantined()).toContain('no arrow for Added');
    const answer = await broken.ask({ type: 'Add', n: 1 }, byOperator());
    expect(answer).toMatchObject({ ok: false, refusal: { kind: 'quarantined' } });
    const other = await later.host.actor(tallyKind, 'tally-two');
    expect(await other.ask({ type: 'Add', n: 1 }, byOperator())).toMatchObject({ ok: true });
  });

  it('A6: quarantines an actor whose events are not what was written, and revives it once they are', async () => {
    const first = testHost();
    const tally = await first.host.actor(tallyKind, STREAM);
    await tally.ask({ type: 'Add', n: 1 }, byOperator());
    const [row] = first.store.log;
    if (row === undefined) throw new Error('the fact was stored');
    const sound = row.data;
    Object.assign(row, { data: sound.replace('"n":1', '"n":2') });
    const later = testHost({ after: first });
    const broken = await later.host.actor(tallyKind, STREAM);
    expect(broken.quarantined()).toContain(STREAM);
    Object.assign(row, { data: sound });
    expect(await later.host.revive(STREAM)).toBeUndefined();
    expect(broken.state().context.sum).toBe(1);
  });

  it('A6: never writes a fact that has no arrow', async () => {
    const { host, store } = testHost();
    const tally = await host.actor(tallyKind, STREAM);
    const answer = await tally.ask({ type: 'DecideNonsense' }, byOperator());
    expect(answer).toMatchObject({ ok: false, refusal: { kind: 'crashed' } });
    expect(store.log).toHaveLength(0);
  });

  it('A7: a timer fires once, when its time has passed and never early', async () => {
    const { host, clock } = testHost();
    const tally = await host.actor(tallyKind, STREAM);
    await tally.ask({ type: 'Wait', ms: 5000 }, byOperator());
    await clock.advance(4999);
    expect(tally.state().context.rings).toBe(0);
    await clock.advance(1);
    expect(tally.state().context.rings).toBe(1);
    await clock.advance(60_000);
    expect(tally.state().context.rings).toBe(1);
  });

  it('A7: a timer survives a restart with what remains of it', async () => {
    const first = testHost();
    const tally = await first.host.actor(tallyKind, STREAM);
    await tally.ask({ type: 'Wait', ms: 5000 }, byOperator());
    await first.host.stop();
    await first.clock.advance(3000);
    const reborn = await testHost({ after: first }).host.actor(tallyKind, STREAM);
    await first.clock.advance(1999);
    expect(reborn.state().context.rings).toBe(0);
    await first.clock.advance(1);
    expect(reborn.state().context.rings).toBe(1);
  });

  it('A7: after a restart no timer waits longer than it was set for, wherever the wall clock went', async () => {
    const first = testHost();
    const tally = await first.host.actor(tallyKind, STREAM);
    await tally.ask({ type: 'Wait', ms: 5000 }, byOperator());
    await first.host.stop();
    first.clock.jump(-3_600_000);
    const reborn = await testHost({ after: first }).host.actor(tallyKind, STREAM);
    await first.clock.advance(5000);
    expect(reborn.state().context.rings).toBe(1);
  });

  it('A7: moments in a stream never run backwards', async () => {
    const { host, clock, store } = testHost();
    const tally = await host.actor(tallyKind, STREAM);
    await tally.ask({ type: 'Add', n: 1 }, byOperator());
    clock.jump(-3_600_000);
    await tally.ask({ type: 'Add', n: 1 }, byOperator());
    const moments = store.log.map((row) => (JSON.parse(row.data) as { atMs: number }).atMs);
    expect(moments[1]).toBe(moments[0]);
  });

  it('A7: a newer generation replaces the timer', async () => {
    const { host, clock } = testHost();
    const tally = await host.actor(tallyKind, STREAM);
    await tally.ask({ type: 'Wait', ms: 1000 }, byOperator());
    await tally.ask({ type: 'Wait', ms: 9000 }, byOperator());
    await clock.advance(8999);
    expect(tally.state().context.rings).toBe(0);
    await clock.advance(1);
    expect(tally.state().context.rings).toBe(1);
  });

  it('A8: a crash fails its command only; the sixth within 30 s quarantines', async () => {
    const { host, clock } = testHost();
    const tally = await host.actor(tallyKind, STREAM);
    await tally.ask({ type: 'Add', n: 3 }, byOperator());
    for (let crash = 1; crash <= 5; crash += 1) {
      const asked = tally.ask({ type: 'Crash' }, byOperator());
      await clock.advance(4000);
      expect(await asked).toMatchObject({ ok: false, refusal: { kind: 'crashed' } });
      expect(tally.quarantined()).toBeUndefined();
    }
    const healthy = tally.ask({ type: 'Add', n: 1 }, byOperator());
    await clock.advance(5000);
    expect(await healthy).toMatchObject({ ok: true, state: { context: { sum: 4 } } });
    const last = tally.ask({ type: 'Crash' }, byOperator());
    await clock.advance(5000);
    await last;
    expect(tally.quarantined()).toContain('crashed too often');
    expect(await host.revive(STREAM)).toBeUndefined();
    expect(await tally.ask({ type: 'Add', n: 1 }, byOperator())).toMatchObject({ ok: true });
  });

  it('A9: snapshots change nothing but the events read at a load', async () => {
    const first = testHost({ limits: { snapshotEvery: 10 } });
    const tally = await first.host.actor(tallyKind, STREAM);
    for (let n = 1; n <= 25; n += 1) await tally.ask({ type: 'Add', n }, byOperator());
    await settle();
    const after = testHost({ after: first });
    const withSnapshot = await after.host.actor(tallyKind, STREAM);
    const without = testHost({ after: { ...first, snapshots: testHost().snapshots } });
    const fullReplay = await without.host.actor(tallyKind, STREAM);
    expect(withSnapshot.state()).toEqual(fullReplay.state());
    expect(withSnapshot.revision()).toBe(24);
    expect(after.host.statistics().replayed).toBeLessThan(11);
    expect(without.host.statistics().replayed).toBe(25);
  });

  it('A9: a snapshot whose state was changed, or that stands on another history, is not believed', async () => {
    const first = testHost();
    const tally = await first.host.actor(tallyKind, STREAM);
    await tally.ask({ type: 'Add', n: 2 }, byOperator());
    await first.host.stop();
    const [snapshot] = await first.snapshots.load(STREAM);
    if (snapshot === undefined) throw new Error('a stopped actor leaves a snapshot');
    const text = JSON.stringify(snapshot.state).replace('"sum":2', '"sum":9');
    const forged = JSON.parse(text) as JsonObject;
    for (const bad of [
      { ...snapshot, state: forged },
      { ...snapshot, eventHash: '0'.repeat(64) },
      { ...snapshot, foldVersion: 99 },
    ]) {
      const snapshots = { load: () => Promise.resolve([bad]), save: () => Promise.resolve() };
      const later = testHost({ after: { ...first, snapshots } });
      const reborn = await later.host.actor(tallyKind, STREAM);
      expect(reborn.state().context.sum).toBe(2);
      expect(later.host.statistics().snapshotsIgnored).toBe(1);
    }
  });

  it('A10: an idle actor leaves memory, and a command or a due timer wakes it', async () => {
    const { host, clock } = testHost({ limits: { passivateAfterMs: 1000 } });
    const tally = await host.actor(tallyKind, STREAM);
    await tally.ask({ type: 'Wait', ms: 60_000 }, byOperator());
    await clock.advance(1000);
    expect(host.counts()).toMatchObject({ known: 1, resident: 0 });
    await clock.advance(59_000);
    expect(tally.state().context.rings).toBe(1);
    await clock.advance(1000);
    expect(host.counts().resident).toBe(0);
    expect(await tally.ask({ type: 'Add', n: 4 }, byOperator())).toMatchObject({
      ok: true,
      state: { context: { sum: 4, rings: 1 } },
    });
  });

  it('A10: the idle time is counted from the last command', async () => {
    const { host, clock } = testHost({ limits: { passivateAfterMs: 1000 } });
    const tally = await host.actor(tallyKind, STREAM);
    await tally.ask({ type: 'Add', n: 1 }, byOperator());
    await clock.advance(900);
    await tally.ask({ type: 'Add', n: 1 }, byOperator());
    await clock.advance(999);
    expect(host.counts().resident).toBe(1);
    await clock.advance(1);
    expect(host.counts().resident).toBe(0);
  });

  it('refuses commands once it stops, and stops only after what was waiting is done', async () => {
    const { host, faults } = testHost();
    const tally = await host.actor(tallyKind, STREAM);
    const release = faults.hold();
    const waiting = tally.ask({ type: 'Add', n: 1 }, byOperator());
    await settle();
    const stopping = host.stop();
    const late = await tally.ask({ type: 'Add', n: 1 }, byOperator());
    expect(late).toMatchObject({ ok: false, refusal: { kind: 'stopping' } });
    release();
    await stopping;
    expect(await waiting).toMatchObject({ ok: true });
  });
});
