/**
 * An in-memory actor for one breaker: the real decision, chart, codec and timers; a journal that can be
 * slow or away. It does what the host promises: one command at a time in the order asked, restricting
 * facts shown before they are durable and withdrawn if they do not become so, timers on the monotonic
 * clock. Each fact goes through JSON, as it would through a store.
 */
import { folder } from '../../src/actors/fold.js';
import {
  breakerKind,
  type BreakerCommand,
  type BreakerContext,
  type BreakerFact,
  type BreakerHandle,
  type BreakerState,
} from '../../src/actors/breaker/index.js';
import type { Answer, CommandContext, Notice } from '../../src/actors/handle.js';
import type { MachineryCommand, Owed } from '../../src/actors/kind.js';
import type { Cancel } from '../../src/kernel/time.js';
import type { JsonObject } from '../../src/kernel/types.js';
import type { VirtualClock } from './clock.js';

type Reply = Answer<BreakerFact, BreakerContext>;
type Command = BreakerCommand | MachineryCommand;

/** What becomes of the next append: a delay in virtual ms, or no journal. */
export type AppendPlan = { readonly delayMs?: number; readonly fails?: boolean };

export type FakeHandle = BreakerHandle & {
  readonly send: (command: Command) => Promise<Reply>;
  /** Durable, oldest first. */
  readonly facts: readonly BreakerFact[];
  /** Every command asked, with the id it was asked under. */
  readonly asked: readonly { readonly command: Command; readonly id: string }[];
  readonly quarantine: (why: string | undefined) => void;
};

export const systemContext = (): ((cause: string) => CommandContext) => {
  let count = 0;
  return (cause) => {
    count += 1;
    const id = `${cause}-${String(count)}`;
    return { commandId: id, correlationId: id, actor: 'system', interface: 'system' };
  };
};

export function fakeHandle(
  clock: VirtualClock,
  options: { readonly plan?: () => AppendPlan; readonly chance?: () => number } = {},
): FakeHandle {
  const fold = folder<BreakerContext, BreakerFact>(breakerKind.machine);
  const plan = options.plan ?? ((): AppendPlan => ({}));
  const chance = options.chance ?? ((): number => 0.5);
  const watchers = new Set<(notice: Notice<BreakerFact, BreakerContext>) => void>();
  const facts: BreakerFact[] = [];
  const asked: { command: Command; id: string }[] = [];
  const timers = new Map<string, { generation: number; cancel: Cancel }>();
  const context = systemContext();
  let state = fold.initial();
  let quarantined: string | undefined;
  let lastAt = 0;
  let tail: Promise<unknown> = Promise.resolve();

  const notify = (notice: Notice<BreakerFact, BreakerContext>): void => {
    for (const watcher of [...watchers]) watcher(notice);
  };
  const foldAll = (list: readonly BreakerFact[]): BreakerState =>
    list.reduce((now, fact) => {
      const next = fold.apply(now, throughJson(fact));
      if (next === undefined) throw new Error(`${fact.type} has no arrow`);
      return next;
    }, state);
  const perform = async (command: Command): Promise<Reply> => {
    if (quarantined !== undefined) {
      return { ok: false, refusal: { kind: 'quarantined', detail: quarantined } };
    }
    const at = Math.max(lastAt, clock.now());
    const decision = breakerKind.decide(command, state, { at, chance: chance(), actor: 'tester' });
    if (!decision.ok) return decision;
    const next = foldAll(decision.facts);
    const restricting = decision.facts.some((fact) => breakerKind.restricts(fact));
    if (restricting) notify({ phase: 'restricting', facts: decision.facts, state: next });
    const { delayMs = 0, fails = false } = plan();
    if (delayMs > 0) await pause(clock, delayMs);
    if (fails && decision.facts.length > 0) {
      if (restricting) notify({ phase: 'withdrawn', state });
      return { ok: false, refusal: { kind: 'journal-unavailable', detail: 'away' } };
    }
    if (decision.facts.length > 0) {
      state = next;
      lastAt = at;
      facts.push(...decision.facts);
      notify({ phase: 'durable', facts: decision.facts, state });
      rearm();
    }
    return {
      ok: true,
      facts: decision.facts,
      state,
      revision: facts.length - 1,
      position: facts.length,
    };
  };
  const submit = (command: Command, { commandId }: CommandContext): Promise<Reply> => {
    asked.push({ command, id: commandId });
    const answer = tail.then(() => perform(command));
    tail = answer;
    return answer;
  };
  const rearm = (): void => {
    const owed = breakerKind.outstanding(state).filter((each) => each.kind === 'timer');
    for (const [name, armed] of timers) {
      if (owed.some((each) => each.name === name && each.generation === armed.generation)) continue;
      armed.cancel();
      timers.delete(name);
    }
    for (const each of owed) if (!timers.has(each.name)) arm(each);
  };
  const arm = ({ name, generation, dueAt, delayMs }: Extract<Owed, { kind: 'timer' }>): void => {
    const left = Math.min(Math.max(0, dueAt - clock.now()), delayMs);
    const fire = (): void => {
      void submit({ type: 'TimerDue', name, generation }, context(`timer ${name}`)).then(
        (answer) => {
          if (!answer.ok) timers.set(name, { generation, cancel: clock.after(1000, fire) });
        },
      );
    };
    timers.set(name, { generation, cancel: clock.after(left, fire) });
  };
  return {
    stream: 'breaker-tested',
    state: () => state,
    revision: () => facts.length - 1,
    commandRevision: () => -1,
    ask: submit,
    watch(listener) {
      watchers.add(listener);
      return () => watchers.delete(listener);
    },
    quarantined: () => quarantined,
    send: (command) => submit(command, context(command.type)),
    facts,
    asked,
    quarantine(why) {
      quarantined = why;
    },
  };
}

/** As a store would give it back. */
export function throughJson(fact: BreakerFact): BreakerFact {
  const { type, schema, data } = breakerKind.codec.encode(fact);
  const stored = JSON.parse(JSON.stringify(data)) as JsonObject;
  return breakerKind.codec.decode(type, schema, stored);
}

function pause(clock: VirtualClock, ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(ms, resolve);
  });
}
