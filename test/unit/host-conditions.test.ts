/** Command revisions, conditions, dry runs and repeated commands: the machinery under every actor. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CommandContext, Notice } from '../../src/actors/handle.js';
import type { ActorKind } from '../../src/actors/kind.js';
import { byOperator, testHost } from '../support/host.js';
import type { TallyCommand, TallyContext, TallyFact } from '../support/tally-kind.js';
import { tallyKind } from '../support/tally-kind.js';

const STREAM = 'tally-one';

const bySystem = (): CommandContext => ({ ...byOperator(), interface: 'system' });
const at = (ifRevision: number): CommandContext => ({ ...byOperator(), ifRevision });

const add = (n: number): TallyCommand => ({ type: 'Add', n });

describe('the command revision', () => {
  it('is that of the last event a principal wrote; what the program writes never moves it', async () => {
    const { host } = testHost();
    const tally = await host.actor(tallyKind, STREAM);
    expect(tally.commandRevision()).toBe(-1);
    await tally.ask(add(1), bySystem());
    expect(tally.commandRevision()).toBe(-1);
    await tally.ask(add(2), byOperator());
    await tally.ask(add(3), bySystem());
    await tally.ask(add(4), bySystem());
    expect([tally.revision(), tally.commandRevision()]).toEqual([3, 1]);
  });

  it('is the same after any history, loaded by replay, from a snapshot, or told by the events', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.boolean(), { maxLength: 20 }), async (principals) => {
        const first = testHost({ limits: { snapshotEvery: 4 } });
        const tally = await first.host.actor(tallyKind, STREAM);
        for (const isPrincipal of principals) {
          await tally.ask(add(1), isPrincipal ? byOperator() : bySystem());
        }
        expect(tally.commandRevision()).toBe(principals.lastIndexOf(true));
        await first.host.stop();
        const second = testHost({ after: first });
        const again = await second.host.actor(tallyKind, STREAM);
        expect(again.commandRevision()).toBe(principals.lastIndexOf(true));
        const bare = testHost({ after: { ...first, snapshots: testHost().snapshots } });
        const replayed = await bare.host.actor(tallyKind, STREAM);
        expect(replayed.commandRevision()).toBe(principals.lastIndexOf(true));
      }),
      { numRuns: 40 },
    );
  });

  it('is not taken from a snapshot that does not know it: the stream is replayed once', async () => {
    const first = testHost();
    const tally = await first.host.actor(tallyKind, STREAM);
    await tally.ask(add(1), byOperator());
    await tally.ask(add(2), bySystem());
    await first.host.stop();
    const [saved] = await first.snapshots.load(STREAM);
    expect(saved).toBeDefined();
    if (saved === undefined) return;
    const { commandRevision: _, ...older } = saved.state;
    const store = testHost().snapshots;
    await store.save({ ...saved, state: older });
    const second = testHost({ after: { ...first, snapshots: store } });
    const again = await second.host.actor(tallyKind, STREAM);
    expect(again.commandRevision()).toBe(0);
    expect(second.host.statistics()).toMatchObject({ snapshotsIgnored: 1, replayed: 2 });
  });
});

describe('a condition', () => {
  it('lets one of two commands on the same revision win, however many come at once', async () => {
    const { host, store } = testHost();
    const tally = await host.actor(tallyKind, STREAM);
    await tally.ask(add(1), byOperator());
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, n) => tally.ask(add(n + 1), at(0))),
    );
    expect(answers.filter((answer) => answer.ok)).toHaveLength(1);
    const kinds = answers.flatMap((answer) => (answer.ok ? [] : [answer.refusal.kind]));
    expect(new Set(kinds)).toEqual(new Set(['stale']));
    expect(store.log).toHaveLength(2);
  });

  it('holds while only the program writes', async () => {
    const { host } = testHost();
    const tally = await host.actor(tallyKind, STREAM);
    await tally.ask(add(1), byOperator());
    for (let n = 0; n < 5; n += 1) await tally.ask(add(n), bySystem());
    expect((await tally.ask(add(9), at(0))).ok).toBe(true);
  });

  it('is looked at again when the command was raced', async () => {
    const test = testHost();
    const tally = await test.host.actor(tallyKind, STREAM);
    await tally.ask(add(1), byOperator());
    const rival = testHost({ after: test, seed: 2 });
    const theirs = await rival.host.actor(tallyKind, STREAM);
    await theirs.ask(add(2), byOperator());
    const answer = await tally.ask(add(3), at(0));
    expect(answer).toMatchObject({ ok: false, refusal: { kind: 'stale' } });
    expect(tally.commandRevision()).toBe(1);
    expect(test.store.log).toHaveLength(2);
  });

  it('still holds after a race that the program itself won', async () => {
    const test = testHost();
    const tally = await test.host.actor(tallyKind, STREAM);
    await tally.ask(add(1), byOperator());
    const rival = testHost({ after: test, seed: 2 });
    const theirs = await rival.host.actor(tallyKind, STREAM);
    await theirs.ask(add(2), bySystem());
    expect((await tally.ask(add(3), at(0))).ok).toBe(true);
    expect(test.store.log).toHaveLength(3);
  });
});

/** Each addition shuts the gates before it is durable. */
const restricting: ActorKind<TallyContext, TallyCommand, TallyFact> = {
  ...tallyKind,
  restricts: () => true,
};

describe('a dry run', () => {
  it('answers the facts as the journal would have them, writes none and tells nobody', async () => {
    const { host, store } = testHost();
    const tally = await host.actor(restricting, STREAM);
    await tally.ask(add(1), byOperator());
    const heard: Notice<TallyFact, TallyContext>[] = [];
    tally.watch((notice) => heard.push(notice));
    const before = tally.state();
    const answer = await tally.ask(add(5), { ...byOperator(), dryRun: true });
    expect(answer).toMatchObject({ ok: true, position: 0, revision: 0 });
    expect(answer.ok && answer.planned).toMatchObject([{ type: 'Added', data: { n: 5 } }]);
    expect(store.log).toHaveLength(1);
    expect(heard).toEqual([]);
    expect(tally.state()).toBe(before);
    const real = await tally.ask(add(5), byOperator());
    expect(real.ok && real.state.context.sum).toBe(6);
    expect(heard.map(({ phase }) => phase)).toEqual(['restricting', 'durable']);
  });

  it('plans exactly what the same command then writes', async () => {
    const { host, store } = testHost();
    const tally = await host.actor(tallyKind, STREAM);
    const command = { type: 'Wait', ms: 1000 } as const;
    const dry = await tally.ask(command, { ...byOperator(), dryRun: true });
    await tally.ask(command, byOperator());
    const planned = dry.ok ? (dry.planned ?? []) : [];
    expect(planned.map(({ data }) => data)).toEqual(
      store.log.map((row) => JSON.parse(row.data) as unknown),
    );
  });

  it('is refused as the command would be', async () => {
    const { host } = testHost();
    const tally = await host.actor(tallyKind, STREAM);
    await tally.ask(add(1), byOperator());
    const real = await tally.ask(add(-1), byOperator());
    const dry = await tally.ask(add(-1), { ...byOperator(), dryRun: true });
    expect(real.ok).toBe(false);
    expect(dry).toEqual(real);
    const stale = await tally.ask(add(1), { ...at(-1), dryRun: true });
    expect(stale).toMatchObject({ ok: false, refusal: { kind: 'stale' } });
  });
});

describe('a command that was done in an earlier life', () => {
  it('decides nothing again, and says that it changed', async () => {
    const { host, store } = testHost();
    const tally = await host.actor(tallyKind, STREAM);
    await tally.ask(add(1), byOperator('once'));
    const doneIn = new Set([STREAM]);
    const again = await tally.ask(add(1), { ...byOperator('once'), doneIn, ifRevision: -1 });
    expect(again).toMatchObject({ ok: true, repeated: true, facts: [], position: 0 });
    expect(store.log).toHaveLength(1);
    const elsewhere = { ...byOperator('other'), doneIn: new Set(['tally-two']) };
    expect(await tally.ask(add(1), elsewhere)).toMatchObject({ ok: true, position: 2 });
  });
});
