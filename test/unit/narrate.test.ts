import { describe, expect, it } from 'vitest';
import { narrate } from '../../src/cli/narrate.js';
import type { StoredEvent } from '../../src/journal/port.js';
import type { JsonObject } from '../../src/kernel/types.js';

const event = (stream: string, type: string, data: JsonObject, actor = 'system'): StoredEvent => ({
  stream,
  revision: 0,
  position: 1,
  type,
  data,
  metadata: {
    eventId: 'e',
    commandId: 'c',
    correlationId: 'c',
    actor,
    interface: 'rest',
    recordedAt: '2026-01-05T12:34:56.789Z',
    schema: 1,
    epoch: 1,
    node: 'test',
    prevHash: '',
    hash: '',
  },
});

describe('the demo tells', () => {
  it('when, who and what of a change, and by whom if an operator asked for it', () => {
    const line = narrate(
      event('collector-moralis', 'CollectorDisabled', { reason: 'costs' }, 'ada'),
    );
    expect(line).toBe('12:34:56  moralis          disabled: costs  (by ada)');
  });

  it('a breaker that opens, why, and when it tries again', () => {
    const retryAtMs = Date.UTC(2026, 0, 5, 12, 39, 56);
    const transition = { from: 'closed', to: 'open', trigger: 'consecutive_failures' };
    const line = narrate(event('breaker-moralis', 'BreakerTripped', { transition, retryAtMs }));
    expect(line).toContain(
      'breaker closed -> open (consecutive failures), tries again at 12:39:56',
    );
  });

  it('runs that brought something, and not those that did not', () => {
    const run = (newRecords: number): string | undefined =>
      narrate(event('collector-historical', 'RunSucceeded', { newRecords }));
    expect(run(1)).toContain('collected 1 record');
    expect(run(2)).toContain('collected 2 records');
    expect(run(0)).toBeUndefined();
  });

  it('nothing of what happens all the time, or of what it does not know', () => {
    expect(narrate(event('collector-historical', 'RunStarted', {}))).toBeUndefined();
    expect(narrate(event('limiter-x', 'UnitsReserved', {}))).toBeUndefined();
    expect(narrate(event('collector-x', 'FactOfAnotherDay', {}))).toBeUndefined();
  });
});
