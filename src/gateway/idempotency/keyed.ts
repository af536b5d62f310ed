/**
 * Commands with an idempotency key: done once, answered the same for a day.
 *
 * K1 A key belongs to its principal; the command id is derived from both, so a repeat after a crash is the
 *    same command to every actor.
 * K2 Whoever repeats while the first is under way shares what comes of it, a refusal included.
 * K3 A success is answered only once its text is durable (`CommandAnswered`): every repeat reads that text.
 * K4 Nothing is decided before the index of remembered answers has reached the journal's head at start.
 * K5 Events without an answer (a crash came between) are not written again: the engine is told which
 *    streams have them.
 * K6 A flight that failed may have written before it did: its repeat waits until
 *    the index shows all there is.
 */
import type { Clock } from '../../kernel/time.js';
import { fail } from '../../kernel/types.js';
import type { DurationMs, Position } from '../../kernel/types.js';
import type { KnownCommand, Views } from '../../projections/views.js';
import type { Outcome } from '../answer.js';
import type { Answered, Refused, Trail } from '../audit/audit.js';
import { outcomeUnknown, overloaded } from '../problems.js';
import type { Problem } from '../problems.js';
import { flights } from './flights.js';
import type { Flights, Landed } from './flights.js';
import { commandHash, commandIdOf, keyProblem } from './key.js';

/** What was asked under which key. */
export type KeyedAsk = {
  readonly key: string;
  readonly operation: string;
  readonly input: object;
  readonly ifMatch?: string | undefined;
  readonly target: string;
  readonly who: Refused & { readonly actor: string };
};

/** What the command is known by, to whoever carries it out. */
export type KeyedCommand = {
  readonly id: string;
  readonly operation: string;
  readonly hash: string;
  readonly doneIn?: readonly string[];
};

export interface Keyed {
  /** `attempt` carries it out, at most once at a time; it never rejects. Waits as long as that takes. */
  run(ask: KeyedAsk, attempt: (as: KeyedCommand) => Promise<Outcome>): Promise<Outcome>;
}

export type KeyedParts = {
  readonly views: Pick<Views, 'position' | 'caughtUp' | 'command'>;
  readonly trail: Trail;
  readonly clock: Clock;
  readonly limits: { readonly commandWaitMs: DurationMs };
};

export function keyedCommands(parts: KeyedParts): Keyed {
  const { views, trail, clock, limits } = parts;
  const underWay = flights(() => views.position());
  return {
    async run(ask, attempt) {
      const wrong = keyProblem(ask.key);
      if (wrong !== undefined) return fail(wrong);
      const id = commandIdOf(ask.who.actor, ask.key);
      const from = underWay.isDoubtful(id) ? await trail.head() : trail.beganAt;
      if (!(await isShown(views, from, limits.commandWaitMs))) return fail(NO_INDEX);
      // From here on to the flight nothing waits: two repeats cannot both find nothing.
      const hash = commandHash(ask.operation, ask.input, ask.ifMatch);
      const flying = underWay.find(id);
      if (flying !== undefined) return flying.hash === hash ? flying.outcome : fail(CONFLICT);
      const known = views.command(id, clock.now());
      if (known !== undefined && known.hash !== hash) return fail(CONFLICT);
      if (known?.answer) return { ok: true, value: { ...known.answer, shared: false } };
      const as = { id, operation: ask.operation, hash, ...doneIn(known) };
      return takeOff(underWay, as, () => carry(ask, as, attempt, trail));
    },
  };
}

const NO_INDEX: Problem = {
  code: 'view_behind',
  detail: 'what was answered before is not known yet; nothing was done',
};
const CONFLICT: Problem = {
  code: 'idempotency_conflict',
  detail: 'this key was used for another request within 24 hours; use a fresh key',
};

/** K4, K6. */
async function isShown(
  views: KeyedParts['views'],
  position: Position,
  waitMs: DurationMs,
): Promise<boolean> {
  return views.position() >= position || views.caughtUp(position, waitMs);
}

/** K5. */
function doneIn(known: KnownCommand | undefined): Pick<KeyedCommand, 'doneIn'> {
  return known === undefined || known.streams.length === 0 ? {} : { doneIn: known.streams };
}

function takeOff(
  underWay: Flights,
  { id, hash }: KeyedCommand,
  go: () => Promise<Landed>,
): Promise<Outcome> | Outcome {
  const flight = underWay.open(id, hash, go);
  return flight?.outcome ?? fail(overloaded('too many keyed commands are under way'));
}

/** K3. */
async function carry(
  ask: KeyedAsk,
  as: KeyedCommand,
  attempt: (as: KeyedCommand) => Promise<Outcome>,
  trail: Trail,
): Promise<Landed> {
  const outcome = await attempt(as);
  if (!outcome.ok) return { outcome };
  const { text, etag, changed } = outcome.value;
  const told: Answered = {
    commandId: as.id,
    operation: as.operation,
    outcome: changed === false ? 'no_op' : 'success',
    target: ask.target,
    who: ask.who,
    hash: as.hash,
    answer: { text, ...(etag === undefined ? {} : { etag }) },
  };
  try {
    return { outcome, position: await trail.answered(told) };
  } catch {
    const detail = 'its answer could not be kept; send it again with the same key';
    return { outcome: fail(outcomeUnknown(detail)) };
  }
}
