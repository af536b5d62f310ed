import { describe, expect, it } from 'vitest';
import { demoPreset, phaseLine } from '../../src/cli/demo.js';
import { narrate, narrator } from '../../src/cli/narrate.js';
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

  it('a moment of another day with its date', () => {
    const untilMs = Date.UTC(2026, 1, 1);
    const told = (atMs: number): string | undefined =>
      narrate(event('limiter-x', 'BucketBlocked', { bucket: 'posts', atMs, untilMs }));
    expect(told(Date.UTC(2026, 0, 5))).toContain('posts used up until 2026-02-01 00:00:00');
    expect(told(untilMs - 1)).toContain('until 2026-02-01 00:00:00');
    expect(told(untilMs)).toContain('until 00:00:00');
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

  it('of a row of runs that end alike only the first', () => {
    const tell = narrator();
    const collector = 'collector-historical';
    const failed = event(collector, 'RunFailed', { outcome: 'server', message: 'down' });
    const blocked = event(collector, 'RunBlocked', { cause: 'rate_limit' });
    const well = event(collector, 'RunSucceeded', { newRecords: 0 });
    const told = [failed, failed, blocked, blocked, failed, well, failed].map(
      (each) => tell(each) !== undefined,
    );
    expect(told).toEqual([true, false, true, false, true, false, true]);
    expect(tell(event('collector-moralis', 'RunFailed', { outcome: 'server' }))).toBeDefined();
  });

  it('of a gate that closes once, not also of the runs it ends or holds back', () => {
    const tell = narrator();
    const collector = 'collector-historical';
    const down = event(collector, 'RunFailed', { outcome: 'server', message: 'down' });
    const others = [
      event(collector, 'RunFailed', { outcome: 'blocked', message: 'the breaker is open' }),
      event(collector, 'RunBlocked', { cause: 'breaker' }),
      event(collector, 'RunFailed', { outcome: 'cancelled', message: 'it is draining' }),
    ];
    expect([down, ...others, down].map((each) => tell(each) !== undefined)).toEqual([
      true,
      ...others.map(() => false),
      false,
    ]);
    for (const outcome of ['auth', 'quota_exhausted', 'banned']) {
      expect(narrate(event(collector, 'RunFailed', { outcome, upstream: '' }))).toBeUndefined();
      const further = event(collector, 'RunFailed', { outcome, upstream: 'newsapi' });
      expect(narrate(further)).toContain(`run failed (${outcome})`);
    }
  });

  it('of a collector that waits before each of its runs once a minute', () => {
    const tell = narrator();
    const well = event('collector-x', 'RunSucceeded', { newRecords: 0 });
    const held = (atMs: number): boolean => {
      tell(well);
      return tell(event('collector-x', 'RunBlocked', { cause: 'rate_limit', atMs })) !== undefined;
    };
    expect([held(1000), held(2000), held(60_999), held(61_000)]).toEqual([
      true,
      false,
      false,
      true,
    ]);
  });

  it('what a breaker that opens failed of, and when a suspended collector tries again', () => {
    const transition = {
      from: 'half_open',
      to: 'open',
      trigger: 'probe_failed',
      lastCalls: [{ outcome: 'ok' }, { outcome: 'bad_data' }],
    };
    expect(narrate(event('breaker-x', 'BreakerReopened', { transition }))).toContain(
      'breaker half_open -> open (probe failed: bad_data)',
    );
    const data = { cause: 'quota', detail: 'used up', nextTryMs: Date.UTC(2026, 1, 1), atMs: 1 };
    expect(narrate(event('collector-x', 'CollectorSuspended', data))).toContain(
      'suspended (quota, tries again at 2026-02-01 00:00:00): used up',
    );
  });

  it('what a run warned of, with what it brought, and again only when it is something else', () => {
    const tell = narrator();
    const run = (newRecords: number, ...warnings: string[]): string | undefined =>
      tell(event('collector-x', 'RunSucceeded', { newRecords, warnings }))?.slice(27);
    expect(run(2, 'b stands in for 3 of 12', 'not for the others')).toBe(
      'collected 2 records; b stands in for 3 of 12 (and 1 more)',
    );
    expect(run(0, 'b stands in for 5 of 12', 'not for the others')).toBeUndefined();
    expect(run(4, 'b stands in for 6 of 12', 'not for the others')).toBe('collected 4 records');
    expect(run(0, 'no news')).toBe('no news');
    expect(run(0)).toBeUndefined();
    expect(run(0, 'no news')).toBe('no news');
    const failed = event('collector-x', 'RunFailed', { outcome: 'server', warnings: ['no news'] });
    expect(tell(failed)).toContain('run failed (server); no news');
    expect(tell(failed)).toBeUndefined();
  });

  it('of a rate that comes back its first step, its large ones and its last', () => {
    const tell = narrator();
    const limiter = 'limiter-moralis-account';
    const step = (rate: number, episodeEnded = false) =>
      event(limiter, 'RateRecovered', { rate, episodeEnded });
    const steps = [step(1), step(1.2), step(1.5), step(2), step(2.1, true), step(2.2)];
    const told = steps.map((each) => tell(each) !== undefined);
    expect(told).toEqual([true, false, true, false, true, false]);
    tell(event(limiter, 'Throttled', { backoff: 2 }));
    expect(tell(step(0.1))).toBeDefined();
  });

  it('where the evidence of bad data is, and nothing of what stood in it', () => {
    const evidence = { sha256: 'a1b2c3d4e5f60718', bytes: 512, head: '<html>' };
    const line = narrate(
      event('collector-historical', 'RunFailed', { outcome: 'bad_data', message: 'odd', evidence }),
    );
    expect(line).toContain('run failed (bad_data): odd; evidence kept: 512 bytes, a1b2c3d4…');
    expect(line).not.toContain('html');
  });

  it('the phases of a scenario, and that it is over', () => {
    const at = Date.UTC(2026, 0, 5, 12, 34, 56);
    const told = { name: 'flapping', phase: 'down', says: 'all answer 503', number: 2, phases: 7 };
    expect(phaseLine(told, at)).toBe(
      '12:34:56  SCENARIO         flapping 2/7, down: all answer 503\n',
    );
    expect(phaseLine({ ...told, phase: null, says: 'it is over' }, at)).toBe(
      '12:34:56  SCENARIO         flapping: it is over\n',
    );
  });

  it('at intervals of seconds, for collectors it knows and for others', () => {
    const preset = demoPreset(['historical', 'mine']);
    expect(preset['collectors.historical.interval_ms']).toBe('5000');
    expect(preset['collectors.mine.interval_ms']).toBe('10000');
  });
});
