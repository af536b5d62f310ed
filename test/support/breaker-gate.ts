/** A gate over the in-memory actor, and calls that pass it. */
import { breakerGate, type BreakerGate } from '../../src/actors/breaker/index.js';
import type { BreakerPolicy, FinishedCall } from '../../src/actors/breaker/index.js';
import type { Logger } from '../../src/kernel/observe.js';
import { silentLogger } from '../../src/kernel/observe.js';
import { configure } from './breaker-given.js';
import { fakeHandle, systemContext, type AppendPlan, type FakeHandle } from './breaker-handle.js';
import { settle, virtualClock, type VirtualClock } from './clock.js';

export type TestGate = {
  readonly gate: BreakerGate;
  readonly handle: FakeHandle;
  readonly clock: VirtualClock;
  /** What becomes of appends from now on. */
  readonly journal: { plan: AppendPlan };
  /** Lines of warn and error. */
  readonly told: string[];
  /** Admits a call, which ends at once with this outcome. Fails when it is not admitted. */
  readonly pass: (outcome: string) => void;
  /** Admits a call that is still under way. */
  readonly begin: () => Pick<FinishedCall, 'generation'>;
  readonly end: (call: Pick<FinishedCall, 'generation'>, outcome: string) => void;
  /** Five failures, recorded. */
  readonly trip: () => Promise<void>;
};

export async function testGate(policy: Partial<BreakerPolicy> = {}): Promise<TestGate> {
  const clock = virtualClock();
  const journal: { plan: AppendPlan } = { plan: {} };
  const handle = fakeHandle(clock, { plan: () => journal.plan });
  await handle.send(configure(policy));
  const told: string[] = [];
  const line = (message: string): void => {
    told.push(message);
  };
  const log: Logger = { ...silentLogger, warn: line, error: line };
  const gate = breakerGate({ handle, clock, context: systemContext(), log });
  const begin: TestGate['begin'] = () => {
    const admitted = gate.admit();
    if (!admitted.ok) throw new Error(`not admitted: ${admitted.reason}`);
    return admitted;
  };
  const end: TestGate['end'] = ({ generation }, outcome) => {
    gate.report({ generation, outcome, durationMs: 100, endpoint: '/klines', at: clock.now() });
  };
  const pass = (outcome: string): void => {
    end(begin(), outcome);
  };
  const trip = async (): Promise<void> => {
    for (let failure = 0; failure < 5; failure += 1) pass('server');
    await settle();
  };
  return { gate, handle, clock, journal, told, pass, begin, end, trip };
}
