/** What callers are told when the engine refuses, or when something throws. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Logger, LogFields } from '../../src/kernel/observe.js';
import { silentLogger } from '../../src/kernel/observe.js';
import { JournalUnavailable } from '../../src/journal/port.js';
import { NOW } from '../support/gateway-docs.js';
import { problemOf, served } from '../support/gateway-http.js';
import type { Served, Sent } from '../support/gateway-http.js';

let at: Served;
const errors: (LogFields | undefined)[] = [];
const log: Logger = { ...silentLogger, error: (_line, fields) => void errors.push(fields) };

beforeEach(async () => {
  errors.length = 0;
  at = await served({ log });
});
afterEach(() => at.close());

describe('what the engine refuses or throws', () => {
  const enable: Sent = { method: 'POST', path: '/collectors/moralis/enable' };

  it.each([
    [{ kind: 'invalid', field: '/max_backoff', detail: 'too much' }, 400, 'invalid_input'],
    [{ kind: 'would-never-trip', detail: 'x' }, 400, 'would_never_trip'],
    [{ kind: 'illegal-state', detail: 'only from open' }, 409, 'illegal_state'],
    [{ kind: 'breaker-open', detail: 'x', retryAt: NOW + 1500 }, 409, 'breaker_open'],
    [{ kind: 'rate-limited', detail: 'x' }, 409, 'rate_limited'],
    [{ kind: 'blocked', detail: 'x', until: NOW + 60_000 }, 409, 'blocked'],
    [{ kind: 'not-running', detail: 'x' }, 409, 'not_running'],
    [{ kind: 'quarantined', detail: 'x' }, 409, 'quarantined'],
    [{ kind: 'raced', detail: 'x' }, 409, 'raced'],
    [{ kind: 'overloaded', detail: 'x' }, 503, 'overloaded'],
    [{ kind: 'not-owner', detail: 'x' }, 503, 'not_owner'],
    [{ kind: 'journal-unavailable', detail: 'x' }, 503, 'journal_unavailable'],
    [{ kind: 'stopping', detail: 'x' }, 503, 'stopping'],
    [{ kind: 'crashed', detail: 'secret', errorId: 'e-1' }, 500, 'internal'],
    [{ kind: 'unknown-collector', detail: 'x' }, 404, 'collector_not_found'],
  ] as const)('%j', async (refusal, status, code) => {
    at.world.steering = () => Promise.resolve({ ok: false, refusal });
    const told = await at.ask(enable);
    expect(told.status).toBe(status);
    expect(problemOf(told)).toMatchObject({ success: false, status, code });
    if (status === 503) expect(Number(told.headers['retry-after'])).toBeGreaterThanOrEqual(1);
    expect(told.text).not.toContain('secret');
  });

  it('a known moment of return becomes Retry-After, rounded up', async () => {
    const refusal = { kind: 'breaker-open', detail: 'x', retryAt: NOW + 1500 } as const;
    at.world.steering = () => Promise.resolve({ ok: false, refusal });
    const told = await at.ask(enable);
    expect(told.headers['retry-after']).toBe('2');
    expect(problemOf(told).retry_at).toBe('2026-01-05T12:00:01.500Z');
  });

  it('our own bug is 500 with an id that the log has, and no word of what happened', async () => {
    at.world.steering = () => Promise.reject(new TypeError('cannot read private thing'));
    const told = await at.ask(enable);
    expect(told.status).toBe(500);
    expect(told.text).not.toContain('private');
    expect(told.text).not.toContain('.ts');
    expect(errors).toMatchObject([
      { errorId: problemOf(told).error_id, error: 'cannot read private thing' },
    ]);
  });

  it('a journal that fails is 503, not our bug', async () => {
    at.world.steering = () => Promise.reject(new JournalUnavailable('disk full'));
    const told = await at.ask(enable);
    expect(told).toMatchObject({ status: 503, headers: { 'retry-after': '5' } });
    expect(errors).toEqual([]);
  });
});

describe('whatever names a collector', () => {
  it.each(['/events?collector=nobody', '/collectors/nobody/events', '/collectors/nobody'])(
    '%s is not found where there is none',
    async (path) => {
      const told = await at.ask({ method: 'GET', path });
      expect(problemOf(told)).toMatchObject({ status: 404, code: 'collector_not_found' });
    },
  );
});

describe('events between two positions with nothing between them', () => {
  it.each(['before_position=0', 'after_position=7&before_position=3'])(
    '%s: none, and the next question begins where this one did',
    async (query) => {
      const told = await at.ask({ method: 'GET', path: `/events?${query}` });
      const after = query.startsWith('after') ? 7 : 0;
      expect(JSON.parse(told.text)).toMatchObject({ events: [], next_after: after, at_end: true });
    },
  );
});
