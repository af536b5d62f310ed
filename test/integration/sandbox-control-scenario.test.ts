/** Scenarios as they are asked for, played, shown and stopped; and the count of what was broken. */
import { describe, expect, it } from 'vitest';
import { PROVIDER_NAMES, SCENARIO_NAMES } from '../../src/sources/sandbox/index.js';
import { SCENARIOS } from '../../src/sources/sandbox/scenarios.js';
import { got, NOON, sandboxKit, WALLET, type Got, type Kit } from '../support/sandbox-kit.js';

const BALANCES = `/${WALLET}/erc20`;
const change = (kit: Kit, value: unknown): Promise<Got> =>
  got(`${kit.url}/__sandbox`, { method: 'PUT', body: JSON.stringify(value) });
const kinds = (kit: Kit, provider: 'binance' | 'moralis') =>
  kit.control.snapshot(0).providers[provider].scenarioFaults.map(({ kind }) => kind);
const at = (ms: number): string => new Date(NOON + ms).toISOString();

describe('a scenario', () => {
  it('plays its phases in their time, shows where it is, and is over', async () => {
    const kit = await sandboxKit();
    const told: (string | null)[] = [];
    const stop = kit.control.onScenario(({ phase }) => told.push(phase));
    const answer = await change(kit, { scenario: 'throttle-storm' });
    expect(answer.body).toMatchObject({
      scenario: {
        name: 'throttle-storm',
        phase: 'fair',
        number: 1,
        phases: 4,
        startedAt: at(0),
        phaseEndsAt: at(8000),
        stretch: 1,
      },
    });
    expect(kinds(kit, 'binance')).toEqual([]);
    await kit.clock.advance(7999);
    expect((await kit.get('moralis', BALANCES)).status).toBe(200);
    await kit.clock.advance(1);
    expect([kinds(kit, 'binance'), kinds(kit, 'moralis')]).toEqual([['throttled'], ['throttled']]);
    expect((await kit.get('moralis', BALANCES)).status).toBe(429);
    await kit.clock.advance(60_000);
    expect(told).toEqual(['fair', 'storm', 'ebb', 'after', null]);
    expect(kit.control.scenario()).toMatchObject({ phase: null, phaseEndsAt: null, number: 4 });
    expect(kinds(kit, 'binance')).toEqual([]);
    expect(kit.clock.pending()).toBe(0);
    stop();
    kit.control.playScenario('calm');
    expect(told).toHaveLength(5);
  });

  it('is stretched, with the lengths of its faults, and kept to the providers that are named', async () => {
    const kit = await sandboxKit();
    kit.control.playScenario({ name: 'ban', stretch: 10, providers: ['binance'] });
    await kit.clock.advance(80_000);
    const [ban] = kit.control.snapshot(0).providers.binance.scenarioFaults;
    expect(ban).toMatchObject({ kind: 'ban', seconds: 250 });
    kit.control.playScenario({ name: 'flapping', stretch: 0.5, providers: ['moralis'] });
    await kit.clock.advance(4000);
    expect([kinds(kit, 'binance'), kinds(kit, 'moralis')]).toEqual([[], ['status']]);
    await kit.clock.advance(28_000);
    const [flutter] = kit.control.snapshot(0).providers.moralis.scenarioFaults;
    expect(flutter).toMatchObject({ kind: 'unreachable', cycle: { onMs: 1000, offMs: 1000 } });
  });

  it('1: leaves what was set by hand alone, which comes first; 2: and leaves nothing behind', async () => {
    const kit = await sandboxKit();
    kit.control.setFaults('moralis', [{ kind: 'status', status: 500 }]);
    kit.control.playScenario('quota-gone');
    await kit.clock.advance(8000);
    expect((await kit.get('moralis', BALANCES)).status).toBe(500);
    kit.control.clearFaults('moralis');
    expect((await kit.get('moralis', BALANCES)).status).toBe(401);
    expect(kit.control.snapshot(0).providers.moralis.forbidden).toMatchObject([{ cause: 'quota' }]);
    expect(kinds(kit, 'binance')).toEqual([]); // it has no plan to be used up
    await change(kit, { scenario: null });
    expect(kit.control.scenario()).toBeNull();
    expect(kit.control.snapshot(0).providers.moralis.forbidden).toEqual([]);
    expect((await kit.get('moralis', BALANCES)).status).toBe(200);
    expect(kit.clock.pending()).toBe(0);
  });

  it('ends with a reset and with the sandbox', async () => {
    const kit = await sandboxKit();
    kit.control.playScenario('flapping');
    await kit.clock.advance(8000);
    kit.control.reset();
    expect([kit.control.scenario(), kinds(kit, 'binance')]).toEqual([null, []]);
    kit.control.playScenario('flapping');
    await kit.close();
    expect(kit.clock.pending()).toBe(0);
  });

  it('that does not exist, or cannot be, is refused with the rule and what was asked', async () => {
    const kit = await sandboxKit();
    const errorOf = async (scenario: unknown): Promise<unknown> => {
      const { body, status } = await change(kit, { scenario });
      expect(status).toBe(400);
      return (body as { error: string }).error;
    };
    const names = SCENARIO_NAMES.join(', ');
    expect(await errorOf('storm')).toBe(`/scenario: must be one of ${names}, got "storm"`);
    expect(await errorOf(7)).toBe('/scenario: must be a name, {"name": …} or null, got 7');
    expect(await errorOf({ name: 'storm' })).toBe(
      `/scenario/name: must be one of ${names}, got "storm"`,
    );
    expect(await errorOf({ name: 'ban', stretch: 0 })).toContain(
      '/scenario/stretch: must be a number from 0.001 to 1000, got 0',
    );
    expect(await errorOf({ name: 'ban', providers: ['kraken'] })).toContain(
      `/scenario/providers/0: must be one of ${PROVIDER_NAMES.join(', ')}, got "kraken"`,
    );
    expect(await errorOf({ name: 'ban', loud: true })).toContain('/scenario/loud: is not known');
    expect(kit.control.scenario()).toBeNull();
  });

  it('is a minute or two of phases, of which the last is well', () => {
    for (const { phases } of Object.values(SCENARIOS)) {
      const total = phases.reduce((sum, { forMs }) => sum + forMs, 0);
      expect(total).toBeLessThanOrEqual(120_000);
      expect(phases.at(-1)?.faults).toEqual({});
      expect(new Set(phases.map(({ name }) => name)).size).toBe(phases.length);
    }
  });
});

describe('violations', () => {
  const counters = (kit: Kit) => kit.control.counters('moralis');

  it('are none before the first refusal, and none while it is on its way', async () => {
    const kit = await sandboxKit();
    kit.control.configure('moralis', { requestsPerSecond: 0.5 });
    const burst = await Promise.all(Array.from({ length: 6 }, () => kit.get('moralis', BALANCES)));
    expect(burst.filter(({ status }) => status === 429)).toHaveLength(4);
    await kit.clock.advance(99);
    await kit.get('moralis', BALANCES);
    expect(counters(kit)).toMatchObject({ violations: 0, beyond: 5, firstSignalAt: at(0) });
    await kit.clock.advance(1);
    await kit.get('moralis', BALANCES);
    expect(counters(kit)).toMatchObject({ violations: 1, violationsBy: { forbidden: 1 } });
    await kit.clock.advance(10_000);
    await kit.get('moralis', BALANCES);
    expect(counters(kit)).toMatchObject({ violations: 1, beyond: 6 });
  });

  it('are not what a fault hid: who was never told cannot obey', async () => {
    const kit = await sandboxKit();
    kit.control.configure('moralis', { requestsPerSecond: 0.5, signalGraceMs: 0 });
    kit.control.setFaults('moralis', [{ kind: 'status', status: 500 }]);
    for (let n = 0; n < 5; n += 1) await kit.get('moralis', BALANCES);
    expect(counters(kit)).toMatchObject({ violations: 0, beyond: 3, firstSignalAt: null });
  });

  it('are requests of a plan that is used up, until its period rolls or it is raised', async () => {
    const kit = await sandboxKit();
    kit.control.configure('moralis', { dailyUnits: 0, signalGraceMs: 0 });
    await kit.get('moralis', BALANCES);
    await kit.get('moralis', BALANCES);
    await kit.clock.advance(11 * 3_600_000);
    await kit.get('moralis', BALANCES);
    expect(counters(kit)).toMatchObject({ violations: 2, violationsBy: { forbidden: 2 } });
    kit.control.configure('moralis', { dailyUnits: null });
    expect((await kit.get('moralis', BALANCES)).status).toBe(200);
    expect(counters(kit).violations).toBe(2);
  });
});
