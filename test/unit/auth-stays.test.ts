/** Who stays: a call that goes on ends when its principal would not be let in any more. */
import { describe, expect, it } from 'vitest';
import { gatekeeper } from '../../src/gateway/auth/gatekeeper.js';
import type { Principal } from '../../src/gateway/auth/principal.js';
import { world } from '../support/gateway-fakes.js';

function keeper() {
  const { tokens, clock, random } = world();
  const door = gatekeeper({ tokens, clock });
  const by = () => {
    const id = random.uuid();
    return { commandId: id, correlationId: id, actor: 'local', interface: 'cli' };
  };
  const make = async (name: string, ttlMs?: number) => {
    const expires = ttlMs === undefined ? {} : { expiresAt: clock.now() + ttlMs };
    const told = await tokens.create({ name, role: 'admin', ...expires }, by());
    if (!told.ok) throw new Error(told.error.detail);
    return told.value;
  };
  const principal = async (text?: string): Promise<Principal> => {
    const given = text === undefined ? {} : { authorization: `Bearer ${text}` };
    const told = await door.identify({ address: '127.0.0.1', ...given });
    if (!told.ok) throw new Error(told.error.detail);
    return told.value;
  };
  const ended: string[] = [];
  const held = (name: string, who: Principal) => door.hold(who, () => ended.push(name));
  return { tokens, clock, door, by, make, principal, ended, held };
}

describe('a call that stays open', () => {
  it('ends once with its token, by whomever it was revoked, and no other with it', async () => {
    const { tokens, clock, by, make, principal, ended, held } = keeper();
    const [a, b] = [await make('a'), await make('b')];
    held('a', await principal(a.text));
    held('b', await principal(b.text));
    await make('c');
    expect(ended).toEqual([]);
    await tokens.revoke(a.token.id, by());
    expect(ended).toEqual(['a']);
    await make('d');
    expect(ended).toEqual(['a']);
    expect(clock.pending()).toBe(0);
  });

  it('ends when the token’s time is up, not before, and leaves no timer when it left', async () => {
    const { clock, make, principal, ended, held } = keeper();
    const { text } = await make('short', 10_000);
    held('one', await principal(text));
    const letGo = held('two', await principal(text));
    await clock.advance(9_999);
    expect(ended).toEqual([]);
    letGo();
    await clock.advance(1);
    expect(ended).toEqual(['one']);
    expect(clock.pending()).toBe(0);
  });

  it('without a token ends when the first one is made', async () => {
    const { make, principal, ended, held } = keeper();
    held('local', await principal());
    await make('first');
    expect(ended).toEqual(['local']);
  });

  it('of a principal that is out already ends at once', async () => {
    const { tokens, by, make, principal, ended, held } = keeper();
    const [a] = [await make('a'), await make('b')];
    const who = await principal(a.text);
    await tokens.revoke(a.token.id, by());
    held('late', who);
    expect(ended).toEqual(['late']);
  });
});

describe('calls that cannot say who they are', () => {
  it('are counted by why', async () => {
    const { door, clock, make } = keeper();
    await make('a');
    const try_ = async (authorization?: string) =>
      door.identify({ address: '10.0.0.1', ...(authorization && { authorization }) });
    await try_();
    await try_('Basic x');
    for (let i = 0; i < 9; i += 1) await try_('Bearer hg_wrong');
    const counts = (): unknown =>
      Object.fromEntries(
        (door.metrics()[0]?.samples ?? []).map(({ labels, value }) => [labels['reason'], value]),
      );
    expect(counts()).toEqual({
      missing: 1,
      scheme: 1,
      token: 8,
      jwt: 0,
      jwt_role: 0,
      issuer: 0,
      slowed: 1,
    });
    await clock.advance(1_000);
    await try_('Bearer hg_wrong');
    expect(counts()).toMatchObject({ token: 9, slowed: 1 });
  });
});
