/**
 * The same commands over REST and over gRPC, every one of the table: the same answers, the same errors, the
 * same facts in the journal. Only the door by which they came differs.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OPERATIONS, isCommand } from '../../src/gateway/index.js';
import { COMMAND_CASES } from '../support/parity-commands.js';
import type { CommandCase } from '../support/parity-commands.js';
import { both, openPair, refusalsOf, repeated, rowOf } from '../support/parity-pair.js';
import type { Heard, Pair, PerSide, Side } from '../support/parity-pair.js';
import { NoField } from '../support/parity-requests.js';
import type { Guards } from '../support/parity-requests.js';
import { wrongInputs } from '../support/parity-wrong.js';

/** Nothing runs unless a command begins it. */
const QUIET = { interval_ms: 86_400_000, enabled: false };
const STALE = '9.9.9';
const TOO_MUCH = 'x'.repeat(70_000);

let pair: Pair;

beforeAll(async () => {
  pair = await openPair({
    sources: ['historical', 'moralis'],
    collectors: { historical: QUIET, moralis: QUIET },
  });
});

afterAll(() => pair.close());

/** An input with more of it, the ids of each side kept. */
function plus(input: PerSide, more: object): PerSide {
  return typeof input === 'function'
    ? (side: Side) => ({ ...input(side), ...more })
    : { ...input, ...more };
}

async function refused(
  what: string,
  code: string,
  asked: readonly [name: string, input: PerSide, guards?: Guards | undefined],
): Promise<void> {
  const { rest } = await both(pair, ...asked);
  expect(rest.body, what).toMatchObject({ success: false, code });
}

/** Whether the rpc can say it; what it cannot is stated by the case. */
async function where(
  { unsaid = {} }: CommandCase,
  guard: keyof Guards,
  task: () => Promise<void>,
): Promise<void> {
  const why = unsaid[guard];
  if (why === undefined) await task();
  else await expect(task(), `no field, because ${why}`).rejects.toThrow(NoField);
}

async function refuses(given: CommandCase): Promise<void> {
  const { operation: name, good, etag = { code: 'precondition_failed' } } = given;
  for (const { what, input, guards, code } of given.refused ?? []) {
    const of = typeof good === 'function' ? undefined : good['name'];
    await refused(what, code, [name, of === undefined ? input : { name: of, ...input }, guards]);
  }
  if (rowOf(name).rest.path.includes('{name}')) {
    for (const of of ['nobody', 'costs', 'x'.repeat(129)]) {
      const code = of.length > 128 ? 'invalid_input' : 'collector_not_found';
      await refused(of, code, [name, plus(good, { name: of })]);
    }
  }
  for (const { what, input } of wrongInputs(rowOf(name), inputFor(good))) {
    await unlessUnsayable(() => refused(what, 'invalid_input', [name, input]));
  }
  const large = Object.hasOwn(rowOf(name).input.properties, 'reason') ? 'reason' : 'endpoint';
  if (rowOf(name).rest.method !== 'DELETE' && Object.hasOwn(rowOf(name).input.properties, large)) {
    await refused('too large', 'payload_too_large', [name, plus(good, { [large]: TOO_MUCH })]);
  }
  await where(given, 'ifMatch', () =>
    refused('stale', etag.code, [name, good, { ifMatch: STALE }]),
  );
}

/** What a field's type rules out is no request at all. */
async function unlessUnsayable(task: () => Promise<void>): Promise<void> {
  await task().catch((thrown: unknown) => {
    if (!(thrown instanceof NoField)) throw thrown;
  });
}

/** Of the side that asks over REST: what is wrong is wrong on both. */
const inputFor = (input: PerSide) => (typeof input === 'function' ? input(pair.rest) : input);

async function works(given: CommandCase): Promise<void> {
  const { operation: name, good, again = { changed: false } } = given;
  await where(given, 'dryRun', async () => {
    const dry = await both(pair, name, good, { dryRun: true });
    expect(dry.rest.body).toMatchObject({ success: true, dry_run: true });
  });
  const key = `key of ${name}`.replaceAll(' ', '-');
  const isKeyed = given.unsaid?.key === undefined;
  const first = await both(pair, name, good, isKeyed ? { key } : {});
  expect(first.rest, first.rest.text).toMatchObject({ status: 200 });
  learn(given, first);
  if (isKeyed) {
    const { repeatedBut: but = [] } = given;
    await repeated(pair, name, good, { key }, { ...first, but });
    if (Object.hasOwn(rowOf(name).input.properties, 'reason')) {
      const other = plus(good, { reason: 'another' });
      await refused('another payload', 'idempotency_conflict', [name, other, { key }]);
    }
  }
  await given.between?.(pair);
  const repeat = await both(pair, name, good);
  if ('code' in again) expect(repeat.rest.body, 'again').toMatchObject({ code: again.code });
  else
    expect([repeat.rest.status, repeat.rest.body['changed']], repeat.rest.text).toEqual([
      200,
      again.changed,
    ]);
}

function learn({ learned }: CommandCase, { rest, grpc }: Heard): void {
  learned?.(pair.rest, rest.body);
  if (grpc.ok) learned?.(pair.grpc, grpc.message);
}

describe('a command', () => {
  it('has a case here, whichever it is', () => {
    const commands = OPERATIONS.filter(isCommand).map(({ name }) => name);
    expect(COMMAND_CASES.map(({ operation }) => operation).toSorted()).toEqual(commands.toSorted());
    for (const name of commands) expect(rowOf(name).grpc, name).toBeDefined();
  });

  for (const given of COMMAND_CASES) {
    it(`is the same by both doors: ${given.operation}`, async () => {
      await given.before?.(pair);
      await refuses(given);
      await works(given);
    });
  }

  it('that was refused is in both trails alike', async () => {
    await pair.rest.app.stop();
    await pair.grpc.app.stop();
    const [rest, grpc] = [await refusalsOf(pair.rest), await refusalsOf(pair.grpc)];
    expect(rest.length).toBeGreaterThan(50);
    expect(grpc).toEqual(rest);
  });
});
