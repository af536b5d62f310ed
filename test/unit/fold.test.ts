/** The fold of every kind against XState's public `transition()`, on arrows met for the first time and again. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assign, createMachine, initialTransition, transition } from 'xstate';
import type { AnyMachineSnapshot, AnyStateMachine } from 'xstate';
import { breakerKind } from '../../src/actors/breaker/index.js';
import { collectorKind, type CollectorCommand } from '../../src/actors/collector/index.js';
import { folder } from '../../src/actors/fold.js';
import type { AnyFact, FactCodec, MachineryCommand } from '../../src/actors/kind.js';
import { limiterKind } from '../../src/actors/limiter/index.js';
import type { JsonObject } from '../../src/kernel/types.js';
import { configure, ended, given, NOON, startRun, type Given } from '../support/collector-given.js';

/** Folds both ways, twice, and compares after each fact. The second time every arrow is known. */
function expectSame(machine: AnyStateMachine, facts: readonly AnyFact[]): void {
  const fold = folder<unknown>(machine);
  for (const _pass of ['first', 'again']) {
    let slow = initialTransition(machine)[0] as AnyMachineSnapshot;
    let fast = fold.initial();
    for (const fact of facts) {
      slow = transition(machine, slow, fact)[0] as AnyMachineSnapshot;
      const next = fold.apply(fast, fact);
      if (next === undefined) throw new Error(`${fact.type} has no arrow`);
      fast = next;
      // As text: the order of the keys is hashed too.
      expect(JSON.stringify(fast)).toBe(
        JSON.stringify({ value: slow.value as unknown, context: slow.context as unknown }),
      );
    }
  }
}

type Golden = {
  readonly events: readonly {
    readonly type: string;
    readonly schema: number;
    readonly data: JsonObject;
  }[];
};

function goldenFacts<F extends AnyFact>(file: string, codec: FactCodec<F>): readonly F[] {
  const path = new URL(`../golden/${file}`, import.meta.url);
  const { events } = JSON.parse(readFileSync(path, 'utf8')) as Golden;
  return events.map(({ type, schema, data }) => codec.decode(type, schema, data));
}

type Command = CollectorCommand | MachineryCommand;

const page = { series: 's', cursor: '1', ordinal: 1, records: 2, newRecords: 1, gaps: [] };
const drainMs = 10_000;
const COMMANDS: readonly Command[] = [
  configure,
  { ...configure, hasApiKey: false },
  { type: 'Connected' },
  { type: 'KeyMissing' },
  { type: 'Enable', reason: '' },
  { type: 'Disable', reason: 'why', ttlMs: 5000, drainMs },
  { type: 'Restart', reason: '', drainMs },
  { type: 'Shutdown', drainMs },
  startRun,
  { ...startRun, obstacle: { cause: 'breaker', detail: 'open' } },
  { type: 'Progress', run: 'run-1', page },
  ended('ok'),
  ended('server'),
  ended('crashed'),
  ended('auth'),
  { type: 'SetCursor', series: 's', cursor: '9', ordinal: 9, cause: 'sink_behind' },
];

/** Every fact there is. */
const A_LIFE: readonly Command[] = [
  { type: 'Connected' },
  startRun,
  { type: 'Progress', run: 'run-1', page },
  ended('ok'),
  { ...startRun, obstacle: { cause: 'breaker', detail: 'open' } },
  startRun,
  ended('auth'),
  { type: 'Enable', reason: '' },
  { type: 'Connected' },
  { type: 'Restart', reason: '', drainMs },
  { type: 'Connected' },
  startRun,
  { type: 'Disable', reason: '', drainMs },
  { type: 'TimerDue', name: 'drain', generation: 0 },
  { type: 'SetCursor', series: 's', cursor: '9', ordinal: 9, cause: 'sink_behind' },
  { type: 'Enable', reason: 'again' },
];

/** What a collector decided on these commands, one minute apart; refused ones change nothing. */
function collectorFacts(commands: readonly Command[]): readonly AnyFact[] {
  let now: Given = given().then(configure);
  const first = given().when(configure);
  const facts: AnyFact[] = first.ok ? [...first.facts] : [];
  commands.forEach((command, minute) => {
    const at = NOON + minute * 60_000;
    const decision = now.when(command, at);
    if (!decision.ok) return;
    facts.push(...decision.facts);
    now = now.then(command, at);
  });
  return facts;
}

describe('folding as XState does', () => {
  it('holds for collectors, whatever they are told', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...COMMANDS), { maxLength: 40 }), (commands) => {
        expectSame(collectorKind.machine, collectorFacts([...A_LIFE, ...commands]));
      }),
      { numRuns: 50 },
    );
    expect(new Set(collectorFacts(A_LIFE).map(({ type }) => type)).size).toBe(17);
  });

  it('holds for what breakers and limiters once recorded', () => {
    expectSame(breakerKind.machine, goldenFacts('breaker-1.json', breakerKind.codec));
    expectSame(limiterKind.machine, goldenFacts('limiter-1.json', limiterKind.codec));
    expectSame(limiterKind.machine, goldenFacts('limiter-2.json', limiterKind.codec));
  });

  it('holds where an arrow does more than assign by a function: such arrows are not kept', () => {
    type Fact = AnyFact & { readonly by: number };
    const byName = createMachine({
      context: { sum: 0 },
      on: { Added: { actions: assign({ sum: ({ context, event }) => sumOf(context, event) }) } },
    });
    const onEntry = createMachine({
      context: { sum: 0 },
      initial: 'a',
      states: {
        a: { on: { Added: 'b' } },
        b: {
          entry: assign(({ context, event }) => ({ sum: sumOf(context, event) })),
          on: { Added: 'a' },
        },
      },
    });
    const sumOf = (context: { readonly sum: number }, event: unknown): number =>
      context.sum + (event as Fact).by;
    // The first changes nothing, so that an arrow judged by it alone would be kept wrongly.
    const facts = [0, 1, 2, 3].map((by): Fact => ({ type: 'Added', atMs: 0, by }));
    expectSame(byName, facts);
    expectSame(onEntry, facts);
  });

  it('holds where two regions hear one fact: each assignment sees what the one before it did', () => {
    const doubled = assign(({ context }: { context: { sum: number } }) => ({
      sum: context.sum * 2,
    }));
    const raised = assign(({ context }: { context: { sum: number } }) => ({
      sum: context.sum + 1,
    }));
    const machine = createMachine({
      context: { sum: 0 },
      type: 'parallel',
      states: {
        left: { on: { Told: { actions: raised } } },
        right: { on: { Told: { actions: doubled } } },
      },
    });
    const told = { type: 'Told', atMs: 0 };
    expectSame(machine, [told, told, told]);
    expect(
      folder<{ sum: number }>(machine).apply(
        { value: { left: {}, right: {} }, context: { sum: 3 } },
        told,
      )?.context.sum,
    ).toBe(8);
  });

  it('holds where one arrow takes precedence over another: what is not run is not kept', () => {
    const sum = (change: (sum: number) => number) =>
      assign(({ context }: { context: { sum: number } }) => ({ sum: change(context.sum) }));
    const machine = createMachine({
      id: 'm',
      context: { sum: 0 },
      type: 'parallel',
      states: {
        left: { on: { Told: { target: '#m.right.two', actions: sum((now) => now + 1) } } },
        right: {
          initial: 'one',
          states: { one: {}, two: {} },
          on: { Told: { target: '.one', actions: sum((now) => now * 2) } },
        },
      },
    });
    const told = { type: 'Told', atMs: 0 };
    expectSame(machine, [told, told, told]);
  });
});
