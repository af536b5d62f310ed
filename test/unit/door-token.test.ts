import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tokenKeeper, type Granted } from '../../src/actors/door-token.js';
import type { Json } from '../../src/kernel/types.js';
import type { OutgoingRequest, ProviderProfile, TokenProfile } from '../../src/sources/port.js';
import { judging } from '../../src/sources/profile.js';
import { ask, asking, doorBench, doorRun, CALL, type Bench } from '../support/door-bench.js';
import { answered, failing, type Say } from '../support/door-transport.js';

const HOUR = 3_600_000;
const KEY = 'very-secret-client-secret';

const token: TokenProfile = {
  endpoint: 'token',
  baseUrl: 'https://tokens.test/api',
  request: (keys) => ({
    path: '/v1/access_token',
    headers: { authorization: `Basic ${btoa(`id:${keys['KEY'] ?? ''}`)}` },
    body: 'grant_type=client_credentials',
  }),
  read(body: Json) {
    const { access_token: granted, expires_in: seconds } = body as Record<string, unknown>;
    if (typeof granted !== 'string' || typeof seconds !== 'number') return undefined;
    return { token: granted, lastsMs: seconds * 1000 };
  },
};

/** A 200 with an error in it is a wrong key, as at Reddit's token endpoint. */
const judge = judging({
  provider: 'upstream',
  refine: ({ body, status }) =>
    body !== null && typeof body === 'object' && 'error' in body
      ? { outcome: 'auth', message: `upstream answered ${String(status)}: refused` }
      : undefined,
});

const withToken: Partial<ProviderProfile> = {
  token,
  judge,
  weights: { [CALL]: {}, token: {} },
  headers: (_keys, granted) => ({ authorization: `bearer ${granted ?? 'none'}` }),
};

const isToken = (request: OutgoingRequest): boolean => request.url.hostname === 'tokens.test';
const bearer = (request: OutgoingRequest): string => request.headers['authorization'] ?? '';

/** Grants t1, t2, …; accepts every one unless `accepts` says otherwise. */
function tokenServer(lastsSeconds = 3600, accepts = (_request: OutgoingRequest) => true): Say {
  let granted = 0;
  return (request) => {
    if (!isToken(request)) return accepts(request) ? answered(200) : answered(401, {});
    granted += 1;
    return answered(200, { access_token: `t${String(granted)}`, expires_in: lastsSeconds });
  };
}

async function bench(say: Say, more: Partial<ProviderProfile> = {}): Promise<Bench> {
  const made = await doorBench({ profile: { ...withToken, ...more }, key: KEY });
  made.wire.say = say;
  return made;
}

const sentTo = ({ wire }: Bench): readonly string[] =>
  wire.sent.map((request) => (isToken(request) ? 'token' : bearer(request)));

describe('a token', () => {
  it('is got before the first request, by a POST of a form to its own host', async () => {
    const held = await bench(tokenServer());
    expect(await ask(held)).toMatchObject({ ok: true });
    expect(sentTo(held)).toEqual(['token', 'bearer t1']);
    const [first] = held.wire.sent;
    expect(first).toMatchObject({ method: 'POST', body: 'grant_type=client_credentials' });
    expect(first?.url.href).toBe('https://tokens.test/api/v1/access_token');
    expect(first?.headers).toMatchObject({
      'content-type': 'application/x-www-form-urlencoded',
      authorization: expect.stringContaining('Basic') as string,
    });
  });

  it('D6: is a call like any other: a permit, a unit of a durable block, the breaker, a report', async () => {
    const held = await bench(tokenServer());
    await ask(held, 6000);
    const settled = held.facts('UnitsSettled');
    const sent = settled.reduce((sum, fact) => sum + Number(fact['sent'] ?? 0), 0);
    expect(sent).toBe(2);
    const calls = held.facts('CallsRecorded').flatMap((fact) => fact['calls'] as object[]);
    expect(calls.map((each) => (each as { endpoint: string }).endpoint)).toEqual(['token', CALL]);
  });

  it('D2: never leaves while the collector may not: nothing was sent, for the token neither', async () => {
    const held = await bench(tokenServer());
    held.gate.forbidden = 'desired';
    expect(await ask(held)).toMatchObject({ ok: false, outcome: 'cancelled' });
    expect(held.wire.sent).toEqual([]);
  });

  it('O1: is got once for all who wait for it', async () => {
    const held = await bench(tokenServer());
    const asked = Array.from({ length: 5 }, () => asking(held));
    await held.clock.advance(3000);
    for (const { reply } of asked) expect(reply()).toMatchObject({ ok: true });
    expect(sentTo(held).filter((to) => to === 'token')).toHaveLength(1);
  });

  it('O1: of a run that ended is not waited for by the next run', async () => {
    const held = await bench((request) => (isToken(request) ? 'hang' : answered(200)));
    const abort = new AbortController();
    const first = asking(held, doorRun({ signal: abort.signal }));
    await held.clock.advance(500);
    held.wire.say = tokenServer();
    const second = asking(held, doorRun({ run: 'run-2' }));
    await held.clock.advance(500);
    expect(second.reply()).toMatchObject({ ok: true });
    abort.abort();
    await held.clock.advance(500);
    expect(first.reply()).toMatchObject({ ok: false, outcome: 'cancelled' });
  });

  it('O2: is used until a minute before its end, then a new one is got first', async () => {
    const held = await bench(tokenServer(3600));
    await ask(held);
    await held.clock.advance(HOUR - 70_000);
    await ask(held);
    expect(sentTo(held)).toEqual(['token', 'bearer t1', 'bearer t1']);
    await held.clock.advance(20_000);
    await ask(held);
    expect(sentTo(held).slice(3)).toEqual(['token', 'bearer t2']);
  });

  it('O2: that lasts only a moment is not got for each request', async () => {
    const held = await bench(tokenServer(30));
    for (let n = 0; n < 5; n += 1) await ask(held);
    expect(sentTo(held).filter((to) => to === 'token')).toHaveLength(1);
  });

  it('D7: that is refused is got anew once, and the request made once more', async () => {
    const held = await bench(tokenServer(3600, (request) => bearer(request) !== 'bearer t1'));
    expect(await ask(held)).toMatchObject({ ok: true });
    expect(sentTo(held)).toEqual(['token', 'bearer t1', 'token', 'bearer t2']);
    expect(await ask(held)).toMatchObject({ ok: true });
    expect(sentTo(held).slice(4)).toEqual(['bearer t2']);
  });

  it('D7: stands refused the second time', async () => {
    const held = await bench(tokenServer(3600, () => false));
    expect(await ask(held, 5000)).toMatchObject({ ok: false, outcome: 'auth', endpoint: CALL });
    expect(sentTo(held)).toEqual(['token', 'bearer t1', 'token', 'bearer t2']);
  });

  it('O3: refused to many at once is got anew once', async () => {
    const held = await bench(tokenServer(3600, (request) => bearer(request) !== 'bearer t1'));
    const asked = Array.from({ length: 4 }, () => asking(held));
    await held.clock.advance(5000);
    for (const { reply } of asked) expect(reply()).toMatchObject({ ok: true });
    expect(sentTo(held).filter((to) => to === 'token')).toHaveLength(2);
  });

  it('is refused with a 200 that carries an error: auth, and the data is not asked for', async () => {
    const held = await bench(() => answered(200, { error: 'invalid_grant' }));
    expect(await ask(held)).toMatchObject({ ok: false, outcome: 'auth', endpoint: 'token' });
    expect(sentTo(held)).toEqual(['token']);
  });

  it.each([
    ['a body without one', answered(200, { access: 'x' }), 'bad_data'],
    [
      'one that has ended already',
      answered(200, { access_token: 'x', expires_in: -1 }),
      'bad_data',
    ],
    ['no JSON', answered(200, '<html>'), 'bad_data'],
    ['a body its profile stumbles over', answered(200, 'null'), 'bad_data'],
    ['a throttle', answered(429, {}, { 'retry-after': '7' }), 'throttled'],
    ['a broken upstream', answered(502), 'server'],
    ['a connection that is cut', failing('reset'), 'server'],
  ])(
    'is not there after %s: the request fails with the class of that',
    async (_, said, outcome) => {
      const held = await bench(() => said);
      expect(await ask(held, 3000)).toMatchObject({ ok: false, outcome, endpoint: 'token' });
      expect(held.wire.sent).toHaveLength(1);
      expect(held.breaker.live().inFlight).toBe(0);
    },
  );

  it('D8: is in no message, warning or evidence, nor are the keys it was got with', async () => {
    const secrets = [KEY, btoa(`id:${KEY}`), 'secret-token-of-ours'];
    const warned: string[] = [];
    const held = await bench((request, nth) => {
      if (nth === 2) return answered(200, 'secret-token-of-ours is not JSON');
      if (!isToken(request)) return answered(400, {});
      return answered(200, { access_token: 'secret-token-of-ours', expires_in: 3600 });
    });
    const leaky = judging({
      provider: 'upstream',
      refine: ({ status }) => ({
        outcome: status === 200 ? 'ok' : 'client',
        message: secrets.join(' '),
        warning: secrets.join(' '),
      }),
    });
    await ask(held);
    held.deps.upstreams.forEach((upstream) => {
      Object.assign(upstream, { profile: { ...upstream.profile, judge: leaky } });
    });
    const run = doorRun({ warn: (message) => warned.push(message) });
    const reply = await ask(held, 1000, run);
    held.wire.say = () => answered(200);
    await ask(held, 1000, run);
    expect(warned).toHaveLength(1);
    const told = JSON.stringify([reply, warned, held.evidence, held.store.log]);
    expect(held.evidence).toHaveLength(1);
    expect(told).toContain('[redacted]');
    expect(told).not.toContain(KEY);
    expect(told).not.toContain('secret-token-of-ours');
  });

  it('D8: whatever should have held one is kept as a fingerprint only', async () => {
    const held = await bench(() => answered(200, { accessToken: 'renamed-secret' }));
    await ask(held);
    expect(held.evidence).toHaveLength(1);
    expect(JSON.stringify([held.evidence, held.store.log])).not.toContain('renamed-secret');
  });
});

it('O2: over any grants and waits no token is given out past its end', async () => {
  const lasting = fc.integer({ min: 1, max: 10_000_000 });
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(lasting, lasting), { maxLength: 30 }), async (steps) => {
      const keeper = tokenKeeper();
      let now = 0;
      let ends = 0;
      for (const [passMs, lastsMs] of steps) {
        now += passMs;
        const get = (): Promise<Granted> => {
          keeper.keep('t', lastsMs, now);
          ends = now + lastsMs;
          return Promise.resolve({ ok: true, token: 't' });
        };
        expect(await keeper.take('run', now, get)).toEqual({ ok: true, token: 't' });
        expect(now).toBeLessThan(ends);
      }
    }),
  );
});
