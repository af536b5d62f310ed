/**
 * An in-memory actor for one limiter: the real decision, chart, codec and timers over a journal that can
 * be slow or away. It does what the host promises: one command at a time in the order asked, restricting
 * facts shown before they are durable and withdrawn if they do not become so, timers on the monotonic
 * clock. Each fact goes through JSON, as it would through a store.
 */
import type { Answer, CommandContext, Notice } from '../../src/actors/handle.js';
import type { Owed } from '../../src/actors/kind.js';
import {
  limiterKind,
  type LimiterContext,
  type LimiterFact,
  type LimiterHandle,
  type LimiterState,
} from '../../src/actors/limiter/index.js';
import type { Cancel } from '../../src/kernel/time.js';
import type { JsonObject } from '../../src/kernel/types.js';
import type { VirtualClock } from './clock.js';
import { fold, foldAll, type Command } from './limiter-given.js';

type Reply = Answer<LimiterFact, LimiterContext>;

export type FakeLimiter = LimiterHandle & {
  readonly send: (command: Command) => Promise<Reply>;
  /** Durable, oldest first: a restart is a new fake over a copy of it. */
  readonly facts: readonly LimiterFact[];
  readonly asked: readonly Command[];
  /** How long appends take, in virtual ms; `away`: they fail. */
  readonly journal: { delayMs: number; away: boolean };
  readonly quarantine: (why: string | undefined) => void;
  /** The process dies: nothing more is answered. */
  readonly kill: () => void;
};

export const systemContext = (cause: string): CommandContext => ({
  commandId: cause,
  correlationId: cause,
  actor: 'system',
  interface: 'system',
});

export function fakeLimiter(
  clock: VirtualClock,
  history: readonly LimiterFact[] = [],
): FakeLimiter {
  const facts: LimiterFact[] = [...history];
  const asked: Command[] = [];
  const journal = { delayMs: 0, away: false };
  const watchers = new Set<(notice: Notice<LimiterFact, LimiterContext>) => void>();
  const armed = new Map<string, { generation: number; cancel: Cancel }>();
  let state: LimiterState = foldAll(fold.initial(), facts);
  let why: string | undefined;
  let isDead = false;
  let tail: Promise<unknown> = Promise.resolve();

  const show = (notice: Notice<LimiterFact, LimiterContext>): void => {
    for (const watcher of [...watchers]) watcher(notice);
  };
  const arm = (owed: readonly Owed[]): void => {
    const timers = owed.filter((entry) => entry.kind === 'timer');
    for (const [name, entry] of armed) {
      if (timers.some((t) => t.name === name && t.generation === entry.generation)) continue;
      entry.cancel();
      armed.delete(name);
    }
    for (const { name, dueAt, delayMs, generation } of timers) {
      if (armed.has(name)) continue;
      const left = Math.min(Math.max(0, dueAt - clock.now()), delayMs);
      const cancel = clock.after(left, () => {
        void send({ type: 'TimerDue', name, generation });
      });
      armed.set(name, { generation, cancel });
    }
  };
  const perform = async (command: Command): Promise<Reply> => {
    const now = clock.now();
    const at = Math.max(now, facts.at(-1)?.atMs ?? 0);
    const decision = limiterKind.decide(command, state, { at, now, chance: 0.5, actor: 'system' });
    if (!decision.ok) return decision;
    const stored = decision.facts.map(throughJson);
    const next = foldAll(state, stored);
    const isRestricting = stored.some((fact) => limiterKind.restricts(fact));
    if (isRestricting) show({ phase: 'restricting', facts: stored, state: next });
    if (stored.length > 0 && journal.delayMs > 0) {
      await new Promise<void>((resolve) => {
        clock.after(journal.delayMs, resolve);
      });
    }
    if (isDead) return new Promise(() => undefined);
    if (stored.length > 0 && journal.away) {
      if (isRestricting) show({ phase: 'withdrawn', state });
      return { ok: false, refusal: { kind: 'journal-unavailable', detail: 'away' } };
    }
    state = next;
    facts.push(...stored);
    if (stored.length > 0) show({ phase: 'durable', facts: stored, state });
    arm(limiterKind.outstanding(state));
    return { ok: true, facts: stored, state, revision: facts.length - 1, position: facts.length };
  };
  const send = (command: Command): Promise<Reply> => {
    if (isDead) return new Promise(() => undefined);
    asked.push(command);
    const reply = tail.then(() => perform(command));
    tail = reply;
    return reply;
  };
  return {
    stream: 'limiter-sandbox',
    state: () => state,
    revision: () => facts.length - 1,
    commandRevision: () => -1,
    ask: (command) => send(command),
    send,
    watch(listener) {
      watchers.add(listener);
      return () => watchers.delete(listener);
    },
    quarantined: () => why,
    quarantine(reason) {
      why = reason;
    },
    facts,
    asked,
    journal,
    kill() {
      isDead = true;
      watchers.clear();
      for (const entry of armed.values()) entry.cancel();
    },
  };
}

/** As a store would give it back. */
export function throughJson(fact: LimiterFact): LimiterFact {
  const { type, schema, data } = limiterKind.codec.encode(fact);
  return limiterKind.codec.decode(type, schema, JSON.parse(JSON.stringify(data)) as JsonObject);
}
