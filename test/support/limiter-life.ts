/** Random lives of a scope with buckets of every kind: callers, answers, crashes, changes, clock jumps. */
import type { Random } from '../../src/kernel/random.js';
import { seededRandom } from '../../src/kernel/random.js';
import type { BucketConfig } from '../../src/gen/headgate/events/v1/limiter.js';
import type { PermitReport } from '../../src/actors/limiter/index.js';
import { settle } from './clock.js';
import { bucket, configure, MINUTE } from './limiter-given.js';
import { answer, bench, request, reservedCalls, restart, type Bench } from './limiter-gate.js';
import { resettingUpstream, type Departure, type Told } from './limiter-judge.js';

/** No call is under way for longer. */
export const CALL_MAX_MS = 3000;

export const PACED = bucket({ name: 'paced', limit: 12, windowMs: 4000, burst: 4 });
export const RING = bucket({ name: 'ring', limit: 40, windowMs: 90_000 });
export const CLOCK = bucket({ name: 'clock', kind: 'fixed', limit: 30, windowMs: 30_000 });
export const RESET = bucket({
  name: 'reset',
  kind: 'fixed',
  limit: 25,
  windowMs: 40_000,
  anchor: 'reset',
});
export const DAY = bucket({
  name: 'day',
  kind: 'fixed',
  limit: 300,
  windowMs: 0,
  period: 'day',
  zone: 'Europe/Berlin',
  quota: true,
});
export const ALL = [PACED, RING, CLOCK, RESET, DAY];

/** How the upstream tells when its window ends. */
export type Word = 'never' | 'epoch' | 'seconds' | 'sometimes' | 'absurd';
export const WORDS: readonly Word[] = ['never', 'epoch', 'seconds', 'sometimes', 'absurd'];

export type Life = {
  readonly log: readonly Departure[];
  /** The most one of the resetting upstream's own windows held. */
  readonly mostInReset: number;
  readonly restarts: number;
  readonly jumps: number;
  readonly facts: Bench['actor']['facts'];
};

export type Plan = {
  readonly seed: number;
  readonly word: Word;
  /** What the scope is configured with: a test that must fail gives more than the upstream does. */
  readonly buckets: readonly BucketConfig[];
  readonly steps?: number;
};

type World = {
  made: Bench;
  jumps: number;
  restarts: number;
  readonly random: Random;
  readonly word: Word;
  readonly log: Departure[];
  readonly upstream: ReturnType<typeof resettingUpstream>;
};

/** One life. Calls sent never exceed calls reserved, at any moment: P6. */
export async function live(plan: Plan): Promise<Life> {
  const random = seededRandom(plan.seed);
  const { buckets, word } = plan;
  const rate = 2 + 28 * random.next();
  const scope = { buckets: [...buckets], maxRequestsPerSecond: rate, callMaxMs: CALL_MAX_MS };
  const world: World = {
    made: await bench(scope),
    jumps: 0,
    restarts: 0,
    random,
    word,
    log: [],
    upstream: resettingUpstream(RESET.limit, RESET.windowMs),
  };
  for (let step = 0; step < (plan.steps ?? 90); step += 1) {
    await one(world, scope);
    await world.made.clock.advance(
      Math.floor(random.next() * (random.next() < 0.25 ? 40_000 : 2500)),
    );
    const reserved = reservedCalls(world.made.actor.facts);
    if (world.log.length > reserved) throw new Error(`P6: ${String(world.log.length)} sent`);
  }
  await world.made.clock.advance(MINUTE);
  const { made, log, upstream, restarts, jumps } = world;
  made.gate.close();
  made.actor.kill();
  return { log, mostInReset: upstream.most(), restarts, jumps, facts: made.actor.facts };
}

type Scope = {
  readonly buckets: BucketConfig[];
  readonly maxRequestsPerSecond: number;
  readonly callMaxMs: number;
};

async function one(world: World, scope: Scope): Promise<void> {
  const { random, made } = world;
  const chance = random.next();
  made.actor.journal.delayMs = random.next() < 0.3 ? Math.floor(random.next() * 300) : 0;
  if (chance < 0.05) {
    await made.clock.advance(Math.floor(random.next() * 5000));
    world.made = await restart(made);
    world.restarts += 1;
  } else if (chance < 0.09) {
    const maxRequestsPerSecond = 0.5 + 20 * random.next();
    void made.actor.send({ type: 'SetRate', collector: 'moralis', maxRequestsPerSecond });
    await settle();
  } else if (chance < 0.13) {
    // Other limits, never higher ones: the upstream's stay what they are.
    const buckets = scope.buckets.map((each) => ({
      ...each,
      limit: Math.max(4, Math.floor(each.limit * (0.5 + random.next() / 2))),
    }));
    void made.actor.send(configure({ ...scope, buckets }));
    await settle();
  } else if (chance < 0.16) {
    const far = MINUTE + 1 + Math.floor(random.next() * 60 * MINUTE);
    made.clock.jump(random.next() < 0.5 ? far : 0 - far);
    world.jumps += 1;
    // Somebody looks at the clocks before anything is decided by them.
    made.gate.live('moralis');
    await settle();
  } else {
    // Now and then all come at once, after a while in which nobody came.
    const crowd = random.next() < 0.2 ? 25 : 5;
    for (let n = 0; n < 1 + crowd * random.next(); n += 1) caller(world);
  }
}

/** Asks, dallies, sends or not; the upstream sees it after a while, and its answer comes or never does. */
function caller(world: World): void {
  const { random, made, log, upstream } = world;
  const { gate, clock } = made;
  const units = 1 + Math.floor(3 * random.next());
  const drawn = random.next() < 0.3 ? Math.floor((units + 1) * random.next()) : units;
  const [dally, wayOut, wayBack, chance] = [1, 2, 3, 4].map(() => random.next());
  const weights = { paced: units, ring: units, clock: units, reset: units, day: units };
  void gate.acquire(request({ weights, waitMaxMs: 5000 })).then((acquired) => {
    if (!acquired.ok) return;
    const { permit } = acquired;
    clock.after((dally ?? 0) < 0.5 ? 0 : (dally ?? 0) * 2500, () => {
      if ((chance ?? 0) < 0.1) {
        permit.release();
        return;
      }
      if (!permit.spend()) return;
      const { jumps } = world;
      const departure = { wall: clock.now(), mono: clock.monotonic(), jumps, units: drawn };
      log.push(departure);
      const late = (wayOut ?? 0) < 0.4 ? 0.65 / 0.4 : 0.05;
      clock.after((wayOut ?? 0) * late * CALL_MAX_MS, () => {
        const told = upstream.arrive(clock.monotonic(), drawn);
        clock.after((wayBack ?? 0) * 0.3 * CALL_MAX_MS, () => {
          const elapsed = clock.monotonic() - departure.mono;
          const report = outcome(world, told, elapsed, chance ?? 0, clock.now());
          permit.report({ ...report, ...(drawn !== units && { units: all(drawn) }) });
        });
      });
    });
  });
}

function all(units: number) {
  return { paced: units, ring: units, clock: units, reset: units, day: units };
}

function outcome(
  { random, word }: World,
  { limit, remaining, leftMs }: Told,
  _elapsed: number,
  chance: number,
  now: number,
): PermitReport {
  const resetAt = resetOf(word, leftMs, random, now);
  const observations = [
    { bucket: 'reset', limit, remaining, ...(resetAt !== undefined && { resetAt }) },
  ];
  const seen = word === 'never' ? [] : observations;
  if (chance > 0.995) return answer({ outcome: 'throttled', status: 429, observations: seen });
  if (chance < 0.2) return answer({ outcome: 'server', status: 500, observations: seen });
  return answer({ observations: seen });
}

/** As a header would be read: whole seconds, a moment by our clock; nonsense now and then. */
function resetOf(word: Word, leftMs: number, random: Random, now: number): number | undefined {
  const seconds = random.next() < 0.5 ? Math.floor(leftMs / 1000) : Math.ceil(leftMs / 1000);
  switch (word) {
    case 'never':
      return undefined;
    case 'epoch':
      return now + leftMs;
    case 'seconds':
      return now + seconds * 1000;
    case 'sometimes':
      return random.next() < 0.2 ? now + leftMs : undefined;
    case 'absurd': {
      const nonsense = [NaN, Infinity, now - MINUTE, now + 1e12, 0 - Infinity];
      return random.next() < 0.5
        ? nonsense[Math.floor(random.next() * nonsense.length)]
        : now + leftMs;
    }
  }
}
