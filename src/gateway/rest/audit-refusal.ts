/** Calls refused at this edge, told to the audit trail: what `call` never saw, it cannot tell. */
import { withoutTokens } from '../../kernel/token-shapes.js';
import type { Caller } from '../operation.js';
import type { Problem } from '../problems.js';
import type { Edge } from './edge.js';
import type { Exchange } from './replies.js';

/** `isKnown`: the caller said who they are, and it was so. */
export function auditRefusal(
  problem: Problem,
  { request, operation }: Exchange,
  edge: Edge,
  caller: Caller,
  isKnown: boolean,
): void {
  // A closing service writes nothing new.
  if (edge.closing) return;
  const { actor, interface: door, address, correlationId } = caller;
  const target = targetOf(request.params);
  const who = {
    interface: door,
    address,
    correlationId,
    ...(isKnown ? { actor } : {}),
    ...(target === undefined ? {} : { target }),
  };
  edge.reach.trail.refused(operation, who, problem);
}

/** The collector of the path, in so many words of the caller as a name may have. */
function targetOf(params: unknown): string | undefined {
  const { name } = (params ?? {}) as { readonly name?: unknown };
  return typeof name === 'string' ? withoutTokens(name).slice(0, TARGET_CHARS_MAX) : undefined;
}

const TARGET_CHARS_MAX = 128;
