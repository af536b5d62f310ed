/** Settles reservation blocks. Invariants: ledger.ts. */
import { wait } from '../../kernel/time.js';
import type { DurationMs } from '../../kernel/types.js';
import type { Block, LedgerDeps } from './block.js';
import type { Settle } from './commands.js';
import { unitsOf } from './counted.js';
import { countAll } from './usage.js';

/** A settlement that could not be written is tried again this often, this far apart. */
const SETTLE_TRIES = 5;
const SETTLE_RETRY_MS: DurationMs = 2000;

/** R3. The same command id each time: it cannot be settled twice (A4). */
export async function settle(deps: LedgerDeps, block: Block): Promise<void> {
  const command = settlement(block);
  const context = deps.system(`settle ${block.id}`);
  for (let tries = 1; ; tries += 1) {
    const answer = await deps.handle.ask(command, context);
    if (answer.ok) return;
    const { kind, detail } = answer.refusal;
    const passing = kind === 'journal-unavailable' || kind === 'overloaded' || kind === 'raced';
    if (!passing || tries === SETTLE_TRIES) {
      deps.log.warn('block not settled: it counts as spent', { block: block.id, refusal: detail });
      return;
    }
    await wait(deps.clock, SETTLE_RETRY_MS);
  }
}

function settlement(block: Block): Settle {
  countAll(block.tallies);
  const usage = block.usage.map(({ endpoint, outcome, calls, charged }) => ({
    endpoint,
    outcome,
    calls,
    charged: [...charged].map(([bucket, units]) => ({ bucket, units })),
  }));
  const all = usage.flatMap(({ charged }) => charged);
  const charged = block.columns.map(({ name: bucket }) => ({
    bucket,
    units: unitsOf(all, bucket),
  }));
  return {
    type: 'Settle',
    block: block.id,
    sent: block.sent,
    charged,
    usage,
    ...(block.lastSentAt !== undefined && { lastSentAt: block.lastSentAt }),
    delayed: block.delayed,
  };
}
