/**
 * Records test/golden/limiter-2.json: `npx tsx test/support/limiter-golden-2.ts > test/golden/limiter-2.json`.
 * A recorded history is never recorded again: rings, windows that begin with a call, what their upstream
 * told, corrections, and buckets that are counted in another way from one configuration to the next.
 */
import { limiterKind, type LimiterFact } from '../../src/actors/limiter/index.js';
import { canonicalJson, sha256Hex } from '../../src/kernel/canonical.js';
import {
  bucket,
  configure,
  dailyQuota,
  HOUR,
  limiter,
  MINUTE,
  NOON,
  reserve,
  SECOND,
  settleBlock,
  type Command,
  type Given,
} from './limiter-given.js';

const facts: LimiterFact[] = [];
let now: Given = limiter();

function step(command: Command, at: number): void {
  now = now.then(command, at);
  facts.push(...now.facts);
}

const ring = bucket({ name: 'ring', limit: 100, windowMs: HOUR });
const search = bucket({
  name: 'search',
  kind: 'fixed',
  limit: 450,
  windowMs: 15 * MINUTE,
  anchor: 'reset',
});
const posts = { ...dailyQuota, name: 'posts', limit: 1000 };
const told = (resetAt: number, sentAt: number): Command => ({
  type: 'ObserveQuota',
  endpoint: 'search',
  observations: [
    { bucket: 'search', limit: 300, remaining: 280, resetAt },
    { bucket: 'ring', used: 40, limit: 100 },
  ],
  ours: { search: 12, ring: 30 },
  sentAt,
});
const units = { ring: 30, search: 30, posts: 300 };
const end = NOON + 10 * MINUTE;

step(configure({ buckets: [ring, search, posts], margin: 0.05, callMaxMs: 30_000 }), NOON);
step(reserve('block-1', 3, units, NOON + 2 * SECOND), NOON + 100);
step(settleBlock('block-1', 3, { ring: 30, search: 12, posts: 420 }), NOON + 1900);
step(told(end, NOON + 1500), NOON + 2 * SECOND);
step(reserve('block-2', 3, units, end), end - 2 * SECOND);
step(told(end + 15 * MINUTE, end + 100), end + 300);
step(settleBlock('block-2', 2, { ring: 5, search: 20, posts: 40 }), end + SECOND);
step(reserve('block-3', 1, { ring: 10, search: 10 }, end + 4 * SECOND), end + 2 * SECOND);
step({ type: 'ReportClockAnomaly', shiftMs: HOUR, now: end + HOUR }, end + 3 * SECOND);
step({ type: 'Recover' }, end + HOUR + MINUTE);
step(
  configure({
    buckets: [{ ...ring, windowMs: 2 * HOUR }, { ...search, anchor: 'clock' }, posts],
    margin: 0.05,
  }),
  end + HOUR + 2 * MINUTE,
);

const events = facts.map((fact) => limiterKind.codec.encode(fact));
const stateSha256 = sha256Hex(canonicalJson(now.state));
const history = { events, value: now.state.value, stateSha256 };
process.stdout.write(`${JSON.stringify(history, null, 2)}\n`);
