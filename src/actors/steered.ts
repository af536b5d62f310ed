/** What came of steering: the answers of one or several actors, put together. */
import type { Position, StreamId } from '../kernel/types.js';
import type { PlannedEvent, Steered } from './engine.js';
import type { Answer } from './handle.js';
import type { Refusal } from './refusal.js';

export type Done = Extract<Steered, { readonly ok: true }>;

/** Nothing had to change. */
export const NOTHING_DONE: Done = { ok: true, changed: false, position: 0 };

export function steered<F, C>(stream: StreamId, answer: Answer<F, C>): Steered {
  if (!answer.ok) return answer;
  const { facts, planned, repeated, position } = answer;
  const changed = facts.length > 0 || repeated === true;
  if (planned === undefined) return { ok: true, changed, position };
  return { ok: true, changed, position, events: planned.map((fact) => ({ stream, ...fact })) };
}

/** One after the other. */
export function andThen(first: Done, then: Done): Done {
  const position: Position = Math.max(first.position, then.position);
  const changed = first.changed || then.changed;
  if (first.events === undefined && then.events === undefined) {
    return { ok: true, changed, position };
  }
  const events: readonly PlannedEvent[] = [...(first.events ?? []), ...(then.events ?? [])];
  return { ok: true, changed, position, events };
}

export function refused(refusal: Refusal): Steered {
  return { ok: false, refusal };
}
