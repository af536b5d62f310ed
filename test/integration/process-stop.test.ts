/** How the service ends: asked to, pressed to, killed, by an accident of its own; and what the next start says. */
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { verifyJournalFile } from '../../src/journal/index.js';
import { seededRandom } from '../../src/kernel/random.js';
import { anyWish, commandBook, startLoad } from '../support/process-commands.js';
import { blocksOf, lostCommands, runsOpen } from '../support/process-checks.js';
import { journalEvents, numberIn, ofStream, textIn } from '../support/process-journal.js';
import type { Service } from '../support/process-service.js';
import { processWorld, until, type World } from '../support/process-world.js';

const PRELOAD = fileURLToPath(new URL('../support/process-preload.ts', import.meta.url));
const COLLECTORS = ['historical', 'moralis'];
const TIMEOUT_MS = 120_000;

async function seen(world: World, requests: number): Promise<void> {
  const { control } = world.sandbox;
  await until(`${String(requests)} requests`, () => control.requests().length >= requests);
}

/** A service with a call under way that is never answered. */
async function withHangingCall(world: World): Promise<Service> {
  for (const provider of ['binance', 'moralis'] as const) {
    world.sandbox.control.setFaults(provider, [{ kind: 'timeout' }]);
  }
  const service = await world.start();
  await seen(world, 1);
  return service;
}

async function recoveredBy(world: World): Promise<Readonly<Record<string, unknown>>> {
  const service = await world.start();
  const line = await service.said('recovered');
  await service.stop();
  return line;
}

describe('the end of the service', { timeout: TIMEOUT_MS }, () => {
  it('drains on SIGTERM under load, exits 0, loses nothing acknowledged, and is known as clean', async () => {
    const world = await processWorld();
    for (const provider of ['binance', 'moralis'] as const) {
      world.sandbox.control.setFaults(provider, [{ kind: 'latency', ms: 50, jitterMs: 100 }]);
    }
    const service = await world.start();
    const book = commandBook();
    const load = startLoad({
      service,
      book,
      random: seededRandom(2),
      clients: 6,
      thinkMs: 5,
      wish: anyWish(COLLECTORS),
    });
    await until('commands were answered', () => {
      const done = book.commands.filter(({ outcome }) => outcome === 'done');
      return done.length >= 60;
    });
    const ended = await service.stop();
    await load.stop();
    expect(ended).toEqual({ code: 0, signal: null });
    expect(service.stderr()).toBe('');
    const events = journalEvents(world.journalPath);
    expect(lostCommands(book, events)).toEqual([]);
    expect((await verifyJournalFile(world.journalPath)).first).toBeUndefined();
    const last = events.at(-1);
    expect(last?.type).toBe('ServiceStopped');
    expect(textIn(last?.data ?? {}, 'cause')).toBe('SIGTERM');

    for (const name of COLLECTORS) {
      expect(runsOpen(events, name)).toEqual([]);
      expect(blocksOf(events, name)).toMatchObject({ open: 0, objections: [] });
    }

    const line = await recoveredBy(world);
    expect(line).toMatchObject({ previous_end: 'clean', unknown_runs: 0, open_blocks: 0 });
  });

  it('opens no session and begins no run once it is stopping', async () => {
    const world = await processWorld();
    const service = await world.start();
    await seen(world, 1);
    await service.stop();
    const events = journalEvents(world.journalPath);
    for (const name of COLLECTORS) {
      const last = ofStream(events, `collector-${name}`).at(-1);
      expect([last?.type, last?.data['cause']]).toEqual(['CollectorStopped', 'shutdown']);
    }
  });

  it('gives up a call that is never answered, and still drains in time', async () => {
    const collectors = { historical: {}, moralis: { enabled: false } };
    const world = await processWorld();
    const historical = world.live('binance', { request_timeout_ms: 600_000 });
    world.configure({ ...collectors, historical }, { shutdown: { drain_ms: 2000 } });
    const service = await withHangingCall(world);
    expect(await service.stop()).toEqual({ code: 0, signal: null });
    const events = journalEvents(world.journalPath);
    const [started] = ofStream(events, 'collector-historical', 'RunStarted');
    const ends = ofStream(events, 'collector-historical', 'RunUnknown', 'RunFailed');
    expect(ends.map(({ data }) => data['run'])).toEqual([started?.data['run']]);
    expect(events.at(-1)?.type).toBe('ServiceStopped');
  });

  it('ends at once, and not as clean, on a second SIGTERM', async () => {
    const world = await processWorld();
    const hanging = { request_timeout_ms: 600_000 };
    world.configure({
      historical: world.live('binance', hanging),
      moralis: world.live('moralis', hanging),
    });
    const service = await withHangingCall(world);
    service.signal('SIGTERM');
    await service.said('stopping');
    service.signal('SIGTERM');
    expect(await service.ended).toEqual({ code: 1, signal: null });
    const events = journalEvents(world.journalPath);
    expect(events.some(({ type }) => type === 'ServiceStopped')).toBe(false);
  });

  it('after kill -9 says so, and what it recovered and how long that took', async () => {
    const world = await processWorld();
    const killed = await withHangingCall(world);
    await killed.kill();
    const before = journalEvents(world.journalPath);
    world.sandbox.control.clearFaults();

    const service = await world.start();
    const line = await service.said('recovered');
    const head = before.at(-1)?.position ?? 0;
    const settled = journalEvents(world.journalPath).filter(({ position }) => position > head);
    const unknown = settled.filter(({ type }) => type === 'RunUnknown');
    const blocks = settled.filter(
      ({ type, data }) => type === 'UnitsSettled' && data['cause'] === 'expired',
    );
    expect(unknown.length).toBeGreaterThan(0);
    expect(blocks.length).toBeGreaterThan(0);
    expect(line).toMatchObject({
      previous_end: 'killed',
      unknown_runs: unknown.length,
      open_blocks: blocks.length,
    });
    expect(line['duration_ms']).toBeGreaterThan(0);
    const started = ofStream(settled, 'audit-node-1-' + monthOf(settled), 'ServiceStarted');
    expect(
      started.map(({ data }) => [data['previousEnd'], numberIn(data, 'recoveredRuns')]),
    ).toEqual([['killed', unknown.length]]);
  });

  it.each([
    ['SIGUSR2', 'a rejection that nobody handles', 'unhandled rejection; ending at once'],
    ['SIGHUP', 'the death of its journal writer', 'the journal failed; ending at once'],
  ] as const)('ends loudly and non-zero: %s, %s', async (signal, _what, message) => {
    const world = await processWorld();
    const service = await world.start({ imports: [PRELOAD] });
    await seen(world, 1);
    service.signal(signal);
    expect(await service.ended).toEqual({ code: 1, signal: null });
    const errors = service.lines.filter((line) => line['level'] === 'error');
    expect(errors.at(-1)?.msg).toBe(message);
    expect(await recoveredBy(world)).toMatchObject({ previous_end: 'killed' });
  });

  it('goes on collecting when the thread of the record sink dies', async () => {
    const world = await processWorld();
    const service = await world.start({ imports: [PRELOAD] });
    await seen(world, 1);
    service.signal('SIGWINCH');
    await service.said('the record sink lost its thread');
    const head = journalEvents(world.journalPath).at(-1)?.position ?? 0;
    await until('pages are stored again', () =>
      journalEvents(world.journalPath).some(
        ({ type, position }) => type === 'RunProgressed' && position > head,
      ),
    );
    expect(await service.stop()).toEqual({ code: 0, signal: null });
  });
});

function monthOf(events: readonly { readonly stream: string }[]): string {
  const stream = events.find((event) => event.stream.startsWith('audit-node-1-'))?.stream ?? '';
  return stream.slice('audit-node-1-'.length);
}
