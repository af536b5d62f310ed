import { describe, expect, it } from 'vitest';
import {
  breakerGate,
  breakerKind,
  effectiveOf,
  type BreakerGate,
  type BreakerHandle,
} from '../../src/actors/breaker/index.js';
import type { CommandContext } from '../../src/actors/handle.js';
import { silentLogger } from '../../src/kernel/observe.js';
import { configure, MINUTE } from '../support/breaker-given.js';
import { byOperator, testHost, type TestHost } from '../support/host.js';
import { settle } from '../support/clock.js';

/** The breaker on the real machinery, over a journal that outlives it. */
async function start(test: TestHost): Promise<{ gate: BreakerGate; handle: BreakerHandle }> {
  const { host, clock } = test;
  const handle = await host.actor(breakerKind, 'breaker-historical');
  await handle.ask(configure(), byOperator());
  const context = (cause: string): CommandContext => host.system(cause);
  const parts = { handle, clock, context, log: silentLogger };
  return { handle, gate: breakerGate(parts) };
}

function fail({ gate }: { gate: BreakerGate }, test: TestHost): void {
  const admitted = gate.admit();
  if (!admitted.ok) throw new Error(`not admitted: ${admitted.reason}`);
  const { generation } = admitted;
  const at = test.clock.now();
  gate.report({ generation, outcome: 'server', durationMs: 10, endpoint: '/', at });
}

describe('a breaker on the real machinery', () => {
  it('trips, waits, is probed; after a restart half-open is open again and probed at once', async () => {
    const first = testHost();
    const one = await start(first);
    for (let failure = 0; failure < 5; failure += 1) fail(one, first);
    expect(one.gate.peek()).toEqual({ ok: false, reason: 'open' });
    await settle();
    expect(effectiveOf(one.handle.state())).toBe('open');
    await first.clock.advance(330_000);
    expect(one.gate.admit().ok).toBe(true);
    expect(effectiveOf(one.handle.state())).toBe('half_open');
    one.gate.close();
    await first.host.stop();

    const second = testHost({ after: first });
    const two = await start(second);
    expect(two.handle.state().context).toMatchObject({ failedRecoveries: 0, generation: 3 });
    await second.clock.advance(1);
    expect(effectiveOf(two.handle.state())).toBe('half_open');
    expect(two.gate.peek()).toBeUndefined();
    two.gate.close();
    await second.host.stop();
  });

  it('keeps an override over a restart, and ends it on time', async () => {
    const first = testHost();
    const one = await start(first);
    const force = {
      type: 'Force',
      override: 'forced_open',
      reason: 'stop',
      ttlMs: 10 * MINUTE,
    } as const;
    await one.handle.ask(force, byOperator());
    await first.clock.advance(4 * MINUTE);
    one.gate.close();
    await first.host.stop();

    const second = testHost({ after: first });
    const two = await start(second);
    expect(two.gate.peek()).toMatchObject({ reason: 'forced_open' });
    await second.clock.advance(6 * MINUTE - 1);
    expect(two.gate.peek()).toMatchObject({ reason: 'forced_open' });
    await second.clock.advance(1);
    expect(two.gate.peek()).toBeUndefined();
    two.gate.close();
    await second.host.stop();
  });
});
