/** Every member of every answer of a living service arrives in its message, over the wire. */
import { describe, expect, it } from 'vitest';
import { STREAM_MESSAGES, UNARY_MESSAGES } from '../../src/gateway/grpc/messages/index.js';
import type { StreamItem } from '../../src/gateway/operation.js';
import type { JsonObject } from '../../src/kernel/types.js';
import { startTestApp } from '../support/app-service.js';
import type { TestApp } from '../support/app-service.js';
import { GENERATED } from '../support/grpc-generated.js';
import { losses } from '../support/grpc-losses.js';

/** Through bytes and back, as a client has it. */
function received(method: string, message: object): object {
  const codec = GENERATED[`${method}Response`];
  if (codec === undefined) throw new Error(`no message of ${method}`);
  return codec.decode(codec.encode(message as never).finish());
}

/** Members that REST alone has. */
const OF_REST = new Set(['success']);

async function lost(app: TestApp, method: string, path: string): Promise<readonly string[]> {
  const { status, body } = await app.get(path);
  expect(status).toBe(200);
  const told = Object.fromEntries(
    Object.entries(body as JsonObject).filter(([name]) => !OF_REST.has(name)),
  );
  const message = UNARY_MESSAGES[method]?.response(told) ?? {};
  return losses(told, received(method, message), method);
}

describe('what REST answers', () => {
  it('arrives in the messages, member by member', async () => {
    const app = await startTestApp();
    await app.event('a run', ({ type }) => type === 'RunSucceeded');
    await app.put('/collectors/moralis/circuit-breaker/state', { state: 'open', reason: 'seen' });
    await app.put('/collectors/historical/circuit-breaker/config', { open_ms: 5000 });
    const asked = [
      ['ListCollectors', '/collectors'],
      ['ListCollectorTypes', '/collector-types'],
      ['GetCosts', '/collectors/costs'],
      ['GetCollector', '/collectors/moralis'],
      ['GetCollector', '/collectors/historical'],
      ['GetService', '/health'],
      ['ListHealth', '/health/collectors/historical'],
      ['ListRecords', '/collectors/historical/records?limit=3'],
      ['GetCursor', '/collectors/historical/cursor'],
      ['GetCircuitBreakerConfig', '/collectors/historical/circuit-breaker/config'],
      ['ListBreakerHistory', '/collectors/moralis/circuit-breaker/history'],
      ['ListEvents', '/events?limit=200'],
      ['ListAudit', '/audit'],
      ['VerifyJournal', '/audit/verify'],
    ] as const;
    for (const [method, path] of asked) expect(await lost(app, method, path)).toEqual([]);
    const dryRun = '/collectors/moralis/circuit-breaker/reset?dry_run=true';
    const { body } = await app.post(dryRun, {});
    const { success: _, ...told } = body as JsonObject;
    const message = UNARY_MESSAGES['ResetCircuitBreaker']?.response(told) ?? {};
    expect(losses(told, received('ResetCircuitBreaker', message))).toEqual([]);
  });
});

describe('what streams tell', () => {
  it('arrives in the messages, member by member', async () => {
    const app = await startTestApp();
    await app.event('a run', ({ type }) => type === 'RunSucceeded');
    for (const [method, path] of [
      ['WatchCollectors', '/collectors'],
      ['ReadEvents', '/events'],
      ['ReplayBreaker', '/collectors/moralis/circuit-breaker/history'],
      ['SubscribeRecords', '/collectors/historical/records'],
    ] as const) {
      const items = await firstOf(app, path);
      expect(items.length).toBeGreaterThan(0);
      for (const item of items) {
        const message = received(method, STREAM_MESSAGES[method]?.response(item) ?? {});
        const [only] = Object.values(message) as readonly unknown[];
        const isWrapped = method === 'ReadEvents' || method === 'SubscribeRecords';
        expect(losses(item.value, isWrapped ? only : message, method)).toEqual([]);
      }
    }
  });
});

/** The first items of a stream, as Server-Sent Events tell them. */
async function firstOf(app: TestApp, path: string): Promise<readonly StreamItem[]> {
  const leave = new AbortController();
  const headers = { accept: 'text/event-stream' };
  const url = `${app.running().restUrl}${path}`;
  const { status, body } = await fetch(url, { headers, signal: leave.signal });
  expect(status).toBe(200);
  let text = '';
  const items: StreamItem[] = [];
  const decoder = new TextDecoder();
  for await (const bytes of body ?? []) {
    text += decoder.decode(bytes as Uint8Array, { stream: true });
    const blocks = text.split('\n\n');
    text = blocks.pop() ?? '';
    items.push(...blocks.flatMap(itemOf));
    if (items.length > 0) break;
  }
  leave.abort();
  return items;
}

function itemOf(block: string): readonly StreamItem[] {
  const data = /^data: (.*)$/m.exec(block)?.[1];
  if (data === undefined) return [];
  return [{ id: '', kind: '', value: JSON.parse(data) as object }];
}

describe('the comparison itself', () => {
  it('finds what is missing, changed, cut short or invented', () => {
    expect(losses({ a: 1 }, {})).toEqual(['/a: 1 became undefined']);
    expect(losses({ a: { b: 1 } }, { a: { b: 2n } })).toEqual(['/a/b: 1 became 2']);
    expect(losses({ a: [1, 2] }, { a: [1] })).toEqual(['/a: 1 of a list arrived']);
    expect(losses({ a: null }, { a: 0 })).toEqual(['/a: came from nowhere']);
    expect(losses({ a: { x: { b: 1 } } }, { a: [{ name: 'y', b: 1 }] })).toEqual([
      '/a/x: did not arrive',
    ]);
    expect(losses({ a: 'open' }, { a: 'BREAKER_STATE_CLOSED' })).toHaveLength(1);
    expect(losses({ a: 'open' }, { a: 'BREAKER_STATE_UNSPECIFIED' })).toHaveLength(1);
    expect(losses({ a: null }, { a: 'BREAKER_STATE_UNSPECIFIED' })).toEqual([]);
    expect(losses({ a: 'half-open' }, { a: 'BREAKER_STATE_HALF_OPEN' })).toEqual([]);
  });
});
