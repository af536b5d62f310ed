import { describe, expect, it } from 'vitest';
import { regions } from '../../src/actors/collector/index.js';
import { HOUR_MS, MINUTE_MS } from '../../src/kernel/time.js';
import {
  collecting,
  configure,
  ended,
  factsOf,
  given,
  idle,
  NOON,
  startRun,
} from '../support/collector-given.js';

const enable = { type: 'Enable', reason: 'go' } as const;
const disable = { type: 'Disable', reason: 'stop', drainMs: 10_000 } as const;

describe('a collector: intent', () => {
  it('is registered with its configuration and its first wish, once', () => {
    const first = given().when(configure);
    expect(factsOf(first)).toEqual([
      'CollectorRegistered',
      'CollectorConfigured',
      'CollectorEnabled',
    ]);
    expect(factsOf(given().then(configure).when(configure))).toEqual([]);
  });

  it('starts disabled when it is paid and nobody enabled it', () => {
    const state = given().then({ ...configure, enabled: false }).state;
    expect(regions(state)).toMatchObject({ desired: 'disabled', activity: 'stopped' });
  });

  it('keeps the wish of an operator when the configuration changes its mind', () => {
    const disabled = idle().then(disable);
    const again = disabled.when({
      ...configure,
      schedule: { ...configure.schedule, intervalMs: 1 },
    });
    expect(factsOf(again)).toEqual(['CollectorConfigured']);
  });

  it('enable and disable twice change nothing the second time', () => {
    expect(factsOf(idle().when(enable))).toEqual([]);
    expect(factsOf(idle().then(disable).when(disable))).toEqual([]);
  });

  it('disable stops at once when nothing is in flight, and drains when something is', () => {
    expect(factsOf(idle().when(disable))).toEqual(['CollectorDisabled', 'CollectorStopped']);
    expect(factsOf(collecting().when(disable))).toEqual(['CollectorDisabled', 'DrainStarted']);
  });

  it('a draining collector stops with the end of its run', () => {
    const drained = collecting().then(disable);
    expect(factsOf(drained.when(ended('ok')))).toEqual(['RunSucceeded', 'CollectorStopped']);
  });

  it('gives up what is in flight at the deadline of the drain: its outcome is unknown', () => {
    const drained = collecting().then(disable);
    const cut = drained.when({ type: 'TimerDue', name: 'drain', generation: 0 }, NOON + 10_000);
    expect(factsOf(cut)).toEqual(['RunUnknown', 'CollectorStopped']);
  });

  it('a disable with a time to live ends by itself', () => {
    const disabled = idle().then({ ...disable, ttlMs: HOUR_MS });
    const back = disabled.when({ type: 'TimerDue', name: 'wish', generation: 0 }, NOON + HOUR_MS);
    expect(factsOf(back)).toEqual(['CollectorEnabled']);
  });

  it('a lasting disable ends the time to live of the one before', () => {
    const lasting = idle()
      .then({ ...disable, ttlMs: HOUR_MS })
      .then(disable);
    expect(lasting.state.context.wish.until).toBeNull();
    expect(regions(lasting.state).desired).toBe('disabled');
  });

  it('restart drains what is in flight; a disabled collector is not restarted', () => {
    const restart = { type: 'Restart', reason: 'kick', drainMs: 10_000 } as const;
    expect(factsOf(idle().when(restart))).toEqual(['RestartRequested']);
    expect(factsOf(collecting().when(restart))).toEqual(['DrainStarted']);
    expect(factsOf(idle().then(disable).when(restart))).toEqual(['refused: illegal-state']);
  });
});

describe('a collector: runs', () => {
  it('runs only when it is enabled, not suspended and not running already', () => {
    expect(factsOf(idle().when(startRun))).toEqual(['RunStarted']);
    expect(factsOf(collecting().when(startRun))).toEqual(['refused: illegal-state']);
    expect(factsOf(idle().then(disable).when(startRun))).toEqual(['refused: illegal-state']);
  });

  it('counts the runs it missed instead of piling them up', () => {
    const late = idle().when(startRun, NOON + 5.5 * MINUTE_MS);
    expect(late.ok && late.facts[0]).toMatchObject({ type: 'RunStarted', skipped: 5 });
  });

  it('records a run that could not begin, and looks again when the cause ends', () => {
    const until = NOON + 5 * MINUTE_MS;
    const obstacle = { cause: 'breaker', detail: 'the breaker is open', until };
    const blocked = idle().when({ ...startRun, obstacle });
    expect(blocked.ok && blocked.facts).toMatchObject([
      { type: 'RunBlocked', cause: 'breaker', untilMs: until, nextDueMs: until },
    ]);
  });

  it('looks at a long block once an hour, so that its history has no holes', () => {
    const obstacle = { cause: 'ban', detail: 'banned', until: NOON + 72 * HOUR_MS };
    const blocked = idle().when({ ...startRun, obstacle });
    expect(blocked.ok && blocked.facts[0]).toMatchObject({ nextDueMs: NOON + HOUR_MS });
  });

  it('looks less and less often at a block without an end, at the least once an hour', () => {
    const obstacle = { cause: 'breaker', detail: 'the breaker is forced_open' };
    let waiting = idle();
    let at = NOON;
    const waits: number[] = [];
    for (let look = 0; look < 9; look += 1) {
      waiting = waiting.then({ ...startRun, obstacle }, at, 0);
      const next = waiting.state.context.due?.at ?? 0;
      waits.push((next - at) / MINUTE_MS);
      at = next;
    }
    expect(waits.slice(1).every((wait, n) => wait >= (waits[n] ?? 0))).toBe(true);
    expect(waits.at(-1)).toBe(60);
    expect(waits[0]).toBeLessThanOrEqual(1);
  });

  it('moves its cursor page by page, and only for the run that is under way', () => {
    const page = {
      series: 's',
      cursor: '{"next":1}',
      ordinal: 1,
      records: 2,
      newRecords: 2,
      gaps: [],
    };
    const moved = collecting().then({ type: 'Progress', run: 'run-1', page });
    expect(moved.state.context.cursors).toEqual({ s: { cursor: '{"next":1}', ordinal: 1 } });
    const stray = collecting().when({ type: 'Progress', run: 'another', page });
    expect(factsOf(stray)).toEqual(['refused: illegal-state']);
  });

  it('ends a run once', () => {
    const done = collecting().then(ended('ok'));
    expect(factsOf(done.when(ended('ok')))).toEqual([]);
  });

  it.each([
    ['auth', 'auth', NOON + HOUR_MS],
    ['quota_exhausted', 'quota', NOON + 2 * HOUR_MS],
    ['banned', 'banned', NOON + 2 * HOUR_MS],
  ])('%s suspends it (%s) until automation tries again', (outcome, cause, nextTryMs) => {
    const decided = collecting().when(ended(outcome, { until: NOON + 2 * HOUR_MS }));
    expect(decided.ok && decided.facts).toMatchObject([
      { type: 'RunFailed', outcome },
      { type: 'CollectorSuspended', cause, nextTryMs },
      { type: 'CollectorStopped', cause: 'suspend' },
    ]);
  });

  it.each(['server', 'bad_data', 'client', 'throttled', 'sink'])(
    '%s fails the run and leaves the schedule alone',
    (outcome) => {
      expect(factsOf(collecting().when(ended(outcome)))).toEqual(['RunFailed']);
    },
  );

  it('an aborted run is not counted as a failure', () => {
    const failed = collecting().when(ended('cancelled'));
    expect(failed.ok && failed.facts[0]).toMatchObject({ type: 'RunFailed', consecutive: 0 });
  });

  it('pauses 0, 2, 6, 12 … 60 minutes after crashes in a row', () => {
    let crashing = idle();
    const pauses: number[] = [];
    for (let crash = 0; crash < 9; crash += 1) {
      const failed = crashing.then(startRun).then(ended('crashed'));
      pauses.push(((failed.state.context.due?.at ?? 0) - NOON - 1) / MINUTE_MS);
      crashing = failed;
    }
    expect(pauses.map(Math.round)).toEqual([0, 2, 6, 12, 20, 30, 42, 56, 60]);
  });

  it('is suspended (failing) after a hundred crashes in a row', () => {
    let crashing = idle();
    for (let crash = 1; crash < 100; crash += 1) {
      crashing = crashing.then(startRun).then(ended('crashed'));
    }
    expect(regions(crashing.state).suspension).toBe('clear');
    const last = crashing.then(startRun).then(ended('crashed'));
    expect(last.state.context.suspension?.cause).toBe('failing');
  });
});

describe('a collector: automation and crashes', () => {
  const suspended = () => collecting().then(ended('quota_exhausted', { until: NOON + HOUR_MS }));

  it('a suspension never touches the wish, and is lifted by enable, restart or its time', () => {
    const { state } = suspended();
    expect(regions(state)).toMatchObject({ desired: 'enabled', suspension: 'suspended' });
    expect(factsOf(suspended().when(enable))[0]).toBe('SuspensionLifted');
    const restart = { type: 'Restart', reason: '', drainMs: 1 } as const;
    expect(factsOf(suspended().when(restart))[0]).toBe('SuspensionLifted');
    const timer = { type: 'TimerDue', name: 'suspension', generation: 0 } as const;
    expect(factsOf(suspended().when(timer, NOON + HOUR_MS))).toEqual(['SuspensionLifted']);
  });

  it('a suspension whose cause is over is lifted, one of another cause stays', () => {
    const lift = { type: 'LiftSuspension', of: 'quota', cause: 'operator' } as const;
    expect(factsOf(suspended().when(lift))).toEqual(['SuspensionLifted']);
    expect(factsOf(suspended().when({ ...lift, of: 'banned' }))).toEqual([]);
    expect(factsOf(idle().when(lift))).toEqual([]);
    const disabled = suspended().then(disable).then(lift);
    expect(regions(disabled.state)).toMatchObject({ desired: 'disabled', suspension: 'clear' });
  });

  it('waits for a key that is missing, and names it', () => {
    const waiting = given()
      .then({ ...configure, missingKey: 'MORALIS_API_KEY', hasApiKey: false })
      .then({ type: 'KeyMissing' });
    expect(waiting.state.context.blocked).toMatchObject({
      cause: 'key',
      detail: 'set MORALIS_API_KEY',
    });
    expect(regions(waiting.state).activity).toBe('waiting');
    expect(factsOf(waiting.when(startRun))).toEqual(['refused: illegal-state']);
  });

  it('settles a run the process died in as unknown, and connects anew', () => {
    const recovered = collecting().when({ type: 'Recover' });
    expect(factsOf(recovered)).toEqual(['RunUnknown', 'CollectorStopped']);
    expect(factsOf(collecting().then({ type: 'Recover' }).when({ type: 'Recover' }))).toEqual([]);
  });

  it('tries a suspended key once at process start', () => {
    const suspendedForAuth = collecting().then(ended('auth'));
    expect(factsOf(suspendedForAuth.when({ type: 'Recover' }))).toEqual(['SuspensionLifted']);
  });

  it('lets an operator set a cursor only while it is disabled', () => {
    const set = {
      type: 'SetCursor',
      series: 's',
      cursor: '1',
      ordinal: 5,
      cause: 'operator',
    } as const;
    expect(factsOf(idle().when(set))).toEqual(['refused: illegal-state']);
    expect(factsOf(idle().then(disable).when(set))).toEqual(['CursorSet']);
  });
});
