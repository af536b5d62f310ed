/** One actor living without a host: commands decided and folded, told as the events a host would append. */
import { folder } from '../../src/actors/fold.js';
import type { ActorKind, ActorState, AnyFact, MachineryCommand } from '../../src/actors/kind.js';
import { stateHash } from '../../src/actors/state-hash.js';
import type { NewEvent } from '../../src/journal/port.js';
import { assert } from '../../src/kernel/errors.js';
import { eventIdOf } from '../../src/kernel/ids.js';
import { seededRandom } from '../../src/kernel/random.js';
import { isoTime } from '../../src/kernel/time.js';

/** The same ids in every run. */
export const random = seededRandom(7);

export type Life<Cmd, F> = {
  readonly stream: string;
  readonly kind: { readonly category: string; readonly foldVersion: number };
  state(): ActorState<unknown>;
  revision(): number;
  lastAt(): number;
  /** Decides and folds. @throws {InvariantViolated} refused. */
  tell(command: Cmd | MachineryCommand, at: number): void;
  /** Fires what is due, in order. */
  lapse(until: number): void;
  /** What was told since it was last taken. */
  takeEvents(): readonly NewEvent[];
  /** The same as facts. Taking one leaves the other. */
  takeFacts(): readonly F[];
};

export function lifeOf<C, Cmd extends { readonly type: string }, F extends AnyFact>(
  kind: ActorKind<C, Cmd, F>,
  stream: string,
): Life<Cmd, F> {
  const fold = folder<C, F>(kind.machine);
  let state = fold.initial();
  let revision = -1;
  let lastAt = 0;
  let events: NewEvent[] = [];
  let facts: F[] = [];
  const tell = (command: Cmd | MachineryCommand, at: number): void => {
    const moment = Math.max(at, lastAt);
    const decision = kind.decide(command, state, { at: moment, chance: 0.5, actor: 'system' });
    assert(decision.ok, `${stream}: ${command.type} is legal`);
    for (const fact of decision.facts) {
      const next = fold.apply(state, fact);
      assert(next !== undefined, `${stream}: ${fact.type} has an arrow`);
      state = next;
    }
    if (decision.facts.length === 0) return;
    lastAt = moment;
    revision += decision.facts.length;
    facts.push(...decision.facts);
    events.push(...eventsOf(kind, stream, decision.facts, stateHash(state), moment));
  };
  return {
    stream,
    kind,
    state: () => state,
    revision: () => revision,
    lastAt: () => lastAt,
    tell,
    lapse(until) {
      for (;;) {
        const due = kind
          .outstanding(state)
          .flatMap((owed) => (owed.kind === 'timer' && owed.dueAt <= until ? [owed] : []))
          .sort((a, b) => a.dueAt - b.dueAt)[0];
        if (due === undefined) return;
        const { name, generation } = due;
        tell({ type: 'TimerDue', name, generation }, due.dueAt);
      }
    },
    takeEvents() {
      const taken = events;
      events = [];
      return taken;
    },
    takeFacts() {
      const taken = facts;
      facts = [];
      return taken;
    },
  };
}

/** As append.ts writes them. */
function eventsOf<C, Cmd extends { readonly type: string }, F extends AnyFact>(
  kind: ActorKind<C, Cmd, F>,
  stream: string,
  facts: readonly F[],
  hash: string,
  at: number,
): readonly NewEvent[] {
  const commandId = random.uuid();
  return facts.map((fact, ordinal): NewEvent => {
    const { type, schema, data } = kind.codec.encode(fact);
    const isLast = ordinal === facts.length - 1;
    return {
      type,
      data,
      metadata: {
        eventId: eventIdOf(commandId, stream, ordinal),
        commandId,
        correlationId: commandId,
        actor: 'system',
        interface: 'system',
        reason: 'schedule',
        recordedAt: isoTime(at),
        schema,
        epoch: 1,
        node: 'bench',
        ...(isLast && { stateHash: hash, foldVersion: kind.foldVersion }),
      },
    };
  });
}
