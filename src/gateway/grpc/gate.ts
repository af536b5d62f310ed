/**
 * Who may make a call, decided before its message is read: nobody while the service stops, nobody with
 * absurd metadata, then who it is, how often they came, what their role allows. What is refused here is
 * told to the audit trail.
 */
import type { Metadata } from '@grpc/grpc-js';
import type { Result } from '../../kernel/types.js';
import { fail, ok } from '../../kernel/types.js';
import { forbidden, rateKey } from '../auth/principal.js';
import type { Gatekeeper, Principal } from '../auth/principal.js';
import type { AuditedOperation, Trail } from '../audit/audit.js';
import type { Role } from '../operation.js';
import type { Problem } from '../problems.js';
import type { CallFacts } from './call-facts.js';
import { text } from './names.js';

/** What the table says of a method; methods that are not in it (health, reflection) are open to all. */
export type GatedOperation = AuditedOperation & { readonly role: Role };

export type GateParts = {
  readonly gatekeeper: Gatekeeper;
  readonly trail: Pick<Trail, 'refused'>;
  readonly operations: ReadonlyMap<string, GatedOperation>;
  readonly metadataBytesMax: number;
  readonly isClosing: () => boolean;
};

export type Passed = Result<Principal | undefined, Problem>;

/** Whether a call may go on, and as whom. Answers at once unless somebody's keys must be fetched. */
export type Gate = (facts: CallFacts, metadata: Metadata) => Passed | Promise<Passed>;

export const STOPPING: Problem = { code: 'stopping', detail: 'the service is shutting down' };
const OPEN: Passed = ok(undefined);

export function gate(parts: GateParts): Gate {
  const { gatekeeper, operations, metadataBytesMax, isClosing } = parts;

  const admit = (
    operation: GatedOperation,
    facts: CallFacts,
    known: Result<Principal, Problem>,
  ): Passed => {
    const principal = known.ok ? known.value : undefined;
    const { problem: spent } = gatekeeper.spend(rateKey(principal, facts.address));
    const problem = spent ?? (known.ok ? forbidden(known.value.role, operation.role) : known.error);
    if (problem === undefined) return known;
    refused(parts.trail, operation, facts, problem, { principal });
    return fail(problem);
  };

  return (facts, metadata) => {
    if (isClosing()) return fail(STOPPING);
    const operation = operations.get(facts.method.path);
    if (operation === undefined) return OPEN;
    if (bytesOf(metadata) > metadataBytesMax) {
      const detail = `the metadata is longer than ${String(metadataBytesMax)} bytes`;
      return fail({ code: 'headers_too_large', detail });
    }
    const authorization = text(metadata, 'authorization');
    const { address } = facts;
    const identity = gatekeeper.identify(
      authorization === undefined ? { address } : { authorization, address },
    );
    return identity instanceof Promise
      ? identity.then((known) => admit(operation, facts, known))
      : admit(operation, facts, identity);
  };
}

/** Tells the trail who was refused, with what is known of them; `target`: the collector it was about. */
export function refused(
  trail: Pick<Trail, 'refused'>,
  operation: AuditedOperation,
  facts: CallFacts,
  problem: Problem,
  { principal, target }: { readonly principal: Principal | undefined; readonly target?: string },
): void {
  const who = {
    ...(principal === undefined ? {} : { actor: principal.name }),
    interface: facts.interface,
    address: facts.address,
    correlationId: facts.requestId,
    ...(target === undefined ? {} : { target }),
  };
  trail.refused(operation, who, problem);
}

function bytesOf(metadata: Metadata): number {
  let bytes = 0;
  const map = metadata.toHttp2Headers();
  for (const key in map) bytes += key.length + lengthOf(map[key]);
  return bytes;
}

function lengthOf(value: number | string | readonly string[] | undefined): number {
  if (value === undefined) return 0;
  if (typeof value === 'object') return value.reduce((sum, each) => sum + each.length, 0);
  return String(value).length;
}
