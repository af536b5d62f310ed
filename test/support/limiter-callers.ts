/** Callers of a gate on a virtual clock, and what their calls came to. */
import type { AcquireRequest, LimiterGate } from '../../src/actors/limiter/index.js';
import { wait } from '../../src/kernel/time.js';
import type { VirtualClock } from './clock.js';
import { answer, request } from './limiter-gate.js';

export type Calling = {
  readonly gate: LimiterGate;
  readonly clock: VirtualClock;
  /** How long the upstream takes. */
  readonly roundTripMs: number;
  readonly signal: AbortSignal;
};

export type Left = { readonly asked: number; readonly at: number; readonly endpoint: string };

/** One call, with the door's way in: at once if it may, else after its turn. Undefined: it never left. */
export async function callOnce(
  { gate, clock, roundTripMs, signal }: Calling,
  more: Partial<AcquireRequest>,
): Promise<Left | undefined> {
  const spec = request({ signal, ...more });
  const asked = clock.monotonic();
  for (;;) {
    const free = gate.tryAcquire(spec);
    const acquired = free === undefined ? await gate.acquire(spec) : { ok: true, permit: free };
    if (!('permit' in acquired)) return undefined;
    const { permit } = acquired;
    if (!permit.spend()) continue;
    const at = clock.monotonic();
    await wait(clock, roundTripMs, signal);
    permit.report(answer({ at: clock.now() }));
    return { asked, at, endpoint: spec.endpoint };
  }
}

/** Calls one after the other, as fast as they go, until it is told to stop. */
export async function callOn(
  calling: Calling,
  more: Partial<AcquireRequest>,
  left: Left[],
): Promise<void> {
  while (!calling.signal.aborted) {
    const gone = await callOnce(calling, more);
    if (gone === undefined) await wait(calling.clock, 50, calling.signal);
    else left.push(gone);
  }
}

/** A run of so many calls at each multiple of the interval; what is missed is skipped. */
export async function pollOn(
  calling: Calling,
  more: Partial<AcquireRequest>,
  plan: { readonly everyMs: number; readonly calls: number },
  runs: Left[][],
): Promise<void> {
  const { clock, signal } = calling;
  let due = clock.monotonic() + plan.everyMs;
  while (!signal.aborted) {
    await wait(clock, due - clock.monotonic(), signal);
    const run: Left[] = [];
    for (let call = 0; call < plan.calls; call += 1) {
      const gone = await callOnce(calling, more);
      if (gone !== undefined) run.push(gone);
    }
    runs.push(run);
    while (due <= clock.monotonic()) due += plan.everyMs;
  }
}
