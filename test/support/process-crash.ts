/** One life of a service after the other, each ended by kill -9, under load; and what must hold each time. */
import { existsSync, rmSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import type { StoredEvent } from '../../src/journal/port.js';
import type { Random } from '../../src/kernel/random.js';
import { systemClock, wait } from '../../src/kernel/time.js';
import { accounting, type Accounting } from './process-accounting.js';
import { blocksOf, cursorsBack, forgotten, lostCommands } from './process-checks.js';
import { anyWish, commandBook, startLoad, type CommandBook } from './process-commands.js';
import { copyOf, objectionsToCopy } from './process-copy.js';
import { textIn } from './process-journal.js';
import { collectorOf, COLLECTORS, type Plan } from './process-lives.js';
import { endedEarly, objectionsAfterRestart, steeredByRest } from './process-recovered.js';
import type { Service } from './process-service.js';
import { TEST_KEY, type World } from './process-world.js';

const NAMES = COLLECTORS.map(({ name }) => name);
const INITIAL = { desired: 'enabled', rate: '20 / 2', breaker: 'none', computed: 'closed' };

const CLIENTS = 4;
const THINK_MS = 200;
/** A life that ends while it stops has been under load for this long. */
const STOP_AFTER_MS = 500;
/** No life is longer than this, whatever its plan waits for. */
const LIFE_MAX_MS = 5000;

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
  const isTimed = plan.at === 'time' || plan.at === 'stopping';
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
  const loadedMs = plan.at === 'stopping' ? STOP_AFTER_MS : plan.n;
  await wait(clock, isTimed ? loadedMs : LIFE_MAX_MS, end.signal);
  if (!end.signal.aborted && !isTimed) count(tally, 'plans cut short');
  if (plan.at === 'stopping') {
    service.signal('SIGTERM');
    await wait(clock, plan.n);
    if (!service.isRunning()) count(tally, 'stopped before the kill');
  }
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
  const ends: Readonly<Record<string, string>> = {
    ServiceStarted: 'killed',
    ServiceStopped: 'clean',
  };
  const last = known.findLast(({ type }) => type in ends)?.type;
  const previousEnd = last === undefined ? 'first' : ends[last];
  if (recovered['previous_end'] !== previousEnd) {
    objections.push(`told ${String(recovered['previous_end'])} after ${String(last)}`);
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
