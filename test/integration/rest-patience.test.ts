/** Who waits for an answer over REST, and who does not any more. */
import { request } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { served } from '../support/gateway-http.js';
import type { Served } from '../support/gateway-http.js';
import { world } from '../support/gateway-fakes.js';

let at: Served;
afterEach(() => at.close());

/** Resolves when the server, or whoever calls `go`, has closed it. */
function asking(path: string) {
  const sent = request(`${at.url}${path}`, { agent: false });
  const closed = new Promise<number>((resolve) => {
    let status = 0;
    sent.on('response', (answer) => {
      status = answer.statusCode ?? 0;
      answer.resume();
    });
    sent.on('error', () => undefined);
    sent.on('close', () => {
      resolve(status);
    });
  });
  sent.end();
  return { closed, go: () => sent.destroy() };
}

/** A walk that begins and goes on until it is let, or nobody wants it. */
function heldWalk() {
  const made = world();
  const inner = made.walk;
  let begin = (): void => undefined;
  let end = (): void => undefined;
  const begun = new Promise<void>((resolve) => (begin = resolve));
  const ended = new Promise<void>((resolve) => (end = resolve));
  const seen: { signal?: AbortSignal } = {};
  const walk: typeof inner = async function* (signal) {
    seen.signal = signal;
    begin();
    signal.addEventListener('abort', end, { once: true });
    await ended;
    yield* inner(signal);
  };
  return { made: { ...made, walk }, begun, end, ended, seen };
}

describe('an answer that takes long', () => {
  it('is given up when its caller leaves, and the next caller has the walk', async () => {
    const { made, begun, ended, seen } = heldWalk();
    at = await served({}, made);
    const first = asking('/audit/verify');
    await begun;
    expect((await at.get('/audit/verify')).status).toBe(503);
    first.go();
    await ended;
    expect(seen.signal?.aborted).toBe(true);
    let again = await at.get('/audit/verify');
    while (again.status === 503) again = await at.get('/audit/verify');
    expect(again.body).toMatchObject({ success: true, valid: true });
  });

  it('outlasts the bound of connections on which nothing moves, which cuts another', async () => {
    const { made, begun, end } = heldWalk();
    made.views.caughtUp = () => new Promise((resolve) => (shown = resolve));
    let shown: (is: boolean) => void = () => undefined;
    at = await served({ limits: { connectionTimeoutMs: 50 } }, made);
    const walk = asking('/audit/verify');
    await begun;
    const other = asking('/collectors/moralis?min_revision=9.9.9');
    expect(await other.closed).toBe(0);
    shown(false);
    end();
    expect(await walk.closed).toBe(200);
  });
});
