/**
 * Conditional commands: the etag of a collector, and what `If-Match` means to the actors it stands for.
 *
 * E1 A component is the sum over its streams of (command revision + 1): while the collector has the same
 *    upstreams it only grows, and only by principals' commands. Usage never moves it.
 * E2 Only the component of the command's target is compared. What was compared is handed to each actor as
 *    its `ifRevision`, read in the same step: between comparison and decision nobody slips through.
 * E3 A command that wrote in an earlier life had its condition met then: it is not asked for again.
 */
import type { Revision, StreamId } from '../kernel/types.js';
import type { Member } from './assembly.js';
import type { SteerContext, Steered } from './engine.js';
import type { CommandContext } from './handle.js';
import { refused } from './steered.js';

/** What a command is aimed at. */
export type Target = 'collector' | 'breaker' | 'limiter';

type Revised = { readonly stream: StreamId; commandRevision(): Revision };

/** Where "c.b.l" has each. */
const PLACE: Readonly<Record<Target, number>> = { collector: 0, breaker: 1, limiter: 2 };

/** "c.b.l", as memory has it. */
export function etagOf(member: Member): string {
  const sums = (Object.keys(PLACE) as readonly Target[]).map((target) => sum(member, target));
  return sums.join('.');
}

/** The context one actor is asked in. */
export type ContextFor = (handle: Revised) => CommandContext;

/** Steers if the caller's condition holds; refused as stale it says what the revisions are now. */
export async function conditioned(
  member: Member,
  target: Target,
  { ifMatch, ...context }: SteerContext,
  steer: (contextFor: ContextFor) => Promise<Steered>,
): Promise<Steered> {
  const handles = handlesOf(member, target);
  const wasMet = handles.some(({ stream }) => context.doneIn?.has(stream) === true);
  if (ifMatch === undefined || wasMet) return steer(() => context);
  if (componentOf(ifMatch, target) !== sum(member, target)) return stale(member, target, ifMatch);
  const seen = new Map(handles.map((handle) => [handle.stream, handle.commandRevision()]));
  const answer = await steer(({ stream }) => {
    const ifRevision = seen.get(stream);
    return ifRevision === undefined ? context : { ...context, ifRevision };
  });
  return answer.ok || answer.refusal.kind !== 'stale' ? answer : stale(member, target, ifMatch);
}

function stale(member: Member, target: Target, ifMatch: string): Steered {
  const etag = etagOf(member);
  const detail = `the ${target} revision was changed: the revisions are ${etag}, not ${ifMatch}`;
  return refused({ kind: 'stale', detail, etag });
}

/** A malformed etag has no component, and so matches nothing. */
function componentOf(ifMatch: string, target: Target): number | undefined {
  if (!/^\d{1,15}\.\d{1,15}\.\d{1,15}$/.test(ifMatch)) return undefined;
  return Number(ifMatch.split('.')[PLACE[target]]);
}

function sum(member: Member, target: Target): number {
  return handlesOf(member, target).reduce((all, each) => all + each.commandRevision() + 1, 0);
}

function handlesOf({ handle, upstreams }: Member, target: Target): readonly Revised[] {
  if (target === 'collector') return [handle];
  if (target === 'breaker') return upstreams.map((upstream) => upstream.handle);
  return [...new Set(upstreams.map(({ scope }) => scope.handle))];
}
