/**
 * After a plan was upgraded: the quotas of a collector's scopes open, and whoever was suspended for one of
 * them goes on. First the limiters, then the collectors: who starts finds its way free. A repeat after a
 * crash between the two lifts what is left.
 */
import type { Position } from '../kernel/types.js';
import type { Member } from './assembly.js';
import type { Steered } from './engine.js';
import type { CommandContext } from './handle.js';
import type { Refusal } from './refusal.js';
import type { Scope } from './scopes.js';

/** Refused where nothing is blocked, and where nothing that is can be opened by a word. */
export async function unblockQuota(
  members: readonly Member[],
  member: Member,
  bucket: string | undefined,
  context: CommandContext,
): Promise<Steered> {
  const scopes = [...new Set(member.upstreams.map(({ scope }) => scope))];
  const unknown = bucket === undefined ? undefined : unknownBucket(scopes, bucket);
  if (unknown !== undefined) return { ok: false, refusal: unknown };
  const opened = await openScopes(scopes, bucket, context);
  if ('refusal' in opened) return { ok: false, refusal: opened.refusal };
  let { position } = opened;
  for (const each of members) {
    const isItself = each === member;
    // Itself also where its block ran out, or its bucket is not known, and only the suspension is left.
    const isLeft = isItself && bucket === undefined && opened.full === undefined;
    if (!isLeft && !isOver(each, opened)) continue;
    const answer = await lift(each, isItself ? 'operator' : 'cause_ended', context);
    // What another collector of the scope cannot record holds nobody up: it tries again by itself.
    if (!answer.ok && isItself) return answer;
    if (answer.ok) position = Math.max(position, answer.position);
  }
  if (position > 0) return { ok: true, changed: true, position };
  return { ok: false, refusal: opened.full ?? nothing(member.setup.name, bucket) };
}

/** Only the primary upstream's quota suspends a collector. */
function isOver({ upstreams: [primary] }: Member, { scopes }: Opened): boolean {
  return primary !== undefined && scopes.includes(primary.scope);
}

function lift({ handle }: Member, cause: string, context: CommandContext) {
  return handle.ask({ type: 'LiftSuspension', of: 'quota', cause }, context);
}

type Opened = {
  readonly scopes: readonly Scope[];
  readonly position: Position;
  /** What of them stays closed, if nothing was opened. */
  readonly full: Refusal | undefined;
};

async function openScopes(
  scopes: readonly Scope[],
  bucket: string | undefined,
  context: CommandContext,
): Promise<Opened | { readonly refusal: Refusal }> {
  const opened: Scope[] = [];
  let position: Position = 0;
  let full: Refusal | undefined;
  for (const scope of scopes) {
    const command = { type: 'UnblockQuota', ...(bucket !== undefined && { bucket }) } as const;
    const answer = await scope.handle.ask(command, context);
    if (!answer.ok) {
      if (answer.refusal.kind !== 'illegal-state') return { refusal: answer.refusal };
      full ??= answer.refusal;
      continue;
    }
    if (answer.facts.length === 0) continue;
    opened.push(scope);
    position = Math.max(position, answer.position);
  }
  return { scopes: opened, position, full };
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
