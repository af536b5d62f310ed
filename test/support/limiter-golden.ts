/**
 * Records test/golden/limiter-1.json: `npx tsx test/support/limiter-golden.ts > test/golden/limiter-1.json`.
 * A recorded history is never recorded again: a later version adds limiter-2.json beside it.
 */
import { limiterKind, type LimiterFact } from '../../src/actors/limiter/index.js';
import { canonicalJson, sha256Hex } from '../../src/kernel/canonical.js';
import {
  bucket,
  configure,
  dailyQuota,
  HOUR,
  lapse,
  limiter,
  MINUTE,
  NOON,
  reserve,
  settleBlock,
  throttle,
  weightPerMinute,
  type Command,
  type Given,
} from './limiter-given.js';

const facts: LimiterFact[] = [];
let now: Given = limiter();

function step(command: Command, at: number): void {
  now = now.then(command, at);
  facts.push(...now.facts);
}

/** Every timer up to `until`, one at a time, recorded. */
function pass(until: number): void {
  for (;;) {
    const due = limiterKind
      .outstanding(now.state)
      .filter((owed) => owed.kind === 'timer')
      .sort((a, b) => a.dueAt - b.dueAt)[0];
    if (due === undefined || due.dueAt > until) break;
    step({ type: 'TimerDue', name: due.name, generation: due.generation }, due.dueAt);
  }
  now = lapse(now, until);
}

const detail = 'recorded';
const collector = 'moralis';
const observations = [{ bucket: 'weight', used: 900, limit: 6000, resetAt: NOON + 2 * MINUTE }];
step(configure({ buckets: [bucket(), weightPerMinute, dailyQuota], margin: 0.05 }), NOON);
step({ type: 'SetRate', collector, maxRequestsPerSecond: 8, reason: detail }, NOON + 1);
step(reserve('block-1', 8, { requests: 8, weight: 160, daily: 8 }, NOON + 2000), NOON + 100);
step(settleBlock('block-1', 5, { requests: 5, weight: 100, daily: 4 }), NOON + 1900);
step({ type: 'ObserveQuota', endpoint: 'klines', observations }, NOON + 2000);
step(throttle({ retryAt: NOON + 30_000 }), NOON + 3000);
step(throttle(), NOON + 31_000);
pass(NOON + 25 * MINUTE);
step(reserve('block-2', 90, { daily: 90 }, NOON + HOUR), NOON + HOUR - 2000);
step(reserve('block-3', 5, { daily: 5 }, NOON + HOUR), NOON + HOUR - 1000);
step(reserve('block-x', 1, { daily: 1 }, NOON + HOUR), NOON + HOUR - 900);
step(
  { type: 'BlockScope', cause: 'banned', collector, detail, until: NOON + 2 * HOUR },
  NOON + HOUR,
);
step({ type: 'Recover' }, NOON + HOUR + 1);
step({ type: 'ReportClockAnomaly', shiftMs: MINUTE * 5, now: NOON + HOUR }, NOON + HOUR + 2);
step({ type: 'Unblock', bucket: '' }, NOON + HOUR + 3);
pass(NOON + 13 * HOUR);
step(
  reserve('block-4', 2, { requests: 2, weight: 40, daily: 2 }, NOON + 14 * HOUR),
  NOON + 13.9 * HOUR,
);
step(throttle(), NOON + 14 * HOUR);

const events = facts.map((fact) => limiterKind.codec.encode(fact));
const stateSha256 = sha256Hex(canonicalJson(now.state));
const history = { events, value: now.state.value, stateSha256 };
process.stdout.write(`${JSON.stringify(history, null, 2)}\n`);
