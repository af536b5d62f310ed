import { Type } from '@sinclair/typebox';
import { describe, expect, it } from 'vitest';
import { request } from '../../src/actors/door.js';
import type { PermitReport } from '../../src/actors/limiter/index.js';
import { computedOf } from '../../src/actors/breaker/index.js';
import { settle } from '../support/clock.js';
import { ask, asking, doorBench, doorRun, profile, type Bench } from '../support/door-bench.js';
import { answered, failing } from '../support/door-transport.js';
import { byOperator } from '../support/host.js';

const MINUTE = 60_000;
const force = { type: 'Force', override: 'forced_open', reason: '' } as const;

/** Trips the breaker by five failures in a row. */
async function trip(bench: Bench): Promise<void> {
  bench.wire.say = () => answered(500);
  for (let n = 0; n < 5; n += 1) await ask(bench);
  await bench.clock.advance(2000);
  bench.wire.say = () => answered(200);
  bench.wire.sent.splice(0);
}

describe('the door', () => {
  it('D1: refuses at once what a breaker that is open would stop: no permit, no reservation', async () => {
    const bench = await doorBench();
    await trip(bench);
    const reserved = bench.facts('UnitsReserved').length;
    const { reply } = asking(bench);
    await settle();
    expect(reply()).toMatchObject({ ok: false, outcome: 'blocked', cause: 'breaker' });
    expect(reply()).toHaveProperty('until', expect.any(Number));
    expect(bench.facts('UnitsReserved')).toHaveLength(reserved);
    expect(bench.wire.sent).toEqual([]);
  });

  it('D1: sends only from a reservation that is durable', async () => {
    const bench = await doorBench();
    const release = bench.faults.hold();
    const { reply } = asking(bench);
    await settle();
    expect(bench.wire.sent).toEqual([]);
    bench.wire.onSend = () => {
      expect(bench.facts('UnitsReserved')).toHaveLength(1);
    };
    release();
    await bench.clock.advance(100);
    expect(bench.wire.sent).toHaveLength(1);
    expect(reply()).toMatchObject({ ok: true });
  });

  it('D1: is blocked, not failed, when the journal takes no reservation', async () => {
    const bench = await doorBench();
    bench.faults.failNext('before-commit');
    expect(await ask(bench)).toMatchObject({ outcome: 'blocked', cause: 'rate_limit' });
    expect(bench.wire.sent).toEqual([]);
  });

  it.each(['desired', 'draining'] as const)(
    'D2: what is forbidden (%s) while a permit was waited for never leaves; its unit goes back',
    async (forbidden) => {
      const bench = await doorBench();
      const release = bench.faults.hold();
      const { reply } = asking(bench);
      await settle();
      bench.gate.forbidden = forbidden;
      release();
      await bench.clock.advance(3000);
      expect(reply()).toMatchObject({ ok: false, outcome: 'cancelled', cause: forbidden });
      expect(bench.wire.sent).toEqual([]);
      expect(bench.facts('UnitsSettled')).toMatchObject([{ cause: 'settled' }]);
      expect(bench.facts('UnitsSettled')[0]).not.toHaveProperty('sent');
      expect(bench.breaker.live().inFlight).toBe(0);
    },
  );

  it('D2: a breaker that is forced open while a permit was waited for lets nothing leave', async () => {
    const bench = await doorBench();
    const release = bench.faults.hold();
    const { reply } = asking(bench);
    await settle();
    void bench.breakerActor.ask(force, byOperator());
    await settle(); // not durable yet: what restricts holds already (A2)
    expect(bench.facts('BreakerForced')).toEqual([]);
    release();
    await bench.clock.advance(100);
    expect(reply()).toMatchObject({ outcome: 'blocked', cause: 'breaker' });
    expect(bench.wire.sent).toEqual([]);
  });

  it('D2: a quarantine of breaker or limiter lets nothing leave', async () => {
    const bench = await doorBench();
    bench.gate.quarantined = 'a broken chain';
    expect(await ask(bench)).toMatchObject({
      outcome: 'cancelled',
      cause: 'desired',
      message: 'quarantined: a broken chain',
    });
    expect(bench.wire.sent).toEqual([]);
  });

  it('D2: nothing of an aborted run leaves, and it is told as our own doing', async () => {
    const bench = await doorBench();
    const abort = new AbortController();
    const release = bench.faults.hold();
    const { reply } = asking(bench, doorRun({ signal: abort.signal }));
    await settle();
    abort.abort();
    release();
    await bench.clock.advance(100);
    expect(reply()).toMatchObject({ outcome: 'cancelled' });
    expect(bench.wire.sent).toEqual([]);
  });

  it('D2: a permit that lapsed before it left is asked for again', async () => {
    const bench = await doorBench();
    const spends: boolean[] = [];
    const { limiter } = bench;
    const upstream = bench.deps.upstreams.get('primary');
    if (upstream === undefined) throw new Error('there is one');
    const lapsing = {
      ...limiter,
      tryAcquire: () => undefined,
      async acquire(request: Parameters<typeof limiter.acquire>[0]) {
        const got = await limiter.acquire(request);
        if (!got.ok) return got;
        const { permit } = got;
        const spend = (): boolean => {
          if (spends.length === 0) permit.release();
          const left = permit.spend();
          spends.push(left);
          return left;
        };
        return { ok: true as const, permit: { ...permit, spend } };
      },
    };
    const upstreams = new Map([['primary', { ...upstream, limiter: lapsing }]]);
    const reply = await ask({ ...bench, deps: { ...bench.deps, upstreams } });
    expect(spends).toEqual([false, true]);
    expect(reply).toMatchObject({ ok: true });
    expect(bench.wire.sent).toHaveLength(1);
    expect(bench.breaker.live().inFlight).toBe(0);
  });

  it('D2: admits three in half-open under fifty callers, and the rest are told why', async () => {
    const bench = await doorBench({ profile: { maxRequestsPerSecond: 1000 } });
    await trip(bench);
    await bench.clock.advance(400_000);
    expect(computedOf(bench.breakerActor.state())).toBe('half_open');
    bench.wire.say = () => 'hang';
    const asked = Array.from({ length: 50 }, () => asking(bench));
    await bench.clock.advance(1000);
    expect(bench.wire.sent).toHaveLength(3);
    const told = asked.map(({ reply }) => reply()).filter((reply) => reply !== undefined);
    expect(told).toHaveLength(47);
    for (const reply of told) expect(reply).toMatchObject({ outcome: 'blocked', cause: 'breaker' });
  });

  it('D3: what was sent is spent, whatever came of it; what never left is not', async () => {
    const bench = await doorBench();
    bench.wire.say = () => failing('timeout');
    await ask(bench);
    bench.wire.say = () => failing('refused', { sent: false });
    await ask(bench);
    await bench.clock.advance(5000);
    const sent = bench.facts('UnitsSettled').reduce((sum, fact) => sum + Number(fact['sent']), 0);
    expect(sent).toBe(2);
    const reserved = bench
      .facts('UnitsReserved')
      .reduce((sum, fact) => sum + Number(fact['calls']), 0);
    expect(bench.wire.sent.length).toBeLessThanOrEqual(reserved);
  });

  it('D4: reports to the limiter, then to the breaker, and only then answers the source', async () => {
    const bench = await doorBench();
    const order: string[] = [];
    const upstream = bench.deps.upstreams.get('primary');
    if (upstream === undefined) throw new Error('there is one');
    const { limiter, breaker } = upstream;
    const told = {
      ...upstream,
      limiter: {
        ...limiter,
        async acquire(request: Parameters<typeof limiter.acquire>[0]) {
          const got = await limiter.acquire(request);
          if (!got.ok) return got;
          const { permit } = got;
          const report = (said: PermitReport): void => {
            order.push(`limiter ${said.outcome}`);
            permit.report(said);
          };
          return { ok: true as const, permit: { ...permit, report } };
        },
      },
      breaker: {
        ...breaker,
        report(call: Parameters<typeof breaker.report>[0]) {
          order.push(`breaker ${call.outcome}`);
          breaker.report(call);
        },
      },
    };
    const deps = { ...bench.deps, upstreams: new Map([['primary', told]]) };
    bench.wire.say = () => answered(500);
    const { reply } = asking({ ...bench, deps });
    await bench.clock.advance(19);
    expect(reply()).toBeUndefined();
    await bench.clock.advance(1);
    order.push(`source ${reply()?.ok === false ? 'told' : 'not told'}`);
    expect(order).toEqual(['limiter server', 'breaker server', 'source told']);
  });

  it('D5: never waits longer than it may, and says until when', async () => {
    const bench = await doorBench({ waitMaxMs: 5000 });
    bench.wire.say = () => answered(429, {}, { 'retry-after': '60' });
    expect(await ask(bench)).toMatchObject({ outcome: 'throttled' });
    bench.wire.sent.splice(0);
    const began = bench.clock.now();
    const { reply } = asking(bench);
    await bench.clock.advance(5000);
    const blocked = reply();
    expect(blocked).toMatchObject({ ok: false, outcome: 'blocked', cause: 'rate_limit' });
    const until = blocked?.ok === false ? (blocked.until ?? 0) : 0;
    expect(until - began).toBeGreaterThan(5000);
    expect(until - began).toBeLessThanOrEqual(60_000);
    expect(bench.wire.sent).toEqual([]);
  });

  it('D5: waits for a pause that is shorter, and then sends', async () => {
    const bench = await doorBench({ waitMaxMs: 30_000 });
    bench.wire.say = (_, nth) =>
      nth === 1 ? answered(429, {}, { 'retry-after': '8' }) : answered(200);
    await ask(bench);
    const { reply } = asking(bench);
    await bench.clock.advance(6000);
    expect(bench.wire.sent).toHaveLength(1);
    await bench.clock.advance(3000);
    expect(reply()).toMatchObject({ ok: true });
  });

  it('names the upstream it should have: an unknown one is a bug of the source', async () => {
    const bench = await doorBench();
    const spec = { path: '/', schema: Type.Unknown(), upstream: 'elsewhere' };
    await expect(request(bench.deps, doorRun(), 'ask', spec)).rejects.toThrow('elsewhere');
    expect(profile.weights).not.toHaveProperty('elsewhere');
    await bench.clock.advance(MINUTE);
    expect(bench.wire.sent).toEqual([]);
  });
});

describe('a key that travels in the address', () => {
  const keyed = { query: ({ KEY = '' }) => ({ api_key: KEY }) };
  const KEY = 'key with/all+of&it=';

  it('is added last: nothing a source asks for replaces it', async () => {
    const bench = await doorBench({ key: KEY, profile: keyed });
    await ask(bench, 1000, doorRun(), { query: { api_key: 'mine', a: 1 } });
    const url = bench.wire.sent[0]?.url;
    expect(url?.searchParams.getAll('api_key')).toEqual([KEY]);
    expect(url?.searchParams.get('a')).toBe('1');
  });

  it('D8: is in no message and no evidence, however it is spelt', async () => {
    const bench = await doorBench({ key: KEY, profile: keyed });
    const spelt = [
      KEY,
      encodeURIComponent(KEY),
      new URLSearchParams({ k: KEY }).toString().slice(2),
    ];
    bench.wire.say = () => answered(200, `<html>${spelt.join(' ')}</html>`);
    const unread = await ask(bench);
    bench.wire.say = (request) => failing('other', { message: `GET ${request.url.href}: failed` });
    const failed = await ask(bench);
    await bench.clock.advance(5000);
    const told = JSON.stringify([unread, failed, bench.evidence, bench.store.log]);
    expect(told).toContain('[redacted]');
    for (const secret of spelt) expect(told).not.toContain(secret);
  });

  it('is not there: nothing is sent, and its variable is named', async () => {
    const bench = await doorBench({ missingKeys: ['NEWS_KEY'], profile: keyed });
    expect(await ask(bench)).toMatchObject({
      outcome: 'blocked',
      cause: 'key',
      message: 'set NEWS_KEY',
    });
    expect(bench.facts('UnitsReserved')).toEqual([]);
    expect(bench.wire.sent).toEqual([]);
  });
});

describe('the answer of the door', () => {
  it.each(['profile', 'source'])('is bad data when the %s stumbles over it', async (who) => {
    const stumble = (): never => {
      throw new TypeError('reading "secret of the body"');
    };
    const bench = await doorBench(who === 'profile' ? { profile: { judge: stumble } } : {});
    const reply = await ask(bench, 6000, doorRun(), who === 'source' ? { check: stumble } : {});
    expect(reply).toMatchObject({ outcome: 'bad_data', evidence: { bytes: 11 } });
    expect(JSON.stringify(reply)).not.toContain('secret of the body');
    expect(bench.breaker.live().inFlight).toBe(0);
    expect(bench.facts('UnitsSettled')).toMatchObject([{ sent: 1 }]);
  });

  it('is a failure, and its permit is reported, when the transport throws', async () => {
    const bench = await doorBench();
    bench.wire.send = () => Promise.reject(new Error('a bug'));
    expect(await ask(bench, 6000)).toMatchObject({ outcome: 'server' });
    expect(bench.breaker.live().inFlight).toBe(0);
    expect(bench.facts('UnitsSettled')).toMatchObject([{ sent: 1 }]);
  });

  it('hands on what people should know of a body that is fine', async () => {
    const warned: string[] = [];
    const judge: typeof profile.judge = (...exchange) => ({
      ...profile.judge(...exchange),
      warning: 'errors beside the data',
    });
    const bench = await doorBench({ profile: { judge } });
    await ask(bench, 1000, doorRun({ warn: (message) => warned.push(message) }));
    expect(warned).toEqual(['errors beside the data']);
  });

  it('is bad data when a 2xx does not fit the schema, with a fingerprint of the body', async () => {
    const bench = await doorBench();
    bench.wire.say = () => answered(200, { ok: 'yes' });
    const reply = await ask(bench);
    expect(reply).toMatchObject({ ok: false, outcome: 'bad_data', evidence: { bytes: 12 } });
    expect(bench.evidence).toMatchObject([
      { collector: 'one', endpoint: 'ask', head: '{"ok":"yes"}' },
    ]);
  });

  it('is bad data when the source itself finds the body impossible', async () => {
    const bench = await doorBench();
    const reply = await ask(bench, 1000, doorRun(), { check: () => 'no such thing' });
    expect(reply).toMatchObject({ outcome: 'bad_data', message: 'no such thing' });
  });

  it('keeps the first 4 KiB of a body nobody could read, and no secret of ours', async () => {
    const bench = await doorBench({ key: 'very-secret-key' });
    bench.wire.say = () => answered(200, `very-secret-key ${'x'.repeat(10_000)}`);
    await ask(bench);
    expect(bench.evidence).toHaveLength(1);
    expect(bench.evidence[0]?.head.length).toBeLessThanOrEqual(4096);
    expect(bench.evidence[0]?.head).not.toContain('very-secret-key');
    expect(bench.evidence[0]?.bytes).toBe(10_016);
  });

  it('stands even when the evidence cannot be kept', async () => {
    const bench = await doorBench();
    bench.wire.say = () => answered(200, '<html>');
    const full = { keep: () => Promise.reject(new Error('full')) };
    const reply = await ask({ ...bench, deps: { ...bench.deps, evidence: full } });
    expect(reply).toMatchObject({ outcome: 'bad_data' });
  });
});
