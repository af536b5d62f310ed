import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { REDIRECTS_MAX } from '../../src/actors/door-redirect.js';
import type { ProviderProfile } from '../../src/sources/port.js';
import { ask, doorBench, type Bench } from '../support/door-bench.js';
import { answered } from '../support/door-transport.js';

const KEY = 'very-secret-key';
const followed: Partial<ProviderProfile> = {
  redirects: 'same-origin',
  headers: ({ KEY: key = '' }) => ({ 'x-api-key': key }),
  query: ({ KEY: key = '' }) => ({ api_key: key }),
};

function bench(profile: Partial<ProviderProfile> = followed): Promise<Bench> {
  return doorBench({ profile, key: KEY, attemptsMax: 3 });
}

const to = (location: string, status = 302) => answered(status, '', { location });
const asked = ({ wire }: Bench): readonly string[] => wire.sent.map(({ url }) => url.pathname);

describe('a redirect', () => {
  it('is not followed unless the profile allows it', async () => {
    const held = await bench({});
    held.wire.say = () => to('/elsewhere');
    expect(await ask(held)).toMatchObject({ outcome: 'client', status: 302 });
    expect(held.wire.sent).toHaveLength(1);
  });

  it.each([301, 302, 303, 307, 308])(
    'of %i to the same origin is a GET of its own, with its keys',
    async (status) => {
      const held = await bench();
      held.wire.say = (_, nth) => (nth === 1 ? to('/b?page=2#part', status) : answered(200));
      expect(await ask(held)).toMatchObject({ ok: true, status: 200 });
      expect(asked(held)).toEqual(['/x', '/b']);
      expect(held.wire.sent[1]).toMatchObject({ method: 'GET', headers: { 'x-api-key': KEY } });
      expect(held.wire.sent[1]?.url.search).toBe(`?page=2&api_key=${KEY}`);
    },
  );

  it('D6: takes a permit and a unit for each hop, and is no failure of anybody', async () => {
    const held = await bench();
    held.wire.say = (_, nth) => (nth < 3 ? to(`/${String(nth)}`) : answered(200));
    await ask(held, 6000);
    const settled = held.facts('UnitsSettled');
    expect(settled.reduce((sum, fact) => sum + Number(fact['sent'] ?? 0), 0)).toBe(3);
    const calls = held.facts('CallsRecorded').flatMap((fact) => fact['calls'] as object[]);
    expect(calls).toHaveLength(1);
    expect(held.breaker.live().inFlight).toBe(0);
  });

  it('D2: is not followed once the collector may not go on', async () => {
    const held = await bench();
    held.wire.say = () => to('/b');
    held.wire.onSend = () => {
      held.gate.forbidden = 'desired';
    };
    expect(await ask(held)).toMatchObject({ outcome: 'cancelled', cause: 'desired' });
    expect(held.wire.sent).toHaveLength(1);
  });

  it('leaves a half-open breaker its probes: what it leads to decides', async () => {
    const held = await bench();
    held.wire.say = () => answered(500);
    for (let n = 0; n < 5; n += 1) await ask(held, 10_000);
    await held.clock.advance(400_000);
    held.wire.say = (_, nth) => (nth % 2 === 1 ? to(`/${String(nth)}`) : answered(200));
    held.wire.sent.splice(0);
    for (let n = 0; n < 2; n += 1) expect(await ask(held)).toMatchObject({ ok: true });
    await held.clock.advance(2000);
    expect(held.wire.sent).toHaveLength(4);
    expect(held.facts('BreakerRecovered')).toHaveLength(1);
  });

  it.each([
    ['https://elsewhere.test/x', 'another origin'],
    ['http://upstream.test/x', 'another origin'],
    ['https://upstream.test:8443/x', 'another origin'],
    ['//elsewhere.test/x', 'another origin'],
    ['http://169.254.169.254/latest/meta-data/', 'another origin'],
    ['file:///etc/passwd', 'http or https'],
    ['javascript:alert(1)', 'http or https'],
    ['https://me:secret@upstream.test/x', 'credentials'],
    ['https://[', 'without an address'],
    ['', 'without an address'],
  ])('to %s is refused: no credential ever gets there', async (location, why) => {
    const held = await bench();
    held.wire.say = () => to(location);
    const reply = await ask(held);
    expect(reply).toMatchObject({ ok: false, outcome: 'client', status: 302 });
    expect(reply?.ok === false && reply.message).toContain(why);
    expect(held.wire.sent).toHaveLength(1);
  });

  it('that goes round in a circle ends, as a client error, without a retry', async () => {
    const held = await bench();
    held.wire.say = ({ url }) => to(url.pathname === '/a' ? '/x' : '/a');
    const reply = await ask(held, 10_000);
    expect(reply).toMatchObject({ outcome: 'client' });
    expect(reply?.ok === false && reply.message).toContain('circle');
    expect(asked(held)).toEqual(['/x', '/a']);
  });

  it(`ends after ${String(REDIRECTS_MAX)} hops`, async () => {
    const held = await bench();
    held.wire.say = (_, nth) => to(`/${String(nth)}`);
    const reply = await ask(held, 10_000);
    expect(reply).toMatchObject({ outcome: 'client' });
    expect(reply?.ok === false && reply.message).toContain('over 3 redirects');
    expect(held.wire.sent).toHaveLength(1 + REDIRECTS_MAX);
  });

  it('is followed for data only: a token is asked for where the profile says', async () => {
    const token = {
      endpoint: 'token',
      baseUrl: 'https://upstream.test',
      request: () => ({ path: '/token', headers: {}, body: 'a=1' }),
      read: () => ({ token: 't', lastsMs: 1000 }),
    };
    const held = await bench({ ...followed, token });
    held.wire.say = () => to('/b');
    expect(await ask(held)).toMatchObject({ outcome: 'client', endpoint: 'token' });
    expect(held.wire.sent).toHaveLength(1);
  });
});

it('whatever an upstream redirects to, nothing is sent to another origin, nor more than four times', async () => {
  const location = fc.oneof(
    fc.webUrl({ withQueryParameters: true, withFragments: true }),
    fc.string(),
    fc.constantFrom('/a', '/b', '?q=1', '//upstream.test/c', 'https://upstream.test/d', '\\\\evil'),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(location, { minLength: 1, maxLength: 6 }), async (locations) => {
      const held = await bench();
      held.wire.say = (_, nth) => to(locations[(nth - 1) % locations.length] ?? '');
      const reply = await ask(held, 500);
      expect(reply).toMatchObject({ ok: false, outcome: 'client' });
      expect(held.wire.sent.length).toBeLessThanOrEqual(1 + REDIRECTS_MAX);
      for (const { url } of held.wire.sent) expect(url.origin).toBe('https://upstream.test');
    }),
    { numRuns: 15 },
  );
});
