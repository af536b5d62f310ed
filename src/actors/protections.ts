/** What a command may ask to be protected from: a stale view, an effect, a repeat (handle.ts). */
import type { StreamId } from '../kernel/types.js';
import type { Answer, CommandContext, PlannedFact } from './handle.js';
import type { AnyFact, FactCodec } from './kind.js';
import type { Resident } from './load.js';

type Unchanged<F, C> = Extract<Answer<F, C>, { readonly ok: true }>;

export function unchanged<C, F>({ state, revision }: Resident<C>): Unchanged<F, C> {
  return { ok: true, facts: [], state, revision, position: 0 };
}

/** The answer to a command that is not to be decided: done in an earlier life, or stale. */
export function unmet<C, F>(
  stream: StreamId,
  resident: Resident<C>,
  { doneIn, ifRevision }: CommandContext,
): Answer<F, C> | undefined {
  if (doneIn?.has(stream) === true) return { ...unchanged(resident), repeated: true };
  const { commandRevision } = resident;
  if (ifRevision === undefined || ifRevision === commandRevision) return undefined;
  const is = `${stream} is at command revision ${String(commandRevision)}`;
  return { ok: false, refusal: { kind: 'stale', detail: `${is}, not ${String(ifRevision)}` } };
}

/** Facts as the journal would have them. */
export function planned<F extends AnyFact>(
  facts: readonly F[],
  codec: FactCodec<F>,
): readonly PlannedFact[] {
  return facts.map((fact) => {
    const { type, data } = codec.encode(fact);
    return { type, data };
  });
}
