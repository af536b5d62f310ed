import { describe, expect, it } from 'vitest';
import { answer } from '../../src/gateway/answer.js';
import type { Gatekeeper, Principal } from '../../src/gateway/auth/principal.js';
import { InsecureBinding, openGatekeeper } from '../../src/gateway/index.js';
import { CollectorServiceService as Collectors } from '../../src/gen/headgate/v1/collector_service.js';
import { fail, ok } from '../../src/kernel/types.js';
import { settle } from '../support/clock.js';
import { endOf } from '../support/grpc-client.js';
import { healthMethods } from '../support/grpc-health.js';
import { jsonMethod, servedGrpc, unaryContract } from '../support/grpc-served.js';

const VIEWER: Principal = { name: 'token:eyes', role: 'viewer', kind: 'token' };
const OPERATOR: Principal = { name: 'token:ops', role: 'operator', kind: 'token' };

/** Knows two tokens; lets each make so many calls. `slow`: takes a turn of the loop to say who it is. */
function keeper(calls = Infinity, slow = false): Gatekeeper & { readonly spent: string[] } {
  const spent: string[] = [];
  return {
    spent,
    isOpen: () => false,
    hold: () => () => undefined,
    identify: ({ authorization }) => {
      const known =
        authorization === 'Bearer ops'
          ? ok(OPERATOR)
          : authorization === 'Bearer eyes'
            ? ok(VIEWER)
            : fail({ code: 'unauthenticated' as const, detail: 'no token' });
      return slow ? settle().then(() => known) : known;
    },
    spend: (key) => {
      spent.push(key);
      if (spent.length <= calls) return {};
      return { problem: { code: 'too_many_requests', detail: 'slow down' } };
    },
  };
}

const as = (name: string) => ({ metadata: { authorization: `Bearer ${name}` } });

describe('the gate', () => {
  it.each([false, true])('lets in whom it knows, as whom it knows (slow: %s)', async (slow) => {
    const { client, world } = await servedGrpc({ gatekeeper: keeper(Infinity, slow) });
    await client.ask(Collectors.enableCollector, { name: 'moralis' }, as('ops'));
    expect(world.asked).toMatchObject([{ command: 'enable' }]);
    expect(JSON.stringify(world.asked)).toContain('token:ops');
  });

  it('refuses whom it does not know, before the message is read, and tells the trail', async () => {
    const { client, world } = await servedGrpc({ gatekeeper: keeper() });
    for (const asking of [{}, as('nobody')]) {
      const told = await client.refusal(Collectors.enableCollector, { name: 'moralis' }, asking);
      expect(told).toMatchObject({ code: 'UNAUTHENTICATED', info: { reason: 'UNAUTHENTICATED' } });
    }
    expect(world.asked).toEqual([]);
    expect(world.trail.refusals).toMatchObject([
      { operation: { name: 'enableCollector' }, problem: { code: 'unauthenticated' } },
      { who: { interface: 'grpc', address: '127.0.0.1' } },
    ]);
    expect(JSON.stringify(world.trail.refusals)).not.toContain('nobody');
  });

  it('refuses a role that is not enough, and tells the trail who it was', async () => {
    const { client, world } = await servedGrpc({ gatekeeper: keeper() });
    const told = await client.refusal(Collectors.enableCollector, { name: 'moralis' }, as('eyes'));
    expect(told).toMatchObject({
      code: 'PERMISSION_DENIED',
      info: { reason: 'PERMISSION_DENIED' },
    });
    expect(world.trail.refusals).toMatchObject([{ who: { actor: 'token:eyes' } }]);
    await client.ask(Collectors.getCollector, { name: 'moralis' }, as('eyes'));
  });

  it('counts calls of a principal by its name, of others by their address, and says when to come back', async () => {
    const gatekeeper = keeper(2);
    const { client } = await servedGrpc({ gatekeeper });
    await client.ask(Collectors.getCollector, { name: 'moralis' }, as('eyes'));
    await client.refusal(Collectors.getCollector, { name: 'moralis' });
    const told = await client.refusal(Collectors.getCollector, { name: 'moralis' }, as('eyes'));
    expect(told).toMatchObject({
      code: 'RESOURCE_EXHAUSTED',
      info: { reason: 'TOO_MANY_REQUESTS' },
    });
    expect(told.retry?.retryDelay?.seconds).toBe(1);
    expect(gatekeeper.spent).toEqual(['token:eyes', 'address:127.0.0.1', 'token:eyes']);
  });

  it('asks nobody who wants to know whether the service is well', async () => {
    const { client } = await servedGrpc({ gatekeeper: keeper() });
    const { message } = await client.ask(healthMethods.check, { service: '' });
    expect(message).toMatchObject({ status: 'SERVING' });
  });

  it('refuses metadata beyond its limit', async () => {
    const ask = jsonMethod('Ask');
    const contract = unaryContract(ask, () => answer({}));
    const { client } = await servedGrpc({ contract });
    const told = await client.refusal(ask, {}, { metadata: { 'x-long': 'x'.repeat(17_000) } });
    expect(told).toMatchObject({ code: 'INVALID_ARGUMENT', info: { reason: 'HEADERS_TOO_LARGE' } });
  });
});

describe('bound to more than loopback', () => {
  it('it refuses to listen where nobody is asked who they are', async () => {
    const { gateway } = await servedGrpc({ gatekeeper: openGatekeeper() });
    await expect(gateway.listen('0.0.0.0', 0)).rejects.toThrow(InsecureBinding);
  });
});

describe('health', () => {
  it('follows readiness, for the server and for each service, and does not know others', async () => {
    const { client, world } = await servedGrpc();
    const check = async (service: string): Promise<unknown> =>
      (await client.ask(healthMethods.check, { service })).message['status'];
    for (const service of ['', 'headgate.v1.CollectorService', 'headgate.v1.PermitService']) {
      expect(await check(service)).toBe('SERVING');
    }
    world.ready = { ready: false, reasons: ['the journal does not take writes'] };
    expect(await check('')).toBe('NOT_SERVING');
    expect((await client.refusal(healthMethods.check, { service: 'nope' })).code).toBe('NOT_FOUND');
    const { message } = await client.ask(healthMethods.list, {});
    expect(Object.keys(message['statuses'] as object)).toContain('headgate.v1.CollectorService');
  });

  it('tells watchers each change, NOT_SERVING while it stops, and then ends them', async () => {
    const { client, world, gateway } = await servedGrpc();
    const stream = client.open(healthMethods.watch, { service: '' });
    const words: unknown[] = [];
    stream.on('data', (message: { status: unknown }) => words.push(message.status));
    const end = endOf(stream);
    const until = async (count: number): Promise<void> => {
      while (words.length < count) await settle();
    };
    await until(1);
    world.ready = { ready: false, reasons: ['x'] };
    await world.clock.advance(500);
    await until(2);
    world.ready = { ready: true, reasons: [] };
    await world.clock.advance(500);
    await until(3);
    const closed = gateway.close();
    expect(await end).toMatchObject({ code: 'UNAVAILABLE' });
    await closed;
    expect(words).toEqual(['SERVING', 'NOT_SERVING', 'SERVING', 'NOT_SERVING']);
    expect(world.clock.pending()).toBe(0);
  });

  it('tells watchers of a service nobody has that it is unknown', async () => {
    const { client } = await servedGrpc();
    const stream = client.open(healthMethods.watch, { service: 'nope' });
    stream.on('error', () => undefined);
    const message = await new Promise((resolve) => stream.once('data', resolve));
    expect(message).toMatchObject({ status: 'SERVICE_UNKNOWN' });
    stream.cancel();
  });
});
