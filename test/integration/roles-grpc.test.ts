/** Who may do what over gRPC: each rpc of the table, by each who may not. */
import { describe, expect, it } from 'vitest';
import { gatekeeper } from '../../src/gateway/auth/gatekeeper.js';
import { forbidden } from '../../src/gateway/auth/principal.js';
import { ROLES } from '../../src/gateway/auth/roles.js';
import { CONTRACT, OPERATIONS, STREAMS } from '../../src/gateway/index.js';
import { bindAll } from '../../src/gateway/grpc/binding.js';
import type { Bound } from '../../src/gateway/grpc/binding.js';
import { HistoryServiceService as History } from '../../src/gen/headgate/v1/history_service.js';
import { isCommand } from '../../src/gateway/operation.js';
import type { Role } from '../../src/gateway/operation.js';
import { endOf } from '../support/grpc-client.js';
import type { GrpcClient, Method, Told } from '../support/grpc-client.js';
import { servedGrpc } from '../support/grpc-served.js';
import { world } from '../support/gateway-fakes.js';

/** Nonsense is never looked at before the role is. */
const NONSENSE: Pick<Method<object, object>, 'requestSerialize'> = {
  requestSerialize: () => Buffer.from([0xff, 0xff, 0xff]),
};

async function guarded() {
  const made = world();
  const { tokens, clock, random } = made;
  const at = await servedGrpc({ gatekeeper: gatekeeper({ tokens, clock }) }, made);
  const texts = new Map<Role, string>();
  for (const role of ['admin', 'operator', 'viewer'] as const) {
    const id = random.uuid();
    const by = { commandId: id, correlationId: id, actor: 'local', interface: 'cli' };
    const told = await tokens.create({ name: role, role }, by);
    if (!told.ok) throw new Error(told.error.detail);
    texts.set(role, told.value.text);
  }
  return {
    ...at,
    texts,
    as: (role: Role) => ({ authorization: `Bearer ${texts.get(role) ?? ''}` }),
  };
}

function asked(
  client: GrpcClient,
  { kind, definition }: Bound,
  metadata: Readonly<Record<string, string>>,
): Promise<Told | undefined> {
  const method = { ...definition, ...NONSENSE } as unknown as Method<object, object>;
  if (kind === 'unary') return client.refusal(method, {}, { metadata });
  const stream = client.open(method, {}, { metadata });
  stream.resume();
  return endOf(stream);
}

const ALL = bindAll(CONTRACT);

describe('each rpc', () => {
  it('is an operation of the table or a stream of it, and each of those with an rpc is there', () => {
    const named = [...OPERATIONS, ...STREAMS].filter(({ grpc }) => grpc !== undefined);
    expect(ALL.map(({ operation }) => operation.name).toSorted()).toEqual(
      named.map(({ name }) => name).toSorted(),
    );
    expect(ALL.filter(({ kind }) => kind === 'stream').length).toBeGreaterThan(3);
  });

  it('refuses whoever has less than its role, before it looks at anything, and tells the trail', async () => {
    const { client, world: made, as } = await guarded();
    const head = await made.journal.head();
    let walked = 0;
    for (const each of ALL) {
      const { name, role: needs } = each.operation;
      for (const role of ROLES.filter((has) => forbidden(has, needs) !== undefined)) {
        const told = await asked(client, each, as(role));
        expect(told, name).toMatchObject({
          code: 'PERMISSION_DENIED',
          info: { reason: 'PERMISSION_DENIED', domain: 'headgate.dev' },
        });
        expect(made.trail.refusals.at(-1)).toMatchObject({
          operation: { name },
          who: { actor: `token:${role}`, interface: 'grpc', address: '127.0.0.1' },
        });
        walked += 1;
      }
    }
    expect(walked).toBeGreaterThan(20);
    expect(made.asked).toEqual([]);
    expect(await made.journal.head()).toBe(head);
  });

  it('refuses a viewer wherever it may write', async () => {
    const { client, as } = await guarded();
    const commands = OPERATIONS.filter(isCommand).map(({ name }) => name);
    const writing = ALL.filter(({ operation }) => commands.includes(operation.name));
    expect(writing.length).toBeGreaterThan(10);
    for (const each of writing) {
      expect(await asked(client, each, as('viewer')), each.operation.name).toMatchObject({
        code: 'PERMISSION_DENIED',
      });
    }
  });

  it('asks who calls, streams too; after too many failures it says when to come back', async () => {
    const { client, world: made, as } = await guarded();
    const codes = new Set<string>();
    for (const each of ALL) {
      for (const metadata of [{}, { authorization: 'Bearer hg_wrong' }]) {
        const told = await asked(client, each, metadata);
        codes.add(String(told?.code));
      }
    }
    expect([...codes].toSorted()).toEqual(['RESOURCE_EXHAUSTED', 'UNAUTHENTICATED']);
    expect(made.asked).toEqual([]);
    // The address is slowed; who has a good token there is let in.
    const list = ALL.find(({ operation }) => operation.name === 'listCollectors');
    if (list === undefined) throw new Error('there is no listCollectors');
    await client.ask(
      list.definition,
      {},
      {
        metadata: as('viewer'),
      },
    );
  });
});

describe('an open stream', () => {
  it('ends with UNAUTHENTICATED when its token is revoked, and no other with it', async () => {
    const { client, world: made, as, texts } = await guarded();
    const opened = async (role: Role) => {
      const stream = client.open(History.readEvents, { follow: true }, { metadata: as(role) });
      stream.resume();
      const end = endOf(stream);
      await new Promise((resolve) => stream.once('metadata', resolve));
      return { stream, end };
    };
    const [theirs, ours] = [await opened('viewer'), await opened('operator')];
    const id = made.random.uuid();
    const by = { commandId: id, correlationId: id, actor: 'token:admin', interface: 'cli' };
    await made.tokens.revoke(texts.get('viewer')?.split('_')[1] ?? '', by);
    expect(await theirs.end).toMatchObject({
      code: 'UNAUTHENTICATED',
      info: { reason: 'UNAUTHENTICATED' },
    });
    ours.stream.cancel();
    expect(await ours.end).toMatchObject({ code: 'CANCELLED' });
  });
});

describe('a stream beside a page', () => {
  it('needs the role of its page: the page’s route is what is asked for', () => {
    for (const { name, role, sse } of STREAMS) {
      if (sse === undefined) continue;
      const page = OPERATIONS.find((each) => each.name === sse.besides);
      expect(page?.role, name).toBe(role);
    }
  });
});
