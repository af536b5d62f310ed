/**
 * Judges what leaves, at the moment the upstream sees it, by what is stored at that moment.
 *
 * P6  Calls seen <= calls reserved less calls returned, per collector, at any moment.
 * P8  Nothing leaves while the breaker is open or held open; in half-open at most its permits at once
 *     under way or counted, per generation.
 * P8' Nothing leaves while the collector is disabled, suspended, or its run is not under way.
 * P12 After an upstream's word to stop nothing leaves before it is over; nothing leaves that the
 *     upstream has told would be too much; the pace is never faster than the cap.
 */
import { computedOf, effectiveOf, type BreakerState } from '../../src/actors/breaker/index.js';
import { mayFetch, regions, type CollectorState } from '../../src/actors/collector/index.js';
import { currentRate, type LimiterState } from '../../src/actors/limiter/index.js';
import type { SeenFact, SimHistory } from './simulation-history.js';
import type { SimReport } from './simulation-report.js';
import { COLLECTORS, RATE, type CollectorName } from './simulation-setups.js';
import type { SimTime } from './simulation-time.js';
import type { ProviderName } from './simulation-provider.js';
import type { Onlooker, SimCall, SimUpstream } from './simulation-upstream.js';

const SCOPE: Readonly<Record<ProviderName, string>> = {
  binance: 'limiter-binance-ip',
  moralis: 'limiter-moralis-account',
};
const PROVIDERS = ['binance', 'moralis'] as const;
/** A throttle without a word on how long: the first pause (semantics §3, 2^m s). */
const UNTOLD_PAUSE_MS = 2000;
/** Half a percent of the rate may go at once, for timers that are late (lanes.ts). */
const PACE_SLACK = 0.006;
/** A longer pause of the same cut is stored when it is longer by more than this (restrict.ts). */
const EXTENDS_MS = 1100;
/** A jump is told to the limiter by the next call, which may be on its way before it is stored. */
const JUMP_SETTLES_MS = 1000;

export type Account = { reserved: number; returned: number; seen: number; settled: number };
type Probes = { generation: number; taken: number };
type Sender = {
  readonly account: Account;
  readonly probes: Probes;
  lastAt: number;
  lastRate: number;
};
type Told = { window: number; used: number };

export type SimSends = Onlooker & {
  readonly onFact: (stream: string, fact: SeenFact) => void;
  /** What was in memory is gone: pauses hold as far as they are stored. */
  readonly processBegins: (jumpedWhileDown: boolean) => void;
  readonly jumped: () => void;
  /** P6, the other way round: what was settled as sent was seen. */
  readonly atRest: () => void;
  readonly accounts: ReadonlyMap<string, Account>;
};

export type SendsDeps = {
  readonly time: SimTime;
  readonly history: () => SimHistory;
  readonly upstream: () => SimUpstream;
  readonly report: SimReport;
};

export function simSends(deps: SendsDeps): SimSends {
  const { time, report } = deps;
  const senders = new Map<string, Sender>(COLLECTORS.map((name) => [name, newSender()]));
  const sender = (name: string): Sender => senders.get(name) ?? newSender();
  const silentUntil: Record<ProviderName, number> = { binance: 0, moralis: 0 };
  const lastStopAt: Record<ProviderName, number> = { binance: 0, moralis: 0 };
  const told = new Map<ProviderName, Told>();
  const generations = new WeakMap<SimCall, number>();
  const blocks = new Map<string, number>();
  /** Units of ours that each provider has seen, and how many when a call was sent. */
  const ours: Record<ProviderName, number> = { binance: 0, moralis: 0 };
  const oursAt = new WeakMap<SimCall, number>();
  /** Until when a jump of the wall clock may not be in what is stored. */
  const unsureUntil: Record<ProviderName, number> = { binance: 0, moralis: 0 };

  return {
    accounts: new Map([...senders].map(([name, { account }]) => [name, account])),
    sent(call) {
      const from = sender(call.collector);
      from.account.seen += 1;
      ours[call.provider] += call.weight;
      oursAt.set(call, ours[call.provider]);
      checkReserved(report, call, from.account);
      checkBreaker(deps, call, from.probes);
      generations.set(call, from.probes.generation);
      checkCollector(deps, call);
      const early = silentUntil[call.provider] - time.monotonic();
      if (early > 1)
        report.fail(
          'P12',
          `${call.collector} sends ${early.toFixed(0)} ms before the pause of ${call.provider} is over`,
        );
      checkTold(deps, call, told);
      if (time.monotonic() > unsureUntil[call.provider]) checkPace(deps, call, from);
      from.lastAt = call.at;
      from.lastRate = rateOf(deps, call);
    },
    came(call, { isCounted, pauseMs, used }) {
      const { probes } = sender(call.collector);
      if (!isCounted && generations.get(call) === probes.generation) probes.taken -= 1;
      const { provider } = call;
      const before = oursAt.get(call);
      if (used !== undefined && before !== undefined) {
        const since = ours[provider] - before;
        told.set(provider, { window: used.window, used: used.units + since });
      }
      if (pauseMs === undefined) return;
      // Calls that left before the last word to stop are under the same cut.
      if (pauseMs === 0 && call.at < lastStopAt[provider]) return;
      lastStopAt[provider] = time.monotonic();
      const until = time.monotonic() + (pauseMs === 0 ? UNTOLD_PAUSE_MS : pauseMs);
      silentUntil[provider] = Math.max(silentUntil[provider], until);
    },
    onFact(stream, fact) {
      if (fact.type === 'UnitsReserved') {
        sender(String(fact['collector'])).account.reserved += Number(fact['calls']);
        blocks.set(String(fact['block']), Number(fact['calls']));
      }
      if (fact.type === 'UnitsSettled' && fact['cause'] === 'settled') {
        const { account } = sender(String(fact['collector']));
        const sent = Number(fact['sent']);
        account.returned += (blocks.get(String(fact['block'])) ?? 0) - sent;
        account.settled += sent;
      }
      if (fact.type === 'ClockAnomaly') {
        for (const provider of PROVIDERS) {
          if (SCOPE[provider] === stream)
            unsureUntil[provider] = time.monotonic() + JUMP_SETTLES_MS;
        }
      }
      // An operator's hand lifts what the upstream said.
      if (fact.type === 'Unblocked' && fact['cause'] === 'operator') liftedIn(stream, silentUntil);
    },
    processBegins(jumpedWhileDown) {
      told.clear();
      for (const provider of PROVIDERS) {
        const isKnown = !jumpedWhileDown && unsureUntil[provider] < time.monotonic();
        silentUntil[provider] = isKnown ? storedSilence(deps, provider) : 0;
        unsureUntil[provider] = 0;
      }
      for (const from of senders.values()) from.lastAt = -Infinity;
    },
    jumped() {
      for (const provider of PROVIDERS) unsureUntil[provider] = Infinity;
      told.clear();
    },
    atRest() {
      for (const [name, { account }] of senders) {
        if (account.settled > account.seen) {
          report.fail(
            'P6',
            `${name}: ${String(account.settled)} calls settled as sent, ${String(account.seen)} seen`,
          );
        }
      }
    },
  };
}

function newSender(): Sender {
  return {
    account: { reserved: 0, returned: 0, seen: 0, settled: 0 },
    probes: { generation: -1, taken: 0 },
    lastAt: -Infinity,
    lastRate: 0,
  };
}

/** Until when, by the true clock, what is stored forbids to send. */
function storedSilence({ history, time }: SendsDeps, provider: ProviderName): number {
  const limiter = history().state(SCOPE[provider]) as LimiterState | undefined;
  const { episode, blocked } = limiter?.context ?? { episode: null, blocked: null };
  const until = Math.max(episode?.pauseUntil ?? 0, blocked?.until ?? 0);
  return time.monotonic() + until - time.wall() - EXTENDS_MS;
}

function liftedIn(stream: string, silentUntil: Record<ProviderName, number>): void {
  for (const provider of PROVIDERS) {
    if (SCOPE[provider] === stream) silentUntil[provider] = 0;
  }
}

function checkReserved(report: SimReport, { collector }: SimCall, account: Account): void {
  const { seen, reserved, returned } = account;
  if (seen <= reserved - returned) return;
  report.fail(
    'P6',
    `${collector}: ${String(seen)} calls seen, ${String(reserved)} reserved, ${String(returned)} of them returned`,
  );
}

function checkBreaker(
  { history, report }: SendsDeps,
  { collector }: SimCall,
  probes: Probes,
): void {
  const state = history().state(`breaker-${collector}`) as BreakerState | undefined;
  if (state === undefined) {
    report.fail('P8', `${collector} sends without a breaker`);
    return;
  }
  const effective = effectiveOf(state);
  if (effective === 'open' || effective === 'forced_open') {
    report.fail('P8', `${collector} sends while its breaker is ${effective}`);
  }
  const { generation, policy } = state.context;
  if (probes.generation !== generation) Object.assign(probes, { generation, taken: 0 });
  if (computedOf(state) !== 'half_open' || effective !== 'half_open') return;
  probes.taken += 1;
  if (probes.taken > policy.halfOpenPermits) {
    report.fail(
      'P8',
      `${collector}: probe ${String(probes.taken)} of generation ${String(generation)}`,
    );
  }
}

function checkCollector({ history, report }: SendsDeps, { collector }: SimCall): void {
  const state = history().state(`collector-${collector}`) as CollectorState | undefined;
  if (state === undefined) {
    report.fail("P8'", `${collector} sends before it is registered`);
    return;
  }
  const { desired, suspension, activity } = regions(state);
  if (mayFetch(state) && activity === 'collecting' && state.context.run !== null) return;
  report.fail("P8'", `${collector} sends while it is ${desired}, ${suspension}, ${activity}`);
}

/** In the window the upstream told about, by its own count: only others can have made it too much. */
function checkTold(
  { upstream, report, time }: SendsDeps,
  { collector, provider, weight }: SimCall,
  told: ReadonlyMap<ProviderName, Told>,
): void {
  const known = told.get(provider);
  const { window, limit } = upstream().providers[provider].seen();
  if (known?.window !== window || time.shift() % 60_000 !== 0) return;
  known.used += weight;
  if (known.used <= limit) return;
  report.fail(
    'P12',
    `${collector} sends unit ${String(known.used)} of ${String(limit)} in a window it was told of`,
  );
}

function rateOf({ history, time }: SendsDeps, { collector, provider }: SimCall): number {
  const limiter = history().state(SCOPE[provider]) as LimiterState | undefined;
  const rate = RATE[collector as CollectorName];
  return limiter === undefined ? rate : currentRate(limiter.context, collector, time.wall());
}

/** What a rate allows: one call per interval. A rate that changed in between may be the greater one. */
function checkPace(deps: SendsDeps, call: SimCall, from: Sender): void {
  const rate = Math.max(from.lastRate, rateOf(deps, call));
  const gap = call.at - from.lastAt;
  if (gap >= (1000 / rate) * (1 - PACE_SLACK * (rate + 1))) return;
  deps.report.fail(
    'P12',
    `${call.collector} sends ${gap.toFixed(0)} ms after its last call, at ${rate.toFixed(3)} a second`,
  );
}
