import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { waitingQueue, type Queue, type Waiter } from '../../src/actors/limiter/queue.js';
import { request } from '../support/limiter-gate.js';

type Class = Waiter['request']['priority'];

let count = 0;
function waiter(priority: Class = 'live', collector = 'one'): Waiter {
  count += 1;
  return {
    request: request({ priority, collector, endpoint: String(count) }),
    since: count,
    deadline: Infinity,
    notBefore: 0,
    refusedBy: undefined,
    waitedFor: [],
    wasDelayed: false,
    isDone: false,
    resolve: () => undefined,
    cancelDeadline: () => undefined,
    onAbort: () => undefined,
  };
}

/** The first whom nothing stops goes. */
function next(queue: Queue, isStopped: (waiter: Waiter) => boolean = () => false) {
  for (const place of queue.inTurn()) {
    if (isStopped(place.waiter)) continue;
    queue.take(place);
    return place.waiter;
  }
  return undefined;
}

function fill(queue: Queue, priority: Class, collector: string, many: number): readonly Waiter[] {
  const made = Array.from({ length: many }, () => waiter(priority, collector));
  for (const one of made) queue.add(one);
  return made;
}

const classes = fc.constantFrom<Class>('probe', 'live', 'backfill');
const names = fc.constantFrom('one', 'two', 'three');

describe('the queue', () => {
  it('Q1: serves 8 probes and 4 live calls to one of backfill while all three wait', () => {
    const queue = waitingQueue();
    for (const priority of ['backfill', 'live', 'probe'] as const) fill(queue, priority, 'x', 200);
    const served = Array.from({ length: 130 }, () => next(queue)?.request.priority);
    const of = (priority: Class): number => served.filter((one) => one === priority).length;
    expect([of('probe'), of('live'), of('backfill')]).toEqual([80, 40, 10]);
  });

  it('Q1: converges to these shares whoever comes when, within one round', () => {
    const arrivals = fc.array(fc.tuple(classes, names), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(arrivals, (before) => {
        const queue = waitingQueue();
        for (const [priority, collector] of before) {
          queue.add(waiter(priority, collector));
          if (queue.size() > 5) next(queue);
        }
        for (const priority of ['probe', 'live', 'backfill'] as const) {
          for (const name of ['one', 'two', 'three']) fill(queue, priority, name, 60);
        }
        const served = { probe: 0, live: 0, backfill: 0 };
        for (let turn = 0; turn < 130; turn += 1) served[next(queue)?.request.priority ?? 'live']++;
        expect(Math.abs(served.probe - 80)).toBeLessThanOrEqual(9);
        expect(Math.abs(served.live - 40)).toBeLessThanOrEqual(5);
        expect(Math.abs(served.backfill - 10)).toBeLessThanOrEqual(2);
      }),
    );
  });

  it('Q1: gives away the share of a class with nobody waiting, and owes it nothing later', () => {
    const queue = waitingQueue();
    fill(queue, 'backfill', 'x', 100);
    for (let turn = 0; turn < 50; turn += 1) next(queue);
    fill(queue, 'live', 'x', 100);
    const served = Array.from({ length: 11 }, () => next(queue)?.request.priority);
    expect(served.filter((one) => one === 'backfill')).toHaveLength(2);
  });

  it('Q2: lets the collectors of a class take turns, however many each has waiting', () => {
    const queue = waitingQueue();
    fill(queue, 'live', 'crowd', 50);
    for (let turn = 0; turn < 3; turn += 1) next(queue);
    const [first, second] = fill(queue, 'live', 'lone', 2);
    const order = [next(queue), next(queue), next(queue), next(queue)];
    expect(order.map((one) => one?.request.collector).toSorted()).toEqual([
      'crowd',
      'crowd',
      'lone',
      'lone',
    ]);
    expect(order.filter((one) => one === first || one === second)).toEqual([first, second]);
  });

  it('Q2: serves a collector’s calls in the order they came', () => {
    fc.assert(
      fc.property(fc.array(names, { minLength: 1, maxLength: 40 }), (arrivals) => {
        const queue = waitingQueue();
        for (const name of arrivals) queue.add(waiter('live', name));
        const last = new Map<string, number>();
        for (let one = next(queue); one !== undefined; one = next(queue)) {
          const { collector } = one.request;
          expect(one.since).toBeGreaterThan(last.get(collector) ?? 0);
          last.set(collector, one.since);
        }
      }),
    );
  });

  it('Q3: lets one whose reservation was refused go before all others', () => {
    const queue = waitingQueue();
    fill(queue, 'backfill', 'x', 1);
    const refused = next(queue);
    fill(queue, 'probe', 'x', 3);
    if (refused !== undefined) queue.putBack(refused);
    expect(next(queue)).toBe(refused);
  });

  it('Q4: forgets who gave up, as if it had never come', () => {
    const comings = fc.array(fc.tuple(classes, names), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(comings, comings, (quitters, stayers) => {
        const [queue, undisturbed] = [waitingQueue(), waitingQueue()];
        const first = waiter('live', 'first');
        for (const one of [queue, undisturbed]) one.add(first);
        const gone = quitters.map(([priority, name]) => waiter(priority, name));
        for (const one of gone) queue.add(one);
        for (const one of gone.toReversed()) queue.remove(one);
        for (const one of gone) queue.remove(one);
        expect(queue.size()).toBe(1);
        expect(queue.waitingOf('one')).toBe(0);
        const stay = stayers.map(([priority, name]) => waiter(priority, name));
        for (const one of stay) for (const each of [queue, undisturbed]) each.add(one);
        for (let turn = 0; turn <= stay.length; turn += 1) {
          expect(next(queue)).toBe(next(undisturbed));
        }
      }),
    );
  });

  it('starves nobody: whoever is stopped now and then is served within its rounds', () => {
    const step = fc.record({ priority: classes, name: names, stopped: classes });
    fc.assert(
      fc.property(fc.array(step, { minLength: 200, maxLength: 300 }), (steps) => {
        const queue = waitingQueue();
        const mine = waiter('backfill', 'mine');
        queue.add(mine);
        fill(queue, 'probe', 'one', 5);
        let sinceFree = 0;
        for (const { priority, name, stopped } of steps) {
          queue.add(waiter(priority, name));
          const isStopped = (one: Waiter): boolean => one.request.priority === stopped;
          if (next(queue, isStopped) === mine) return;
          if (stopped !== 'backfill') sinceFree += 1;
          // Before it go only those whose turns are earlier, and turns never move back.
          expect(sinceFree).toBeLessThan(60);
        }
      }),
    );
  });
});
