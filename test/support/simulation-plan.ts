/** What happens to the service, drawn from the seed: its operators, its upstreams, its disks, its end. */
import type { RunningEngine, Steered } from '../../src/actors/index.js';
import type { CommandContext } from '../../src/actors/handle.js';
import type { Random } from '../../src/kernel/random.js';
import { MINUTE_MS, SECOND_MS } from '../../src/kernel/time.js';
import { memoryJournal } from '../../src/journal/journal.memory.js';
import type { CollectorState } from '../../src/actors/collector/index.js';
import { collectorCodec } from '../../src/actors/collector/index.js';
import { CRASH_POINTS, type CrashPoint } from './simulation-process.js';
import { COLLECTORS, type CollectorName } from './simulation-setups.js';
import type { ProviderName } from './simulation-provider.js';
import { between, FAULTS, type Fault } from './simulation-upstream.js';
import type { World } from './simulation-world.js';

/** What the plan may do to the running process. */
export type Stage = {
  readonly engine: () => RunningEngine | undefined;
  readonly faults: () =>
    { failNext(point: 'before-commit' | 'after-commit'): void; hold(): () => void } | undefined;
  readonly crash: (point: CrashPoint) => void;
  readonly restart: () => void;
};

type Act = {
  readonly name: string;
  readonly everyMs: number;
  readonly play: (world: World, stage: Stage) => void;
};

/** How often each happens on average, while the faults last. */
const ACTS: readonly Act[] = [
  { name: 'operator', everyMs: 4 * MINUTE_MS, play: command },
  { name: 'weather', everyMs: 5 * MINUTE_MS, play: weather },
  { name: 'crowd', everyMs: 9 * MINUTE_MS, play: crowd },
  { name: 'append fails', everyMs: 7 * MINUTE_MS, play: failAppend },
  { name: 'append held', everyMs: 12 * MINUTE_MS, play: holdAppends },
  { name: 'journal down', everyMs: 25 * MINUTE_MS, play: (w) => lasting(w, 'journalDown', 90) },
  { name: 'sink full', everyMs: 30 * MINUTE_MS, play: (w) => lasting(w, 'sinkFull', 300) },
  { name: 'another writer', everyMs: 30 * MINUTE_MS, play: otherWriter },
  { name: 'clock', everyMs: 35 * MINUTE_MS, play: jump },
  { name: 'crash', everyMs: 15 * MINUTE_MS, play: (w, s) => s.crash(pick(w.random, CRASH_POINTS)) },
  { name: 'restart', everyMs: 40 * MINUTE_MS, play: (_, s) => s.restart() },
];

/** Plays every act now and then until `untilMs`. */
export function playUntil(world: World, stage: Stage, untilMs: number): void {
  for (const act of ACTS) {
    const next = (): void => {
      const pauseMs = -Math.log(1 - world.random.next()) * act.everyMs;
      world.time.after(pauseMs, () => {
        if (world.time.monotonic() > untilMs) return;
        act.play(world, stage);
        next();
      });
    };
    next();
  }
}

export function pick<T>(random: Random, list: readonly T[]): T {
  const chosen = list[Math.floor(random.next() * list.length)];
  if (chosen === undefined) throw new Error('nothing to choose from');
  return chosen;
}

/** Asks, and checks the answer when it comes: what is acknowledged is stored (P1). */
export function operate(
  world: World,
  name: string,
  ask: (context: CommandContext) => Promise<Steered>,
): void {
  const { report, store } = world;
  const commandId = `command-${String(world.seed)}-${String((world.commands += 1))}`;
  report.note(`operator: ${name}`);
  const context = { commandId, correlationId: commandId, actor: 'ada', interface: 'rest' } as const;
  void ask(context).then((answer) => {
    if (!answer.ok) {
      report.reached(`refused ${answer.refusal.kind}`);
      report.note(`refused: ${name}: ${answer.refusal.kind} ${answer.refusal.detail}`);
      return;
    }
    if (!answer.changed) return;
    const row = store.log[answer.position - 1];
    const stored =
      row === undefined ? undefined : (JSON.parse(row.metadata) as { commandId: string });
    if (stored?.commandId !== commandId)
      report.fail('P1', `${name} is acknowledged and not stored`);
    else world.acknowledged.push({ commandId, position: answer.position });
  });
}

function command(world: World, stage: Stage): void {
  const engine = stage.engine();
  if (engine === undefined) return;
  const { random } = world;
  const name = pick(random, COLLECTORS);
  const ttlMs = between(random, 20, 600) * SECOND_MS;
  const reason = 'simulated';
  const orders: readonly (readonly [string, (context: CommandContext) => Promise<Steered>])[] = [
    ['enable', (c) => engine.enable(name, { reason }, c)],
    ['enable', (c) => engine.enable(name, { reason }, c)],
    ['disable', (c) => engine.disable(name, { reason }, c)],
    ['disable for a time', (c) => engine.disable(name, { reason, ttlMs }, c)],
    ['restart', (c) => engine.restart(name, { reason }, c)],
    ['collect', (c) => engine.collect(name, {}, c)],
    ['collect', (c) => engine.collect(name, {}, c)],
    [
      'rate',
      (c) => engine.setRateLimit(name, { maxRequestsPerSecond: between(random, 0.5, 8) }, c),
    ],
    ['backoff', (c) => engine.setRateLimit(name, { backoffMultiplier: between(random, 1, 4) }, c)],
    ['reset', (c) => engine.resetBreaker(name, undefined, c)],
    [
      'hold open for a time',
      (c) => engine.setBreaker(name, undefined, 'open', { reason, ttlMs }, c),
    ],
    ['hold open', (c) => engine.setBreaker(name, undefined, 'open', { reason }, c)],
    ['close', (c) => engine.setBreaker(name, undefined, 'closed', {}, c)],
    ['half-open', (c) => engine.setBreaker(name, undefined, 'half_open', {}, c)],
    [
      'measure only',
      (c) => engine.setBreaker(name, undefined, 'metrics_only', { reason, ttlMs }, c),
    ],
    ['switch off', (c) => engine.setBreaker(name, undefined, 'disabled', { reason, ttlMs }, c)],
  ];
  const [what, order] = pick(random, orders);
  operate(world, `${what} ${name}`, order);
}

function weather(world: World): void {
  const { random, time, upstream, report } = world;
  const provider: ProviderName = random.next() < 0.6 ? 'binance' : 'moralis';
  const fault: Fault = pick(random, FAULTS);
  const share = pick(random, [0.2, 0.6, 1]);
  report.note(`weather at ${provider}: ${fault}, ${String(share)}`);
  upstream.weather(provider, { fault, share });
  time.after(between(random, 20, 600) * SECOND_MS, () => {
    upstream.weather(provider, undefined);
  });
}

/** Others use the same address. */
function crowd({ random, upstream, report }: World): void {
  const units = Math.floor(between(random, 10, 45));
  report.note(`others use ${String(units)} units at binance`);
  upstream.providers.binance.crowd(units);
}

function failAppend({ random }: World, stage: Stage): void {
  const point = random.next() < 0.5 ? 'before-commit' : 'after-commit';
  const times = 1 + Math.floor(random.next() * 3);
  for (let n = 0; n < times; n += 1) stage.faults()?.failNext(point);
}

function holdAppends({ random, time, report }: World, stage: Stage): void {
  const release = stage.faults()?.hold();
  if (release === undefined) return;
  report.reached('append held');
  report.note('appends are held');
  time.after(between(random, 0.05, 25) * SECOND_MS, release);
}

function lasting(
  { random, time, disks, report }: World,
  what: 'journalDown' | 'sinkFull',
  mostS: number,
): void {
  disks[what] = true;
  report.note(`${what} begins`);
  time.after(between(random, 1, mostS) * SECOND_MS, () => {
    disks[what] = false;
    report.note(`${what} ends`);
  });
}

/** An offline tool sets a cursor to where it is: the next append of that actor finds a conflict. */
function otherWriter({ random, store, history, time, report }: World): void {
  const name: CollectorName = pick(random, COLLECTORS);
  const stream = `collector-${name}`;
  const state = history.state(stream) as CollectorState | undefined;
  const rows = store.streams.get(stream) ?? [];
  const [series, at] = Object.entries(state?.context.cursors ?? {})[0] ?? [];
  if (series === undefined || at === undefined) return;
  const last = rows.at(-1);
  const lastAt = last === undefined ? 0 : (JSON.parse(last.data) as { atMs: number }).atMs;
  const { type, schema, data } = collectorCodec.encode({
    type: 'CursorSet',
    atMs: Math.max(lastAt, time.wall()),
    series,
    cursor: at.cursor,
    ordinal: at.ordinal,
    cause: 'operator',
  });
  const id = `tool-${String(store.log.length)}`;
  const metadata = {
    eventId: id,
    commandId: id,
    correlationId: id,
    actor: 'tool',
    interface: 'cli',
    recordedAt: new Date(Math.max(lastAt, time.wall())).toISOString(),
    schema,
    epoch: 1,
    node: 'tool',
  };
  report.note(`another writer in ${stream}`);
  void memoryJournal({ store }).journal.append(stream, rows.length - 1, [{ type, data, metadata }]);
}

const JUMPS_MIN = [2, 7, 13, 29, 47, 59, 60, 61, 89];

/** Whole minutes, so that windows stay where they were; there, and sometimes back again. */
function jump({ random, time, report, sends }: World, stage: Stage): void {
  if (stage.engine() === undefined) return;
  const ms = (random.next() < 0.5 ? -1 : 1) * pick(random, JUMPS_MIN) * MINUTE_MS;
  const leap = (by: number): void => {
    time.jump(by);
    sends.jumped();
    report.note(`the wall clock jumps by ${String(by / MINUTE_MS)} min`);
  };
  leap(ms);
  if (random.next() < 0.7) {
    time.after(between(random, 10, 3600) * SECOND_MS, () => {
      leap(-ms);
    });
  }
}
