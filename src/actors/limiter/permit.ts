/** One permit: from the hold on the rate and a unit of a block to the answer's report. */
import type { EpochMs, MonotonicMs } from '../../kernel/types.js';
import type { AcquireRequest, Desk, Permit, PermitReport } from './desk.js';
import type { Block, HeldPermit } from './block.js';
import type { Now } from './lanes.js';
import { JUMP_MS } from './restrict.js';
import { react } from './react.js';

/** One object and no closure: a call at full speed makes nothing else (G5). */
type Held = HeldPermit & {
  /** Itself: a copy of it, with a method replaced, is still the same permit. */
  self: Held | undefined;
  readonly desk: Desk;
  readonly request: AcquireRequest;
  readonly block: Block;
  phase: 'held' | 'sent' | 'over';
  sentWall: EpochMs;
  sentMono: MonotonicMs;
  spend(): boolean;
  report(report: PermitReport): void;
};

/** The rate is held already, the unit taken. */
export function createPermit(desk: Desk, request: AcquireRequest, block: Block): Permit {
  const { held } = block;
  const permit: Held = {
    self: undefined,
    desk,
    request,
    block,
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
  const { desk, request, block } = permit;
  const { wall, mono } = desk.now();
  if (!desk.ledger.isUsable(block, wall, mono) || isBarred(desk, request, wall)) {
    permit.release();
    return false;
  }
  permit.phase = 'sent';
  permit.sentWall = wall;
  permit.sentMono = mono;
  leave(block, permit);
  desk.lanes.spend(request.collector, request.weights, mono);
  desk.ledger.sent(block, request.weights, wall);
  desk.pump();
  return true;
}

function release(this: Held): void {
  const permit = this.self ?? this;
  if (permit.phase !== 'held') return;
  const { desk, request, block } = permit;
  permit.phase = 'over';
  leave(block, permit);
  desk.lanes.release(request.collector, request.weights);
  desk.ledger.giveBack(block, request.weights);
  desk.pump();
}

function report(this: Held, said: PermitReport): void {
  const permit = this.self ?? this;
  if (permit.phase !== 'sent') return;
  const { desk, request, block } = permit;
  permit.phase = 'over';
  const { weights } = request;
  desk.ledger.came(block, request.endpoint, weights, said);
  if (said.units !== undefined) {
    desk.lanes.correct(weights, said.units, permit.sentMono);
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

function isBarred(desk: Desk, request: AcquireRequest, wall: number): boolean {
  if (desk.isClosed || desk.handle.quarantined() !== undefined) return true;
  return desk.bars.bar(desk.context(), request.weights, wall) !== undefined;
}
