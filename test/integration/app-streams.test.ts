/** Streams of a whole service through REST, over real HTTP: resumed, waited for, let go of. */
import { describe, expect, it } from 'vitest';
import { until } from '../support/app-http.js';
import { startTestApp } from '../support/app-service.js';
import { sse } from '../support/streams-sse.js';

type Line = { readonly position: number; readonly type: string; readonly stream: string };

const ids = (events: readonly { readonly id: string }[]): readonly number[] =>
  events.map(({ id }) => Number(id));

describe('events over REST', () => {
  it('are resumed by Last-Event-ID without a gap and without a repeat, while more are written', async () => {
    const app = await startTestApp();
    const { restUrl } = app.running();
    const first = await sse(`${restUrl}/events?after_position=0`);
    expect(first.status).toBe(200);
    expect(first.headers['content-type']).toContain('text/event-stream');
    const begun = await first.until(({ event }) => event === 'RunSucceeded');
    first.go();
    const seen = [...begun];
    for (let round = 0; round < 3; round += 1) {
      const from = seen.at(-1)?.id ?? '';
      const again = await sse(`${restUrl}/events?after_position=0`, { 'last-event-id': from });
      const more = await again.until(({ event }) => event === 'RunSucceeded');
      again.go();
      seen.push(...more);
    }
    const last = ids(seen).at(-1) ?? 0;
    const stored = (await app.events()).map(({ position }) => position);
    expect(ids(seen)).toEqual(stored.filter((position) => position <= last));
  });

  it('of one collector and type are the same as its page of them', async () => {
    const app = await startTestApp();
    await app.event('a run', ({ type }) => type === 'RunSucceeded');
    const { restUrl } = app.running();
    const query = 'types=RunStarted,RunSucceeded&interface=system';
    const page = await app.get(`/collectors/moralis/events?${query}&limit=3`);
    const lines = page.body['events'] as readonly Line[];
    expect(page.status).toBe(200);
    const stream = await sse(`${restUrl}/collectors/moralis/events?${query}`);
    const read = [await stream.next(), await stream.next(), await stream.next()];
    stream.go();
    expect(read.slice(0, lines.length).map((event) => event?.data)).toEqual(lines);
    expect(new Set(lines.map((line) => line.stream))).toEqual(new Set(['collector-moralis']));
  });

  it('the newest are answered without walking from the beginning', async () => {
    const app = await startTestApp();
    await app.event('a run', ({ type }) => type === 'RunSucceeded');
    const { body } = await app.get('/events?last=3');
    const lines = body['events'] as readonly Line[];
    const next = body['next_after'] as number;
    const stored = (await app.events()).filter(({ position }) => position <= next);
    expect(lines.map(({ position }) => position)).toEqual(
      stored.slice(-3).map(({ position }) => position),
    );
  });

  it('end when they shall not be followed, and at shutdown', async () => {
    const app = await startTestApp();
    const { restUrl } = app.running();
    const short = await sse(`${restUrl}/events?follow=false`);
    expect((await short.rest()).at(-1)?.event).toBe('end');
    const long = await sse(`${restUrl}/events`);
    await long.next();
    const rest = long.rest();
    await app.stop();
    expect((await rest).map(({ event }) => event)).not.toContain('end');
  });

  it('a client that went away is let go of', async () => {
    const app = await startTestApp();
    const { restUrl } = app.running();
    const watch = await sse(`${restUrl}/collectors`);
    await watch.until(({ event }) => event === 'snapshot_complete');
    watch.go();
    await watch.closed;
    // What is left of it would fail the test's own look for timers and sockets.
  });

  it('refuses a Last-Event-ID that it never gave, and a collector that is not there', async () => {
    const app = await startTestApp();
    const accept = 'text/event-stream';
    const bad = await app.send('GET', '/events', { headers: { accept, 'last-event-id': 'x' } });
    expect([bad.status, bad.body['code']]).toEqual([400, 'invalid_input']);
    const none = await app.send('GET', '/collectors/none/events', { headers: { accept } });
    expect([none.status, none.body['code']]).toEqual([404, 'collector_not_found']);
  });
});

describe('records over REST', () => {
  it('are followed in the order of their sequence, and resumed', async () => {
    const app = await startTestApp();
    const { restUrl } = app.running();
    const path = `${restUrl}/collectors/historical/records`;
    const first = await sse(path);
    const some = [await first.next(), await first.next(), await first.next()];
    first.go();
    const last = some.at(-1)?.id ?? '';
    const again = await sse(path, { 'last-event-id': last });
    const next = await again.next();
    again.go();
    expect(Number(next?.id)).toBeGreaterThan(Number(last));
    const order = some.map((event) => Number(event?.id));
    expect(order).toEqual(order.toSorted((a, b) => a - b));
  });
});

describe('collectors over REST', () => {
  it('a watcher sees each as it is, then what an operator changed, and goes on where it was', async () => {
    const app = await startTestApp();
    const { restUrl } = app.running();
    const watch = await sse(`${restUrl}/collectors`);
    const snapshot = await watch.until(({ event }) => event === 'snapshot_complete');
    expect(snapshot.slice(0, -1).map(({ event }) => event)).toEqual(['snapshot', 'snapshot']);
    await app.post('/collectors/moralis/disable', { reason: 'test' });
    type Told = { collector: { name: string; enabled: boolean; etag: string } };
    const isDisabled = ({ data }: { data: unknown }): boolean => {
      const { collector } = data as Partial<Told>;
      return collector?.name === 'moralis' && !collector.enabled;
    };
    const changes = await watch.until(isDisabled);
    watch.go();
    const { collector } = changes.at(-1)?.data as Told;
    expect(collector.etag).toMatch(/^\d+\.\d+\.\d+$/);
    const from = changes.findLast(({ id }) => id !== '')?.id ?? snapshot.at(-1)?.id ?? '';
    const again = await sse(`${restUrl}/collectors`, { 'last-event-id': from });
    const first = await again.next();
    again.go();
    expect(['changed', 'heartbeat']).toContain(first?.event);
  });
});

describe('a breaker’s past over REST', () => {
  it('has its changes, its replay, and what another policy would have made of them', async () => {
    const app = await startTestApp();
    app.sandbox();
    const path = '/collectors/moralis/circuit-breaker';
    await app.event('a run', ({ type }) => type === 'RunSucceeded');
    await app.put(`${path}/state`, { state: 'open', reason: 'test' });
    await app.put(`${path}/state`, { state: 'closed' });
    const history = await app.get(`${path}/history`);
    expect(history.status).toBe(200);
    const turns = history.body['transitions'] as readonly { from: string; to: string }[];
    expect(turns.map(({ from, to }) => `${from} > ${to}`)).toEqual([
      'closed > forced_open',
      'forced_open > closed',
    ]);
    const replay = await sse(`${app.running().restUrl}${path}/history`);
    const states = await replay.rest();
    const told = states.map(({ data }) => (data as { effective?: string }).effective);
    expect(told).toContain('forced_open');
    const what = await app.post(`${path}/simulate`, { config: { failure_threshold: 2 } });
    expect(what.status).toBe(200);
    expect(what.body['simulated']).toMatchObject({ circuit_opens: 0, calls_barred: 0 });
    const never = await app.post(`${path}/simulate`, {
      config: { failure_threshold: 0, minimum_calls: 10_000, window_ms: 1000 },
    });
    expect([never.status, never.body['code']]).toEqual([400, 'would_never_trip']);
  });

  it('and the journal is walked on request', async () => {
    const app = await startTestApp();
    await app.event('a run', ({ type }) => type === 'RunSucceeded');
    const told = await until('verified', async () => {
      const { status, body } = await app.get('/audit/verify');
      return status === 200 ? body : undefined;
    });
    expect(told).toMatchObject({ valid: true, findings: 0, faults: [] });
    const one = await app.get('/events?last=1');
    const [event] = one.body['events'] as readonly Line[];
    const then = await app.get(`/collectors/moralis/state?position=${String(event?.position)}`);
    expect(then.status).toBe(200);
  });
});
