/**
 * The same questions to one service over REST and over gRPC, every one of the table, while its time stands
 * still: the answers agree to the last digit. Its streams tell the same, too.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OPERATIONS, isCommand } from '../../src/gateway/index.js';
import { systemClock } from '../../src/kernel/time.js';
import { until } from '../support/app-http.js';
import { openTestApp } from '../support/app-service.js';
import type { TestApp } from '../support/app-service.js';
import { grpcClient } from '../support/grpc-client.js';
import type { GrpcClient } from '../support/grpc-client.js';
import { differences, exactly } from '../support/parity-compare.js';
import { askGrpc, askRest, disagreements } from '../support/parity-heard.js';
import { QUESTION_CASES, REST_ONLY } from '../support/parity-questions.js';
import type { Known } from '../support/parity-questions.js';
import { rowOf } from '../support/parity-pair.js';
import { NoField, grpcRequest, rpcOf } from '../support/parity-requests.js';
import type { Input } from '../support/parity-requests.js';
import { wrongInputs } from '../support/parity-wrong.js';
import { messageOf } from '../support/grpc-descriptors.js';
import { STREAMS } from '../../src/gateway/index.js';
import { sse } from '../support/streams-sse.js';

const QUIET = { interval_ms: 86_400_000, enabled: true };
const clock = systemClock();
let frozenAt: number | undefined;
/** Timers go on; what is asked for the time hears the same until it is let go. */
const stoppable = { ...clock, now: () => frozenAt ?? clock.now() };

let app: TestApp;
let client: GrpcClient;
let known: Known;

beforeAll(async () => {
  app = await openTestApp({
    sources: ['historical', 'moralis'],
    collectors: { historical: QUIET, moralis: { ...QUIET, rate: { max_requests_per_second: 50 } } },
    clock: stoppable,
  });
  client = grpcClient(app.grpcUrl());
  for (const name of ['historical', 'moralis']) {
    const isOver = ({ stream, type }: { stream: string; type: string }): boolean =>
      stream === `collector-${name}` && type === 'RunSucceeded';
    await app.event(`${name} has run`, isOver);
  }
  const path = '/collectors/moralis/circuit-breaker/state';
  await app.put(path, { state: 'open', reason: 'test' });
  await app.put(path, { state: 'closed' });
  await app.post('/collectors/nobody/enable');
  const { body, headers } = await app.put(path, { state: 'metrics_only', ttl_seconds: 3600 });
  expect(body['success'], JSON.stringify(body)).toBe(true);
  await app.event('the refusal is told', ({ data }) => data['outcome'] === 'failed');
  await until('nothing is under way', async () =>
    ['idle', 'waiting'].includes(String((await pageOf('moralis'))['phase'])),
  );
  await until('every call is settled', async () =>
    [...(await app.metrics()).matchAll(/headgate_limiter_open_blocks\{[^}]*\} (\d+)/g)].every(
      ([, open]) => open === '0',
    ),
  );
  const position = await app.head();
  await app.running().stores.views.caughtUp(position, 5000);
  frozenAt = clock.now() + 1000;
  const at = new Date(frozenAt - 1000).toISOString();
  known = { etag: (headers['etag'] ?? '').replaceAll('"', ''), at, position };
});

afterAll(async () => {
  frozenAt = undefined;
  client.close();
  await app.close();
});

async function pageOf(name: string): Promise<Readonly<Record<string, unknown>>> {
  const { body } = await app.get(`/collectors/${name}`);
  return body['collector'] as Readonly<Record<string, unknown>>;
}

/** Answers REST's, after both said the same. */
async function asked(name: string, input: Input): Promise<Readonly<Record<string, unknown>>> {
  const row = rowOf(name);
  grpcRequest(rpcOf(row), input, {});
  const rest = await askRest(app, row, input);
  const grpc = await askGrpc(client, row, input);
  expect(disagreements(row, rest, grpc, exactly), JSON.stringify(input).slice(0, 200)).toEqual([]);
  return rest.body;
}

describe('a question', () => {
  it('has a case here, or a reason why gRPC does not have it', () => {
    const questions = OPERATIONS.filter((row) => !isCommand(row));
    const names = (rows: typeof questions) => rows.map(({ name }) => name).toSorted();
    const both = questions.filter(({ grpc }) => grpc !== undefined);
    expect(QUESTION_CASES.map(({ operation }) => operation).toSorted()).toEqual(names(both));
    const alone = questions.filter(({ grpc }) => grpc === undefined);
    expect(Object.keys(REST_ONLY).toSorted()).toEqual(names(alone));
  });

  for (const { operation: name, good, refused = [] } of QUESTION_CASES) {
    it(`is answered alike by both doors: ${name}`, async () => {
      for (const input of good)
        expect(await asked(name, input(known))).toMatchObject({ success: true });
      for (const { input, code } of refused)
        expect(await asked(name, input)).toMatchObject({ code });
      const [first] = good;
      const usual = first?.(known) ?? {};
      if (rowOf(name).rest.path.includes('{name}')) {
        const none = await asked(name, { ...usual, name: 'nobody' });
        expect(none).toMatchObject({ code: 'collector_not_found' });
      }
      for (const { what, input } of wrongInputs(rowOf(name), usual)) {
        const told = await asked(name, input).catch((thrown: unknown) => {
          if (thrown instanceof NoField) return { code: 'invalid_input' };
          throw thrown;
        });
        expect(told, what).toMatchObject({ code: 'invalid_input' });
      }
    });
  }
});

/** Its stream over gRPC and as Server-Sent Events, as many items as asked for. */
async function streamed(name: string, path: string, input: Input, count: number): Promise<void> {
  const row = STREAMS.find((each) => each.name === name);
  if (row === undefined) throw new Error(`no stream ${name}`);
  const rpc = rpcOf(row);
  const events = await sse(`${app.running().restUrl}${path}`);
  const data: unknown[] = [];
  for (let event = await events.next(); event !== undefined; event = await events.next()) {
    if (event.event === 'end') break;
    data.push(event.data);
    if (data.length === count) break;
  }
  events.go();
  await events.closed;
  const messages: object[] = [];
  const call = client.open(rpc.method, grpcRequest(rpc, input, {}));
  for await (const message of call as AsyncIterable<object>) {
    messages.push(message);
    if (messages.length === count) break;
  }
  call.destroy();
  expect(data.length).toBeGreaterThan(1);
  expect(messages.length).toBe(data.length);
  const wrong = data.flatMap((value, i) => {
    const [only, second] = rpc.response.fields;
    // Events and records stand in a field of their own.
    const isWrapped = second === undefined && only !== undefined;
    const rest = isWrapped ? { [only.name]: value } : (value as Input);
    const message = (messages[i] ?? {}) as Input;
    return differences(messageOf(rpc.response.typeName), rest, message, exactly, String(i));
  });
  expect(wrong).toEqual([]);
}

describe('a stream', () => {
  it('of events is the same over gRPC and as Server-Sent Events', async () => {
    await streamed('readEvents', '/events?follow=false', {}, 10_000);
    const path =
      '/events?collector=moralis&types=BreakerForced,RunStarted&after_position=1&follow=false';
    const types = ['BreakerForced', 'RunStarted'];
    await streamed('readEvents', path, { collector: 'moralis', types, after_position: 1 }, 1000);
  });

  it('of records is the same, from the beginning and from a place on', async () => {
    const path = '/collectors/historical/records';
    await streamed('subscribeRecords', `${path}?follow=false`, { name: 'historical' }, 500);
    const after = { name: 'historical', after: 2 };
    await streamed('subscribeRecords', `${path}?after=2&follow=false`, after, 500);
  });

  it('of collectors begins with the same snapshot', async () => {
    await streamed('watchCollectors', '/collectors', {}, 3);
  });

  it('of a breaker’s past is the same fold', async () => {
    const path = '/collectors/moralis/circuit-breaker/history';
    await streamed('replayBreaker', path, { name: 'moralis' }, 1000);
  });

  it('is refused in the same words', async () => {
    for (const [name, path] of [
      ['subscribeRecords', '/collectors/nobody/records'],
      ['replayBreaker', '/collectors/nobody/circuit-breaker/history'],
    ] as const) {
      const row = STREAMS.find((each) => each.name === name) ?? expect.fail(name);
      const rpc = rpcOf(row);
      const rest = await app.send('GET', path, { headers: { accept: 'text/event-stream' } });
      const call = client.open(rpc.method, grpcRequest(rpc, { name: 'nobody' }, {}));
      const error: unknown = await new Promise((resolve) => call.once('error', resolve));
      expect(rest.body).toMatchObject({ code: 'collector_not_found' });
      expect(error).toMatchObject({ details: rest.body['error'] });
    }
  });
});
