/**
 * One life of a service after the other, each ended by kill -9 at a moment of its own, under load: what
 * collectors the service has, when it dies, and what must hold each time.
 */
import { existsSync, rmSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import type { StoredEvent } from '../../src/journal/port.js';
import type { Random } from '../../src/kernel/random.js';
import { DAY_MS, MINUTE_MS, systemClock, wait } from '../../src/kernel/time.js';
import type { Fault, RequestRecord } from '../../src/sources/sandbox/index.js';
import { accounting, type Accounting } from './process-accounting.js';
import { blocksOf, cursorsBack, forgotten, lostCommands } from './process-checks.js';
import { anyWish, commandBook, startLoad, type CommandBook } from './process-commands.js';
import { copyOf, objectionsToCopy } from './process-copy.js';
import { textIn } from './process-journal.js';
import { endedEarly, objectionsAfterRestart, steeredByRest } from './process-recovered.js';
import type { Service } from './process-service.js';
import { TEST_KEY, type World } from './process-world.js';

/** Collector, its scope, and what its rate is before anyone sets one. `bars` shares `historical`'s scope. */
export const COLLECTORS = [
  { name: 'historical', scope: 'binance-ip' },
  { name: 'bars', scope: 'binance-ip' },
  { name: 'moralis', scope: 'moralis-account' },
] as const;
const NAMES = COLLECTORS.map(({ name }) => name);
const INITIAL_RATE = 20;
const INITIAL = { desired: 'enabled', rate: '20 / 2', breaker: 'none', computed: 'closed' };

export const SYMBOLS = ['BTCUSDT', 'ETHUSDT'] as const;
export const INTERVALS = ['1m', '1h'] as const;
export const TOKEN = '0x4fabb145d64652a948d72533023f6e7a623c7c53';
export const WALLET = '0x72fdd62fbfa2faa9a8677c58d9992068772e0f7f';
/** Backfill that is added with each life: there is always some going on. */
const MORE_PER_LIFE_MS = 1000 * MINUTE_MS;

/** Few: snapshots are taken, and believed, in every life. */
const SNAPSHOT_EVERY = 20;
const CLIENTS = 4;
const THINK_MS = 200;
/** No life is longer than this, whatever its plan waits for. */
const LIFE_MAX_MS = 5000;

/** When a life ends: at a moment of the start, after a while, or in the turn of the n-th event. */
export type Plan = {
  readonly at: 'starting' | 'time' | 'arrival' | 'sent' | 'answered';
  /** Milliseconds, or which one. */
  readonly n: number;
};

export type Crash = {
  readonly world: World;
  readonly book: CommandBook;
  readonly account: Accounting;
  readonly objections: string[];
  readonly tally: Record<string, number>;
  /** Milliseconds the last start took. */
  startMs: number;
  lives: number;
};

export function crashOf(world: World): Crash {
  return {
    world,
    book: commandBook(),
    account: accounting(world, collectorOf),
    objections: [],
    tally: {},
    startMs: 1000,
    lives: 0,
  };
}

function collectorOf({ provider, query }: RequestRecord): string {
  if (provider === 'moralis') return 'moralis';
  return query['symbol'] === 'SOLUSDT' ? 'bars' : 'historical';
}

/** How far back the bars of `historical` go in the n-th life. */
export function backfillFrom(startedAt: number, life: number): number {
  const today = Math.floor(startedAt / DAY_MS) * DAY_MS;
  return today - 2 * DAY_MS - life * MORE_PER_LIFE_MS;
}

/** The configuration of the n-th life: the same as before, and some backfill more. */
export function configureLife({ world }: Crash, startedAt: number, life: number): void {
  const rate = { max_requests_per_second: INITIAL_RATE };
  const from = new Date(backfillFrom(startedAt, life)).toISOString();
  const common = { rate, breaker: { failure_threshold: 3, open_ms: 700 } };
  const bars = (symbols: readonly string[], intervals: readonly string[], more = {}) =>
    world.live('binance', { ...common, options: { symbols, intervals, ...more } });
  world.configure(
    {
      historical: bars(SYMBOLS, INTERVALS, { backfillFrom: from }),
      bars: { ...bars(['SOLUSDT'], ['5m']), source: 'historical' },
      moralis: world.live('moralis', {
        ...common,
        options: { tokens: [TOKEN], wallets: [WALLET], fromBlock: 0 },
      }),
    },
    {
      retry: { base_ms: 30, cap_ms: 300 },
      http: { request_timeout_ms: 5000 },
      actors: { snapshot_every: SNAPSHOT_EVERY },
    },
  );
}

export function planOf(random: Random, startMs: number): Plan {
  const chance = random.next();
  const upTo = (most: number): number => 1 + Math.floor(random.next() * most);
  if (chance < 0.2) return { at: 'starting', n: random.next() * startMs * 1.1 };
  if (chance < 0.4) return { at: 'time', n: random.next() * 1500 };
  if (chance < 0.6) return { at: 'arrival', n: upTo(40) };
  return chance < 0.8 ? { at: 'sent', n: upTo(50) } : { at: 'answered', n: upTo(50) };
}

export function faultsOf(random: Random): readonly Fault[] {
  const faults: Fault[] = [{ kind: 'latency', ms: 5, jitterMs: 60 }];
  if (random.next() < 0.5) faults.push({ kind: 'status', status: 503, rate: 0.1 });
  if (random.next() < 0.3) faults.push({ kind: 'reset', at: 'mid_body', rate: 0.05 });
  return faults;
}

/** A9, P7: now and then a cache is lost, or half of the snapshots, while the service is dead. */
export function loseCaches({ world, tally }: Crash, random: Random): void {
  for (const name of ['journal.db.snapshots', 'views.db']) {
    const path = join(world.dataDir, name);
    const chance = random.next();
    if (chance > 0.2 || !existsSync(path)) continue;
    const isCut = name !== 'views.db' && chance < 0.1;
    count(tally, `${name} ${isCut ? 'cut' : 'lost'}`);
    if (isCut) truncateSync(path, Math.floor(statSync(path).size / 2));
    else for (const suffix of ['', '-wal', '-shm']) rmSync(`${path}${suffix}`, { force: true });
  }
}

/** One life: start, hold what it recovered against what was known, load, kill -9. */
export async function live(crash: Crash, plan: Plan, random: Random): Promise<void> {
  const { world, book, account, tally } = crash;
  const clock = systemClock();
  const known = [...account.tail.events()];
  account.tail.release();
  const seenBefore = new Map(NAMES.map((name) => [name, account.seen(name)]));
  const begun = clock.monotonic();
  const service = world.spawn();
  crash.lives += 1;
  count(tally, `killed at ${plan.at}`);
  if (plan.at === 'starting') {
    await wait(clock, plan.n);
    await service.kill();
  } else {
    await service.serving();
    crash.startMs = clock.monotonic() - begun;
    await objectionsAtStart(crash, service, known, seenBefore);
    await killUnderLoad(crash, service, plan, random);
  }
  book.processDied();
  await world.quiet();
  // The index of the write-ahead log may lack its last commit; whoever opens it first makes it anew.
  account.tail.release();
  const bad = service.lines.filter(({ level }) => level === 'error');
  crash.objections.push(...bad.map((line) => `logged as an error: ${JSON.stringify(line)}`));
  if (service.stderr() !== '') crash.objections.push(`standard error: ${service.stderr()}`);
  if (JSON.stringify(service.lines).includes(TEST_KEY))
    crash.objections.push('P14: key in the log');
}

/** Kills in the turn the plan names; a plan that waits in vain is cut short. */
async function killUnderLoad(
  { book, account, tally }: Crash,
  service: Service,
  plan: Plan,
  random: Random,
): Promise<void> {
  const clock = systemClock();
  const end = new AbortController();
  let left = plan.n;
  const on = (at: Plan['at']) => (): void => {
    if (plan.at !== at || end.signal.aborted) return;
    left -= 1;
    if (left > 0) return;
    service.signal('SIGKILL');
    end.abort();
  };
  account.onArrival = on('arrival');
  const wish = anyWish(NAMES);
  const hooks = { onSent: on('sent'), onAnswered: on('answered') };
  const load = startLoad({
    service,
    book,
    random,
    clients: CLIENTS,
    thinkMs: THINK_MS,
    wish,
    ...hooks,
  });
  await wait(clock, plan.at === 'time' ? plan.n : LIFE_MAX_MS, end.signal);
  if (!end.signal.aborted && plan.at !== 'time') count(tally, 'plans cut short');
  account.onArrival = () => undefined;
  await service.kill();
  await load.stop();
}

/** What a restart must have kept, and what it must not have done. */
async function objectionsAtStart(
  crash: Crash,
  service: Service,
  known: readonly StoredEvent[],
  seenBefore: ReadonlyMap<string, number>,
): Promise<void> {
  const { book, account, objections, tally } = crash;
  const events = (): readonly StoredEvent[] => account.tail.events();
  objections.push(...forgotten(known, events()), ...lostCommands(book, known));
  const recovered = await service.said('recovered');
  const hasStarted = known.some(({ type }) => type === 'ServiceStarted');
  if (hasStarted && recovered['previous_end'] !== 'killed') {
    objections.push(`the previous end was told as ${String(recovered['previous_end'])}`);
  }
  count(tally, 'runs recovered', Number(recovered['unknown_runs']));
  count(tally, 'blocks recovered', Number(recovered['open_blocks']));
  for (const { name, scope } of COLLECTORS) {
    const initial = INITIAL;
    const asked = { service, book, events, collector: name, scope, initial };
    objections.push(...(await objectionsAfterRestart(asked)));
    objections.push(...(await objectionsToUsage(crash, service, name, known)));
    const steered = await steeredByRest(service, name);
    const isForbidden = steered.desired === 'disabled' || steered.breaker === 'forced_open';
    // An override that ended meanwhile let calls through: only what still holds has held throughout.
    if (isForbidden && !endedSince(events(), name, known.length)) {
      count(tally, 'forbidden collectors watched');
      const sent = account.seen(name) - (seenBefore.get(name) ?? 0);
      if (sent > 0)
        objections.push(`${name}: ${String(sent)} calls though ${JSON.stringify(steered)}`);
    }
  }
}

function endedSince(events: readonly StoredEvent[], name: string, from: number): boolean {
  return events
    .slice(from)
    .some(({ stream, type }) => stream === `breaker-${name}` && type === 'BreakerOverrideCleared');
}

/** Usage never goes back, and never below what the upstream saw: a block nobody settled is spent. */
async function objectionsToUsage(
  { account }: Crash,
  service: Service,
  name: string,
  known: readonly StoredEvent[],
): Promise<readonly string[]> {
  const before = blocksOf(known, name);
  const { body } = await service.get(`/collectors/${name}`);
  const told = body['collector'] as {
    readonly rate_limiter: { readonly statistics: { readonly total_requests: number } };
  };
  const usage = told.rate_limiter.statistics.total_requests;
  const objections: string[] = [];
  if (usage < before.spent) {
    objections.push(
      `${name}: usage ${String(usage)} after a restart, ${String(before.spent)} before`,
    );
  }
  const open = new Set(
    known.filter(({ type }) => type === 'UnitsReserved').map(({ data }) => textIn(data, 'block')),
  );
  for (const { type, data } of account.tail.events()) {
    if (type === 'UnitsSettled') open.delete(textIn(data, 'block'));
  }
  if (open.size > 0) objections.push(`blocks left open by a restart: ${[...open].join(', ')}`);
  return objections;
}

/** What is asked of the files of a dead service, on a copy, while the next life begins. */
export function objectionsOnDisk(crash: Crash): Promise<readonly string[]> {
  const { world, account } = crash;
  const events = [...account.tail.events()];
  account.tail.release();
  const copy = copyOf(world.dataDir, join(world.directory, `copy-${String(crash.lives)}`));
  return objectionsToCopy(copy, NAMES, events);
}

/** What must hold of the whole journal at any moment. */
export function objectionsToJournal({ book, account }: Crash): readonly string[] {
  const events = account.tail.events();
  return [
    ...lostCommands(book, events),
    ...cursorsBack(events),
    ...endedEarly(events),
    ...NAMES.flatMap((name) => blocksOf(events, name).objections),
    ...account.objections,
  ];
}

export function count(tally: Record<string, number>, what: string, more = 1): void {
  tally[what] = (tally[what] ?? 0) + more;
}
