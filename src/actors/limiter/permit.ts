/** One permit: from the hold on the rate and a unit of a block to the answer's report. */
import type { EpochMs, MonotonicMs } from '../../kernel/types.js';
import type { AcquireRequest, Desk, Permit, PermitReport } from './desk.js';
import type { Block, HeldPermit } from './block.js';
import type { Now } from './lanes.js';
import { JUMP_MS } from './restrict.js';
import { react } from './react.js';
import type { Route } from './routes.js';
import type { Tab } from './tab.js';

/** One object and no closure: a call at full speed makes nothing else (G5). */
type Held = HeldPermit & {
  /** Itself: a copy of it, with a method replaced, is still the same permit. */
  self: Held | undefined;
  readonly desk: Desk;
  readonly request: AcquireRequest;
  readonly route: Route;
  readonly tab: Tab;
  phase: 'held' | 'sent' | 'over';
  sentWall: EpochMs;
  sentMono: MonotonicMs;
  spend(): boolean;
  report(report: PermitReport): void;
};

/** The rate is held already, the unit taken. */
export function createPermit(desk: Desk, request: AcquireRequest, route: Route, tab: Tab): Permit {
  const { held } = tab.block;
  const permit: Held = {
    self: undefined,
    desk,
    request,
    route,
    tab,
    phase: 'held',
    slot: held.length,
    sentWall: 0,
    sentMono: 0,
    spend,
    release,
    report,
  };
  permit.self = permit;
  held.push(permit);
  return permit;
}

/** The last one takes the place of the one that leaves. */
function leave({ held }: Block, permit: HeldPermit): void {
  const last = held.pop();
  if (last === undefined || last === permit) return;
  held[permit.slot] = last;
  last.slot = permit.slot;
}

function spend(this: Held): boolean {
  const permit = this.self ?? this;
  if (permit.phase !== 'held') return false;
  const { desk, route, tab } = permit;
  desk.read();
  const { seen, ledger } = desk;
  if (!ledger.isUsable(tab.block, seen) || isBarred(desk, route, seen.wall)) {
    permit.release();
    return false;
  }
  permit.phase = 'sent';
  permit.sentWall = seen.wall;
  permit.sentMono = seen.mono;
  leave(tab.block, permit);
  desk.lanes.spend(route.way, seen.mono);
  ledger.sent(tab, seen.wall);
  desk.pump();
  return true;
}

function release(this: Held): void {
  const permit = this.self ?? this;
  if (permit.phase !== 'held') return;
  const { desk, route, tab } = permit;
  permit.phase = 'over';
  leave(tab.block, permit);
  desk.lanes.release(route.way);
  desk.ledger.giveBack(tab);
  desk.pump();
}

function report(this: Held, said: PermitReport): void {
  const permit = this.self ?? this;
  if (permit.phase !== 'sent') return;
  const { desk, request, route, tab } = permit;
  permit.phase = 'over';
  desk.ledger.came(tab, said);
  if (said.units !== undefined) {
    desk.lanes.correct(route.way, said.units, permit.sentMono);
    desk.pump(); // it may have drawn less than it was charged
  }
  if (saysNothing(said)) return;
  react(desk, request, said, sentByNow(permit.sentWall, permit.sentMono, desk.now()));
}

/** Most answers: the clocks are not read for them. */
function saysNothing({ outcome, observations, malformedHeaders, units }: PermitReport): boolean {
  const isPlain = outcome === 'ok' && malformedHeaders === 0;
  return isPlain && observations.length === 0 && units === undefined;
}

/** When it left, by the clock as it is now: it may have jumped since. */
function sentByNow(sentWall: EpochMs, sentMono: MonotonicMs, { wall, mono }: Now): EpochMs {
  const shift = wall - mono - (sentWall - sentMono);
  return Math.abs(shift) > JUMP_MS ? sentWall + shift : sentWall;
}

function isBarred(desk: Desk, { weights }: Route, wall: EpochMs): boolean {
  if (desk.isClosed || desk.handle.quarantined() !== undefined) return true;
  return desk.bars.bar(desk.context(), weights, wall) !== undefined;
}
