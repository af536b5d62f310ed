/** Steering with conditions, dry runs, repeats, and out of quarantine: the engine over real actors. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Engine, SteerContext, Steered } from '../../src/actors/engine.js';
import { byHand, engineLife, twoUpstreams, type EngineLife } from '../support/engine-lives.js';

const NAME = 'moralis';
const life = (): Promise<EngineLife> => engineLife([twoUpstreams(NAME), twoUpstreams('other')]);

type Steer = (engine: Engine, context: SteerContext) => Promise<Steered>;

/** A command of each kind; each changes something when it comes in this order. */
const STEERS: Readonly<Record<string, Steer>> = {
  enable: (engine, context) => engine.enable(NAME, {}, context),
  disable: (engine, context) => engine.disable(NAME, { ttlMs: 60_000 }, context),
  setCursor: (engine, context) => engine.setCursor(NAME, 'asked', '{"at":1}', context),
  open: (engine, context) => engine.setBreaker(NAME, undefined, 'open', {}, context),
  openOne: (engine, context) => engine.setBreaker(NAME, 'second', 'disabled', {}, context),
  reset: (engine, context) => engine.resetBreaker(NAME, undefined, context),
  settings: (engine, context) => engine.updateBreaker(NAME, undefined, { openMs: 1234 }, context),
  rate: (engine, context) => engine.setRateLimit(NAME, { maxRequestsPerSecond: 2 }, context),
};

describe('a dry run', () => {
  it('of any command plans exactly what the command then writes, and writes nothing', async () => {
    const { engine, events } = await life();
    await engine.disable(NAME, {}, byHand());
    for (const [what, steer] of Object.entries(STEERS)) {
      const before = await events();
      const etag = engine.etag(NAME);
      const dry = await steer(engine, byHand({ dryRun: true }));
      expect(dry, what).toMatchObject({ ok: true, changed: true, position: 0 });
      expect(await events(), what).toEqual(before);
      expect(engine.etag(NAME), what).toBe(etag);
      const real = await steer(engine, byHand());
      const written = (await events()).slice(before.length);
      const commanded = written.filter(({ metadata }) => metadata.interface === 'rest');
      const planned = dry.ok ? (dry.events ?? []) : [];
      expect(planned, what).toEqual(
        commanded.map(({ stream, type, data }) => ({ stream, type, data })),
      );
      expect(real, what).toMatchObject({ ok: true, changed: true });
      expect(real, what).not.toHaveProperty('events');
    }
  });

  it('of what changes nothing says so', async () => {
    const { engine } = await life();
    await engine.disable(NAME, {}, byHand());
    const dry = await engine.disable(NAME, {}, byHand({ dryRun: true }));
    expect(dry).toEqual({ ok: true, changed: false, position: 0, events: [] });
  });
});

describe('a condition', () => {
  it('of two commands on one etag lets one win whole, also where several actors are asked', async () => {
    const { engine, events } = await life();
    const ifMatch = engine.etag(NAME) ?? '';
    const answers = await Promise.all([
      engine.setBreaker(NAME, undefined, 'open', { reason: 'ann' }, byHand({ ifMatch })),
      engine.setBreaker(NAME, undefined, 'disabled', { reason: 'bob' }, byHand({ ifMatch })),
      engine.setBreaker(NAME, 'second', 'metrics_only', { reason: 'cy' }, byHand({ ifMatch })),
    ]);
    expect(answers.map((answer) => answer.ok)).toEqual([true, false, false]);
    const lost = answers.flatMap((answer) => (answer.ok ? [] : [answer.refusal]));
    const etag = engine.etag(NAME);
    expect(lost).toMatchObject([
      { kind: 'stale', etag },
      { kind: 'stale', etag },
    ]);
    const forced = (await events()).filter(({ type }) => type === 'BreakerForced');
    expect(forced.map(({ data }) => data['reason'])).toEqual(['ann', 'ann']);
  });

  it('looks at the component of the target and no other', async () => {
    const { engine } = await life();
    const [c = '', b = '', l = ''] = (engine.etag(NAME) ?? '').split('.');
    const good = { collector: `${c}.77.77`, breaker: `77.${b}.77`, limiter: `77.77.${l}` };
    const bad = { collector: `77.${b}.${l}`, breaker: `${c}.77.${l}`, limiter: `${c}.${b}.77` };
    const targets: Readonly<Record<string, keyof typeof good>> = {
      enable: 'collector',
      open: 'breaker',
      rate: 'limiter',
    };
    for (const [what, target] of Object.entries(targets)) {
      const steer = STEERS[what];
      if (steer === undefined) throw new Error(what);
      const refused = await steer(engine, byHand({ ifMatch: bad[target] }));
      expect(refused, what).toMatchObject({ ok: false, refusal: { kind: 'stale' } });
      expect(await steer(engine, byHand({ ifMatch: good[target] })), what).toMatchObject({
        ok: true,
      });
    }
  });

  it('that is malformed never holds', async () => {
    const { engine } = await life();
    const wellFormed = /^\d+\.\d+\.\d+$/;
    const near = fc.constantFrom(
      '',
      '*',
      '0',
      '0.0',
      '0.0.0.0',
      ' 0.0.0',
      '0.0.0\n',
      '-0.0.0',
      '0,0,0',
    );
    await fc.assert(
      fc.asyncProperty(fc.oneof(near, fc.string()), async (ifMatch) => {
        fc.pre(!wellFormed.test(ifMatch) || ifMatch.endsWith('\n'));
        const answer = await engine.restart(NAME, {}, byHand({ ifMatch, dryRun: true }));
        return !answer.ok && answer.refusal.kind === 'stale';
      }),
    );
  });

  it('of the limiters is moved by whoever shares them, and by nothing else of theirs', async () => {
    const { engine } = await life();
    const before = engine.etag(NAME);
    await engine.setRateLimit('other', { maxRequestsPerSecond: 1 }, byHand());
    expect(engine.etag(NAME)).toBe(before);
    expect(engine.etag('other')).not.toBe(before);
    expect(engine.etag('nobody')).toBeUndefined();
  });
});

describe('the etag of memory', () => {
  it('is what the views make of the journal, after any commands and over restarts', async () => {
    const names = Object.keys(STEERS);
    const history = fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 10 });
    await fc.assert(
      fc.asyncProperty(history, async (steps) => {
        const first = await life();
        for (const what of steps) {
          await STEERS[what]?.(first.engine, byHand());
          expect(await first.shownEtag(NAME)).toBe(first.engine.etag(NAME));
        }
        const etag = first.engine.etag(NAME);
        await first.end();
        const second = await engineLife([twoUpstreams(NAME), twoUpstreams('other')], {
          after: first,
        });
        expect(second.engine.etag(NAME)).toBe(etag);
        await second.end();
      }),
      { numRuns: 15 },
    );
  });

  it('stays while the collector collects', async () => {
    const { engine, clock, events } = await engineLife([twoUpstreams(NAME, true)]);
    const etag = engine.etag(NAME);
    await clock.advance(600_000);
    const types = (await events()).map(({ type }) => type);
    expect(types.filter((type) => type === 'RunSucceeded').length).toBeGreaterThan(5);
    expect(types).toContain('CallsRecorded');
    expect(engine.etag(NAME)).toBe(etag);
    expect(await engine.disable(NAME, {}, byHand({ ifMatch: etag ?? '' }))).toMatchObject({
      ok: true,
    });
  });
});

describe('a command of an earlier life', () => {
  it('is done in what it had not reached, and nowhere twice; its condition was met then', async () => {
    const { engine, events } = await life();
    const ifMatch = engine.etag(NAME) ?? '';
    const once = byHand({ ifMatch });
    await engine.setBreaker(NAME, 'primary', 'open', {}, once);
    const doneIn = new Set([`breaker-${NAME}`]);
    const again = await engine.setBreaker(NAME, undefined, 'open', {}, { ...once, doneIn });
    expect(again).toMatchObject({ ok: true, changed: true });
    const forced = (await events()).filter(({ type }) => type === 'BreakerForced');
    expect(forced.map(({ stream }) => stream)).toEqual([
      `breaker-${NAME}`,
      `breaker-${NAME}.second`,
    ]);
  });

  it('that began a run is answered so, whatever stands in the way of another by now', async () => {
    const { engine } = await engineLife([twoUpstreams(NAME, true)]);
    await engine.setBreaker(NAME, undefined, 'open', {}, byHand());
    expect(await engine.collect(NAME, {}, byHand())).toMatchObject({
      ok: false,
      refusal: { kind: 'breaker-open' },
    });
    const doneIn = new Set([`collector-${NAME}`]);
    expect(await engine.collect(NAME, {}, byHand({ doneIn }))).toMatchObject({
      ok: true,
      changed: true,
    });
  });
});

/** Makes what is stored of a stream unreadable; answers how to mend it. */
function damaged({ store }: EngineLife, stream: string): () => void {
  const row = store.log.find((each) => each.stream === stream);
  if (row === undefined) throw new Error(`${stream} is not there`);
  const { type } = row;
  Object.assign(row, { type: 'NobodyKnowsThis' });
  return () => {
    Object.assign(row, { type });
  };
}

describe('out of quarantine', () => {
  it.each([`collector-${NAME}`, `breaker-${NAME}.second`, `limiter-${NAME}-account`])(
    'comes %s once it can be folded, told its configuration, and the collector goes on',
    async (stream) => {
      const first = await engineLife([twoUpstreams(NAME, true)]);
      await first.clock.advance(120_000);
      await first.end();
      const mend = damaged(first, stream);
      const changed = { ...twoUpstreams(NAME, true), cadenceMs: 61_000 };
      const setup = { ...changed, breaker: { ...changed.breaker, openMs: 4321 } };
      const second = await engineLife([setup], { after: first });
      const { engine, clock, events } = second;
      const still = await engine.unquarantine(NAME, byHand());
      expect(still).toMatchObject({ ok: false, refusal: { kind: 'illegal-state' } });
      expect(still.ok ? '' : still.refusal.detail).toContain(`${stream} still cannot be folded`);
      const dry = await engine.unquarantine(NAME, byHand({ dryRun: true }));
      expect(dry).toEqual({ ok: true, changed: true, position: 0, events: [] });
      mend();
      expect(await engine.unquarantine(NAME, byHand())).toMatchObject({ ok: true, changed: true });
      expect(await engine.unquarantine(NAME, byHand())).toMatchObject({
        ok: true,
        changed: false,
      });
      const [member] = engine.members;
      for (const { handle } of member?.upstreams ?? []) {
        expect(handle.state().context.policy.openMs).toBe(4321);
      }
      const before = (await events()).length;
      await clock.advance(300_000);
      const later = (await events()).slice(before).map(({ type }) => type);
      expect(later).toContain('RunSucceeded');
      expect(engine.live(NAME)?.phase).not.toBe('quarantined');
    },
  );
});
