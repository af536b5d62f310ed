import { describe, expect, it } from 'vitest';
import { answer } from '../../src/gateway/answer.js';
import type { Outcome } from '../../src/gateway/answer.js';
import type { Caller } from '../../src/gateway/operation.js';
import { CollectorServiceService as Collectors } from '../../src/gen/headgate/v1/collector_service.js';
import type { LogFields, Logger } from '../../src/kernel/observe.js';
import { systemClock } from '../../src/kernel/time.js';
import { fail } from '../../src/kernel/types.js';
import { settle } from '../support/clock.js';
import { world } from '../support/gateway-fakes.js';
import { jsonMethod, servedGrpc, unaryContract } from '../support/grpc-served.js';
import type { ServedGrpc } from '../support/grpc-served.js';

const ask = jsonMethod('Ask');

type Line = readonly [string, string, LogFields | undefined];

/** A log that keeps its lines. */
function keeping(lines: Line[]): Logger {
  const at = (level: string) => (message: string, fields?: LogFields) =>
    void lines.push([level, message, fields]);
  const [debug, info, warn, error] = ['debug', 'info', 'warn', 'error'].map(at);
  const log = { debug, info, warn, error, child: () => log } as Logger;
  return log;
}

/** An edge of one method, and who called it. */
async function asking(
  handler: (caller: Caller) => Outcome | Promise<Outcome>,
  parts: Parameters<typeof servedGrpc>[0] = {},
): Promise<ServedGrpc & { readonly callers: Caller[] }> {
  const callers: Caller[] = [];
  const contract = unaryContract(ask, (_input, _reach, caller) => {
    callers.push(caller);
    return handler(caller);
  });
  return { ...(await servedGrpc({ contract, ...parts })), callers };
}

describe('a call', () => {
  it('is answered by its operation, with the operation’s own words as messages', async () => {
    const { client } = await servedGrpc();
    const { message } = await client.ask(Collectors.getCollector, { name: 'moralis' });
    expect(message.collector).toMatchObject({ name: 'moralis', enabled: true });
  });

  it('for something that is not there is NOT_FOUND with everything a client needs', async () => {
    const { client } = await servedGrpc();
    const told = await client.refusal(Collectors.enableCollector, { name: 'nope' });
    expect(told).toMatchObject({ code: 'NOT_FOUND', message: 'Collector not found: nope' });
    expect(told.info).toMatchObject({ reason: 'COLLECTOR_NOT_FOUND', domain: 'headgate.dev' });
    expect(told.resource?.resourceName).toBe('nope');
  });

  it('with a bad value says which field, reaches no operation and stands in the trail', async () => {
    const { client, world: made } = await servedGrpc();
    const told = await client.refusal(Collectors.updateRateLimit, {
      name: 'moralis',
      max_requests_per_second: -3,
    });
    expect(told.code).toBe('INVALID_ARGUMENT');
    expect(told.badRequest?.fieldViolations).toMatchObject([
      { field: 'max_requests_per_second', description: 'must be > 0, got -3' },
    ]);
    expect(made.asked).toEqual([]);
    expect(made.trail.refusals).toMatchObject([
      { operation: { name: 'updateRateLimit' }, who: { actor: 'local', interface: 'grpc' } },
    ]);
  });

  it.each([
    ['request_id', { request_id: 'with blanks' }],
    ['etag', { etag: '"1.2.3"' }],
  ])('with a %s that cannot be kept is refused', async (field, guard) => {
    const { client, world: made } = await servedGrpc();
    const request = { name: 'moralis', ...guard };
    const told = await client.refusal(Collectors.enableCollector, request);
    expect(told.code).toBe('INVALID_ARGUMENT');
    expect(told.badRequest?.fieldViolations.map((each) => each.field)).toEqual([field]);
    expect(made.asked).toEqual([]);
  });

  it('of more than 64 KiB is refused in our words, of far more by the library', async () => {
    const { client } = await asking(() => answer({}));
    const told = await client.refusal(ask, { text: 'x'.repeat(70_000) });
    expect(told.code).toBe('INVALID_ARGUMENT');
    expect(told.info?.reason).toBe('PAYLOAD_TOO_LARGE');
    expect(told.badRequest).toBeDefined();
    const cut = await client.refusal(ask, { text: 'x'.repeat(300_000) });
    expect(cut.code).toBe('RESOURCE_EXHAUSTED');
  });

  it('whose bytes are no message is INVALID_ARGUMENT, not our mistake', async () => {
    const { client } = await asking(() => answer({}));
    const garbage = { ...ask, requestSerialize: () => Buffer.from('\x00{') };
    const told = await client.refusal(garbage, {});
    expect(told).toMatchObject({ code: 'INVALID_ARGUMENT', info: { reason: 'BAD_REQUEST' } });
  });

  it('of a method nobody has is UNIMPLEMENTED with details, and counts as unknown', async () => {
    const { client, gateway } = await servedGrpc();
    for (const path of ['/headgate.v1.CollectorService/Nope', '/some.Other/Thing']) {
      const told = await client.refusal({ ...ask, path }, {});
      expect(told).toMatchObject({ code: 'UNIMPLEMENTED', info: { reason: 'METHOD_NOT_ALLOWED' } });
    }
    const text = JSON.stringify(gateway.metrics());
    expect(text).toContain('"grpc_method":"unknown"');
    expect(text).not.toContain('Nope');
  });

  it('that throws is INTERNAL with an error id, without a stack or our words', async () => {
    const lines: Line[] = [];
    const { client } = await asking(
      () => {
        throw new Error('secret innards');
      },
      { log: keeping(lines) },
    );
    const told = await client.refusal(ask, {});
    expect(told.code).toBe('INTERNAL');
    expect(JSON.stringify(told)).not.toContain('innards');
    const errorId = told.info?.metadata['error_id'];
    expect(lines).toContainEqual([
      'error',
      expect.any(String),
      expect.objectContaining({ errorId }),
    ]);
  });

  it('whose answer cannot be made a message is INTERNAL too', async () => {
    const { client } = await asking(() => ({ ok: true, value: { text: '{', shared: false } }));
    expect((await client.refusal(ask, {})).code).toBe('INTERNAL');
  });
});

describe('an answer that many get', () => {
  it('is encoded once', async () => {
    const method = jsonMethod('Ask');
    const shared = { text: '{"n":1}', shared: true };
    const contract = unaryContract(method, () => ({ ok: true, value: shared }));
    const { client } = await servedGrpc({ contract });
    for (let i = 0; i < 5; i += 1) {
      expect((await client.ask(method, {})).message).toEqual({ n: 1 });
    }
    expect(method.encoded).toBe(1);
  });
});

describe('a deadline', () => {
  it('reaches the operation as how long to wait, and its signal when it has passed', async () => {
    let seen: AbortSignal | undefined;
    const { client, callers, gateway } = await asking(({ signal }) => {
      seen = signal;
      return new Promise<Outcome>((resolve) => {
        signal?.addEventListener('abort', () => {
          resolve(fail({ code: 'outcome_unknown', detail: 'nobody waits' }));
        });
      });
    });
    const told = await client.refusal(ask, {}, { deadline: systemClock().now() + 150 });
    expect(told.code).toBe('DEADLINE_EXCEEDED');
    while (seen?.aborted !== true) await settle();
    expect(callers[0]?.waitMaxMs).toBeGreaterThan(0);
    expect(callers[0]?.waitMaxMs).toBeLessThanOrEqual(150);
    expect(JSON.stringify(gateway.metrics())).toContain('"grpc_code":"DeadlineExceeded"');
  });

  it('is there for a call that brings none', async () => {
    const made = world();
    const contract = unaryContract(ask, () => new Promise<Outcome>(() => undefined));
    const { client } = await servedGrpc({ contract, limits: { deadlineMs: 1_000 } }, made);
    const refusal = client.refusal(ask, {});
    while (made.clock.pending() === 0) await settle();
    await made.clock.advance(1_000);
    expect(await refusal).toMatchObject({
      code: 'DEADLINE_EXCEEDED',
      info: { reason: 'OUTCOME_UNKNOWN' },
    });
    expect(made.clock.pending()).toBe(0);
  });

  it('is not the only end: a caller that leaves aborts the signal', async () => {
    let seen: AbortSignal | undefined;
    const { client, gateway } = await asking(({ signal }) => {
      seen = signal;
      return new Promise<Outcome>(() => undefined);
    });
    const call = client.raw.makeUnaryRequest(
      ask.path,
      ask.requestSerialize,
      ask.responseDeserialize,
      {},
      () => undefined,
    );
    while (seen === undefined) await settle();
    call.cancel();
    while (!seen.aborted) await settle();
    expect(JSON.stringify(gateway.metrics())).toContain('"grpc_code":"Canceled"');
  });
});

describe('what a call is known by', () => {
  it('is its own request id, else its trace, else a fresh one; it comes back either way', async () => {
    const { client, callers } = await asking(() => answer({}));
    const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
    const traceparent = `00-${trace}-00f067aa0ba902b7-01`;
    const own = await client.ask(ask, {}, { metadata: { 'x-request-id': 'mine', traceparent } });
    const traced = await client.ask(ask, {}, { metadata: { traceparent } });
    const bare = await client.ask(
      ask,
      {},
      { metadata: { traceparent: `00-${'0'.repeat(32)}-1-1` } },
    );
    const ids = [own, traced, bare].map(({ headers }) => headers.get('x-request-id')[0]);
    expect(ids.slice(0, 2)).toEqual(['mine', trace]);
    expect(ids[2]).toMatch(/^[0-9a-f-]{36}$/);
    expect(callers.map(({ correlationId }) => correlationId)).toEqual(ids);
    const { client: other } = await servedGrpc();
    const told = await other.refusal(
      Collectors.enableCollector,
      { name: 'nope' },
      {
        metadata: { 'x-request-id': 'lost' },
      },
    );
    expect(told.metadata.get('x-request-id')).toEqual(['lost']);
  });

  it('is the interface it says, where that is one of ours, and its address without port', async () => {
    const { client, callers } = await asking(() => answer({}));
    for (const name of ['cli', 'ui', 'system']) {
      await client.ask(ask, {}, { metadata: { 'x-headgate-interface': name } });
    }
    expect(callers.map((caller) => caller.interface)).toEqual(['cli', 'ui', 'grpc']);
    expect(callers[0]?.address).toBe('127.0.0.1');
  });
});

describe('what the edge tells of itself', () => {
  it('is one line per call: commands at info, reads at debug, with nothing a caller wrote', async () => {
    const lines: Line[] = [];
    const { client } = await servedGrpc({ log: keeping(lines) });
    const metadata = { 'x-request-id': 'a', authorization: 'Bearer hg_secret' };
    await client.ask(Collectors.getCosts, {}, { metadata });
    const request = { name: 'moralis', reason: 'hg_secret' };
    await client.ask(Collectors.disableCollector, request, { metadata });
    expect(lines).toMatchObject([
      ['debug', 'call', { method: 'headgate.v1.CollectorService/GetCosts', code: 'OK' }],
      [
        'info',
        'call',
        {
          method: 'headgate.v1.CollectorService/DisableCollector',
          code: 'OK',
          requestId: 'a',
          principal: 'local',
        },
      ],
    ]);
    expect(JSON.stringify(lines)).not.toContain('hg_secret');
  });

  it('is numbers under the names that dashboards know', async () => {
    const { client, gateway } = await asking(() => answer({}));
    await client.ask(ask, {});
    await client.refusal({ ...ask, requestSerialize: () => Buffer.from('no') }, {});
    const labels = {
      grpc_type: 'unary',
      grpc_service: 'headgate.v1.TestService',
      grpc_method: 'Ask',
    };
    const told = Object.fromEntries(gateway.metrics().map((each) => [each.name, each.samples]));
    expect(told['grpc_server_started_total']).toEqual([{ labels, value: 2 }]);
    expect(told['grpc_server_msg_received_total']).toEqual([{ labels, value: 2 }]);
    expect(told['grpc_server_msg_sent_total']).toEqual([{ labels, value: 1 }]);
    expect(told['grpc_server_handled_total']).toEqual([
      { labels: { ...labels, grpc_code: 'OK' }, value: 1 },
      { labels: { ...labels, grpc_code: 'InvalidArgument' }, value: 1 },
    ]);
    expect(told['grpc_server_handling_seconds']?.at(-1)).toMatchObject({
      suffix: '_count',
      value: 2,
    });
  });
});
