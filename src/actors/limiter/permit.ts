/** One permit: from the hold on the rate and a unit of a block to the answer's report. */
import type { AcquireRequest, Desk, Permit } from './desk.js';
import type { EpochMs } from '../../kernel/types.js';
import type { Block } from './block.js';
import type { Now } from './lanes.js';
import { JUMP_MS } from './restrict.js';
import { react } from './react.js';

/** The rate is held already, the unit taken. */
export function createPermit(desk: Desk, request: AcquireRequest, block: Block): Permit {
  const { collector, weights, endpoint } = request;
  let phase: 'held' | 'sent' | 'over' = 'held';
  let sent: Now = { wall: 0, mono: 0 };
  const lapse = (): void => {
    if (phase !== 'held') return;
    phase = 'over';
    block.held.delete(lapse);
    desk.lanes.release(collector, weights);
    desk.ledger.giveBack(block, weights);
    desk.pump();
  };
  block.held.add(lapse);
  return {
    spend() {
      if (phase !== 'held') return false;
      const now = desk.now();
      const { wall, mono } = now;
      if (!desk.ledger.isUsable(block, wall, mono) || isBarred(desk, request, wall)) {
        lapse();
        return false;
      }
      phase = 'sent';
      sent = now;
      block.held.delete(lapse);
      desk.lanes.spend(collector, weights, mono);
      desk.ledger.sent(block, weights, wall);
      desk.pump();
      return true;
    },
    release: lapse,
    report(report) {
      if (phase !== 'sent') return;
      phase = 'over';
      desk.ledger.came(block, endpoint, report.outcome, weights, report.charged);
      react(desk, request, report, sentByNow(sent, desk.now()));
    },
  };
}

/** When it left, by the clock as it is now: it may have jumped since. */
function sentByNow(sent: Now, now: Now): EpochMs {
  const shift = now.wall - now.mono - (sent.wall - sent.mono);
  return Math.abs(shift) > JUMP_MS ? sent.wall + shift : sent.wall;
}

function isBarred(desk: Desk, request: AcquireRequest, wall: number): boolean {
  if (desk.isClosed || desk.handle.quarantined() !== undefined) return true;
  return desk.bars.bar(desk.context(), request.weights, wall) !== undefined;
}
