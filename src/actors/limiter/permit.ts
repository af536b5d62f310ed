/** One permit: from the hold on the rate and a unit of a block to the answer's report. */
import type { EpochMs, MonotonicMs } from '../../kernel/types.js';
import type { AcquireRequest, Desk, Permit, PermitReport } from './desk.js';
import type { Block, HeldPermit } from './block.js';
import type { Now } from './lanes.js';
import { JUMP_MS } from './restrict.js';
import { react } from './react.js';

/** One object and no closure: a call at full speed makes nothing else (G5). */
type Held = HeldPermit & {
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
  if (this.phase !== 'held') return false;
  const { desk, request, block } = this;
  const { wall, mono } = desk.now();
  if (!desk.ledger.isUsable(block, wall, mono) || isBarred(desk, request, wall)) {
    this.release();
    return false;
  }
  this.phase = 'sent';
  this.sentWall = wall;
  this.sentMono = mono;
  leave(block, this);
  desk.lanes.spend(request.collector, request.weights, mono);
  desk.ledger.sent(block, request.weights, wall);
  desk.pump();
  return true;
}

function release(this: Held): void {
  if (this.phase !== 'held') return;
  const { desk, request, block } = this;
  this.phase = 'over';
  leave(block, this);
  desk.lanes.release(request.collector, request.weights);
  desk.ledger.giveBack(block, request.weights);
  desk.pump();
}

function report(this: Held, said: PermitReport): void {
  if (this.phase !== 'sent') return;
  const { desk, request, block } = this;
  this.phase = 'over';
  desk.ledger.came(block, request.endpoint, said.outcome, request.weights, said.charged);
  if (saysNothing(said)) return;
  react(desk, request, said, sentByNow(this.sentWall, this.sentMono, desk.now()));
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
