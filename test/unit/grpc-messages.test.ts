/** Requests as inputs, answers as messages: what the words, masks, moments and lists become. */
import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import * as gen from '../../src/gen/headgate/v1/collector_service.js';
import { AcquireResponse } from '../../src/gen/headgate/v1/permit_service.js';
import { masked } from '../../src/gateway/grpc/messages/asked.js';
import { STREAM_MESSAGES, UNARY_MESSAGES } from '../../src/gateway/grpc/messages/index.js';
import { shape } from '../../src/gateway/grpc/messages/shape.js';
import { vocabulary } from '../../src/gateway/grpc/messages/words.js';
import * as words from '../../src/gateway/grpc/messages/words.js';
import type { JsonObject } from '../../src/kernel/types.js';

const unary = (method: string) => {
  const entry = UNARY_MESSAGES[method];
  if (entry === undefined) throw new Error(`no messages for ${method}`);
  return entry;
};
const asked = (method: string, request: object) => unary(method).asked(request as never);
const response = (method: string, answer: JsonObject) => unary(method).response(answer);

describe('words', () => {
  it('are names without their prefix, in lower case, with dashes where REST has them', () => {
    expect(words.BREAKER_STATE.name('half-open')).toBe('BREAKER_STATE_HALF_OPEN');
    expect(words.BREAKER_STATE.name('half_open')).toBe('BREAKER_STATE_HALF_OPEN');
    expect(words.BREAKER_STATE.word('BREAKER_STATE_HALF_OPEN')).toBe('half-open');
    expect(words.HEALTH.word('HEALTH_CIRCUIT_OPEN')).toBe('circuit_open');
    expect(words.HEALTH.word('HEALTH_UNSPECIFIED')).toBeUndefined();
  });

  it('that have no name become UNSPECIFIED, whatever they are', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const name = words.PHASE.name(value as string);
        const known = typeof value === 'string' && /^[a-z_-]+$/i.test(value);
        return name === 'PHASE_UNSPECIFIED' || known;
      }),
    );
    expect(words.PHASE.name('constructor')).toBe('PHASE_UNSPECIFIED');
    expect(words.PHASE.name(null)).toBe('PHASE_UNSPECIFIED');
  });

  it('read back as they were, for every name of every enum', () => {
    for (const each of Object.values(words)) {
      if (typeof each === 'function') continue;
      for (const word of ['open', 'half-open', 'viewer', 'ok', 'cli', 'snapshot', 'enable']) {
        const name = each.name(word) as string;
        if (!name.endsWith('UNSPECIFIED')) expect(each.word(name)).toBe(word);
      }
    }
  });

  it('of a newer client are told as such, for the schema to refuse', () => {
    const { word } = vocabulary('COLOUR_', { COLOUR_UNSPECIFIED: 'COLOUR_UNSPECIFIED' });
    expect(word('UNRECOGNIZED')).toBe('unrecognized');
    const newer = gen.SetCircuitBreakerStateRequest.fromJSON({ name: 'a', state: 99 });
    expect(asked('SetCircuitBreakerState', newer).input).toMatchObject({ state: 'unrecognized' });
  });
});

describe('a request', () => {
  it('becomes the input, with its guards beside it', () => {
    const request = gen.DisableCollectorRequest.fromPartial({
      name: 'moralis',
      reason: 'maintenance',
      request_id: 'k-1',
      etag: '1.0.0',
      validate_only: true,
      ttl: { seconds: 90n, nanos: 500_000_000 },
    });
    expect(asked('DisableCollector', request)).toEqual({
      input: { name: 'moralis', reason: 'maintenance', ttl_seconds: 90.5 },
      guards: { key: 'k-1', ifMatch: '1.0.0', dryRun: true },
    });
  });

  it('tells of moments outside the calendar instead of throwing', () => {
    const at = gen.GetCollectorRequest.decode(
      // name "a", at { seconds: 2^62 }
      Uint8Array.from([10, 1, 97, 18, 10, 8, 128, 128, 128, 128, 128, 128, 128, 128, 64, 0]),
    );
    expect(at.at?.getTime()).toBeNaN();
    expect(asked('GetCollector', at)).toEqual({
      input: { name: 'a' },
      errors: [{ pointer: '/at', detail: 'is not a moment of the calendar' }],
    });
  });

  it('keeps a position of 64 bits beyond what any schema lets through', () => {
    const entry = STREAM_MESSAGES['WatchCollectors'];
    const request = gen.WatchCollectorsRequest.fromPartial({ after_position: 2n ** 62n });
    const { input } = entry?.asked(request as never) ?? { input: {} };
    expect((input as { after_position: number }).after_position).toBeGreaterThan(
      Number.MAX_SAFE_INTEGER,
    );
  });
});

describe('an update mask', () => {
  const fields = ['a', 'b'] as const;

  it('takes what it names, and without one what is there', () => {
    expect(masked(undefined, fields, { a: 1, b: undefined }).members).toMatchObject({ a: 1 });
    expect(masked([], fields, { a: 1 }).members).toEqual({ a: 1 });
    expect(masked(['b'], fields, { a: 1, b: 2 })).toEqual({ members: { b: 2 }, errors: [] });
    expect(masked(['*'], fields, { a: 1, b: 2 }).members).toEqual({ a: 1, b: 2 });
  });

  it('finds what it may not name, and what is named and missing', () => {
    expect(masked(['c', 'a'], fields, { b: 2 })).toEqual({
      members: {},
      errors: [
        { pointer: '/update_mask', detail: 'must name some of a, b, got c' },
        { pointer: '/a', detail: 'is named by update_mask and not given' },
      ],
    });
    expect(masked(['constructor'], fields, {}).errors).toHaveLength(1);
  });

  it('gives a breaker’s setting back where it names one that is not there', () => {
    const request = gen.UpdateCircuitBreakerRequest.fromPartial({
      name: 'a',
      config: { open_ms: 1000 },
      update_mask: ['open_ms', 'failure_rate'],
    });
    expect(asked('UpdateCircuitBreaker', request).input).toEqual({
      name: 'a',
      open_ms: 1000,
      failure_rate: null,
    });
  });

  it('lets a mask of any length tell at most twenty errors', () => {
    const mask = Array.from({ length: 500 }, (_, index) => `field-${String(index)}`);
    expect(masked(mask, fields, {}).errors).toHaveLength(20);
  });
});

describe('an answer', () => {
  it('has lists where REST has objects by name', () => {
    const answer = { collectors: { b: { enabled: true }, a: { enabled: false } }, total_count: 2 };
    const message = response('ListCollectors', answer) as gen.ListCollectorsResponse;
    expect(message.collectors.map(({ name, enabled }) => [name, enabled])).toEqual([
      ['b', true],
      ['a', false],
    ]);
  });

  it('tells null as absent and zero as zero, also over the wire', () => {
    const answer = { collectors: { a: { cost: null, configured_rate_limit: 0 } } };
    const message = response('ListCollectors', answer) as gen.ListCollectorsResponse;
    const bytes = gen.ListCollectorsResponse.encode(message).finish();
    const [line] = gen.ListCollectorsResponse.decode(bytes).collectors;
    expect(line?.cost).toBeUndefined();
    expect(line?.configured_rate_limit).toBe(0);
  });

  it('is exactly one of a permit and a refusal', () => {
    const permit = { permit_id: 'p', expires_at: '2026-11-23T12:00:00.000Z' };
    const granted = response('Acquire', { permit, refusal: null }) as AcquireResponse;
    expect(AcquireResponse.toJSON(granted)).toEqual({ permit });
    const refusal = { reason: 'rate_limited', detail: 'full', retry_at: null, bucket: null };
    const refused = response('Acquire', { permit: null, refusal }) as AcquireResponse;
    expect(AcquireResponse.toJSON(refused)).toEqual({
      refusal: { reason: 'rate_limited', detail: 'full' },
    });
  });

  it('tells apart that a run was blocked and by what', () => {
    const check = { status: 'circuit_open', outcome: 'blocked_breaker' };
    const answer = { collector: { recent_health: [check, { outcome: 'server' }] } };
    const { collector } = response('GetCollector', answer) as gen.GetCollectorResponse;
    expect(collector?.recent_health).toMatchObject([
      { status: 'HEALTH_CIRCUIT_OPEN', outcome: 'OUTCOME_BLOCKED', blocked_by: 'breaker' },
      { outcome: 'OUTCOME_SERVER', blocked_by: '' },
    ]);
  });

  it('never throws over members it does not know, or that are of another shape', () => {
    const change = shape({ a: words.PHASE.name });
    expect(change({ a: 'idle', b: [1] })).toEqual({ a: 'PHASE_IDLE', b: [1] });
    expect(change('text')).toBe('text');
    expect(change([1])).toEqual([1]);
  });
});
