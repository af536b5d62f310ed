/**
 * Who may not, may not by either door: every row of the table without a token, with a wrong one and with one
 * of a lesser role, in the same words, and both trails tell of it alike.
 */
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { OPERATIONS } from '../../src/gateway/index.js';
import { MINUTE_MS, systemClock } from '../../src/kernel/time.js';
import { COMMAND_CASES } from '../support/parity-commands.js';
import { both, openPair, refusalsOf } from '../support/parity-pair.js';
import type { Pair } from '../support/parity-pair.js';
import { QUESTION_CASES } from '../support/parity-questions.js';
import type { Input } from '../support/parity-requests.js';

const QUIET = { interval_ms: 86_400_000, enabled: false };
const WRONG = `hg_0123456789ab_${'A'.repeat(43)}`;
const ROLES = ['viewer', 'operator', 'admin'] as const;

/** Strangers are let try a few times a minute: each of theirs comes a minute after the one before. */
let later = 0;
const machine = systemClock();
const clock = {
  ...machine,
  now: () => machine.now() + later,
  monotonic: () => machine.monotonic() + later,
};

let pair: Pair;
/** By role, of the service steered over REST and of the other. */
const tokens = new Map<string, readonly [string, string]>();

beforeAll(async () => {
  pair = await openPair({ sources: ['moralis'], collectors: { moralis: QUIET }, clock });
  for (const role of ROLES.toReversed()) {
    const { rest, grpc } = await both(pair, 'createToken', { name: role, role });
    if (!grpc.ok) throw new Error(grpc.told.message);
    tokens.set(role, [String(rest.body['secret']), String(grpc.message['secret'])]);
    if (role === 'admin') as(role);
  }
});

afterAll(() => pair.close());

function as(role: (typeof ROLES)[number]): void {
  [pair.rest.token, pair.grpc.token] = tokens.get(role) ?? [];
}

function known(token: string | undefined): void {
  pair.rest.token = token;
  pair.grpc.token = token;
}

/** What the row is asked with when it works; ids that nobody has will do: nobody gets so far. */
function usual(name: string): Input {
  const command = COMMAND_CASES.find(({ operation }) => operation === name);
  if (command !== undefined) {
    const { good } = command;
    return typeof good === 'function' ? { ...good(pair.rest), id: 'x', permit_id: 'x' } : good;
  }
  const question = QUESTION_CASES.find(({ operation }) => operation === name);
  return question?.good[0]?.({ etag: '0.0.0', at: '2026-01-01T00:00:00Z', position: 1 }) ?? {};
}

const BOTH = OPERATIONS.filter(({ grpc }) => grpc !== undefined);

function inputOf(name: string): Input {
  const { id, permit_id, ...input } = usual(name);
  return {
    ...input,
    ...(name === 'revokeToken' ? { id } : {}),
    ...(name === 'reportPermit' ? { permit_id } : {}),
  };
}

describe('whoever may not', () => {
  it('is nobody without a token, or with one that nobody made', async () => {
    for (const token of [undefined, WRONG, 'nonsense']) {
      known(token);
      for (const { name } of BOTH) {
        later += MINUTE_MS;
        const { rest } = await both(pair, name, inputOf(name));
        expect(rest.body, name).toMatchObject({ code: 'unauthenticated' });
      }
    }
  });

  it('is told so by the role that the table wants', async () => {
    for (const role of ['viewer', 'operator'] as const) {
      as(role);
      const beyond = BOTH.filter((row) => ROLES.indexOf(row.role) > ROLES.indexOf(role));
      expect(beyond.length).toBeGreaterThan(3);
      for (const { name } of beyond) {
        const { rest } = await both(pair, name, inputOf(name));
        expect(rest.body, name).toMatchObject({ code: 'permission_denied' });
      }
    }
    as('viewer');
    const { rest } = await both(pair, 'getCosts', {});
    expect(rest.status).toBe(200);
  });

  it('is in both trails alike', async () => {
    await pair.rest.app.stop();
    await pair.grpc.app.stop();
    const [rest, grpc] = [await refusalsOf(pair.rest), await refusalsOf(pair.grpc)];
    expect(rest.length).toBeGreaterThan(40);
    expect(grpc).toEqual(rest);
  });
});

it('a caller beyond its rate is told by both doors when to come again', async () => {
  const slow = await openPair({
    sources: ['moralis'],
    collectors: { moralis: QUIET },
    config: { auth: { requests_per_second: 1, burst: 1 } },
  });
  onTestFinished(() => slow.close());
  await both(slow, 'getCosts', {});
  const told = await both(slow, 'getCosts', {});
  expect(told.rest.body).toMatchObject({ code: 'too_many_requests' });
  expect(told.rest.headers['retry-after']).toBe('1');
});
