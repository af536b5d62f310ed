/**
 * After a plan was upgraded: the quotas of a collector's scopes open, and whoever was suspended for one of
 * them goes on. First the limiters, then the collectors: who starts finds its way free. A repeat after a
 * crash between the two lifts what is left.
 */
import type { Member } from './assembly.js';
import { conditioned, type ContextFor } from './conditions.js';
import type { SteerContext, Steered } from './engine.js';
import type { Refusal } from './refusal.js';
import type { Scope } from './scopes.js';
import { andThen, NOTHING_DONE, refused, steered, type Done } from './steered.js';

/** Refused where nothing is blocked, and where nothing that is can be opened by a word. */
export function unblockQuota(
  members: readonly Member[],
  member: Member,
  bucket: string | undefined,
  context: SteerContext,
): Promise<Steered> {
  const scopes = [...new Set(member.upstreams.map(({ scope }) => scope))];
  return conditioned(member, 'limiter', context, async (contextFor) => {
    const unknown = bucket === undefined ? undefined : unknownBucket(scopes, bucket);
    if (unknown !== undefined) return refused(unknown);
    const opened = await openScopes(scopes, bucket, contextFor);
    if ('refusal' in opened) return refused(opened.refusal);
    let { done } = opened;
    for (const each of members) {
      const isItself = each === member;
      // Itself also where its block ran out, or its bucket is not known, and only the suspension is left.
      const isLeft = isItself && bucket === undefined && opened.full === undefined;
      if (!isLeft && !isOver(each, opened)) continue;
      const answer = await lift(each, isItself ? 'operator' : 'cause_ended', contextFor);
      // What another collector of the scope cannot record holds nobody up: it tries again by itself.
      if (!answer.ok && isItself) return answer;
      if (answer.ok) done = andThen(done, answer);
    }
    return done.changed ? done : refused(opened.full ?? nothing(member.setup.name, bucket));
  });
}

/** Only the primary upstream's quota suspends a collector. */
function isOver({ upstreams: [primary] }: Member, { scopes }: Opened): boolean {
  return primary !== undefined && scopes.includes(primary.scope);
}

async function lift({ handle }: Member, cause: string, contextFor: ContextFor): Promise<Steered> {
  const command = { type: 'LiftSuspension', of: 'quota', cause } as const;
  return steered(handle.stream, await handle.ask(command, contextFor(handle)));
}

type Opened = {
  readonly scopes: readonly Scope[];
  readonly done: Done;
  /** What of them stays closed, if nothing was opened. */
  readonly full: Refusal | undefined;
};

async function openScopes(
  scopes: readonly Scope[],
  bucket: string | undefined,
  contextFor: ContextFor,
): Promise<Opened | { readonly refusal: Refusal }> {
  const opened: Scope[] = [];
  let done: Done = NOTHING_DONE;
  let full: Refusal | undefined;
  for (const scope of scopes) {
    const { handle } = scope;
    const command = { type: 'UnblockQuota', ...(bucket !== undefined && { bucket }) } as const;
    const answer = steered(handle.stream, await handle.ask(command, contextFor(handle)));
    if (!answer.ok) {
      if (answer.refusal.kind !== 'illegal-state') return { refusal: answer.refusal };
      full ??= answer.refusal;
      continue;
    }
    if (!answer.changed) continue;
    opened.push(scope);
    done = andThen(done, answer);
  }
  return { scopes: opened, done, full };
}

function unknownBucket(scopes: readonly Scope[], bucket: string): Refusal | undefined {
  const names = scopes.flatMap(({ handle }) =>
    (handle.state().context.config?.buckets ?? []).map(({ name }) => name),
  );
  // A quarantined scope has none to show, and says itself what is wrong with it.
  if (names.length === 0 || names.includes(bucket)) return undefined;
  return { kind: 'invalid', field: '/bucket', detail: `must be one of ${names.join(', ')}` };
}

function nothing(name: string, bucket: string | undefined): Refusal {
  const what = bucket === undefined ? `no quota of ${name}` : `no quota ${bucket} of ${name}`;
  return { kind: 'illegal-state', detail: `${what} is blocked: there is nothing to lift` };
}
