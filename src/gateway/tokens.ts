/** The operations about who may call: tokens are made, listed and revoked. */
import { Type } from '@sinclair/typebox';
import { isoTime } from '../kernel/time.js';
import { fail } from '../kernel/types.js';
import { answer } from './answer.js';
import type { Outcome } from './answer.js';
import type { PlannedFact, ShownToken } from './auth/token-book.js';
import type { TokenWriter } from './auth/token-stream.js';
import { REASON_CHARS_MAX, TTL_SECONDS_MAX } from './inputs.js';
import { ROLES, operation } from './operation.js';
import type { AnyOperation, Caller, Reach } from './operation.js';
import type { Problem } from './problems.js';
import { createTokenOutput, listTokensOutput, revokeTokenOutput } from './schemas/tokens.js';

const reason = Type.Optional(Type.String({ maxLength: REASON_CHARS_MAX }));

const createTokenInput = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 63 }),
    role: Type.Union(ROLES.map((role) => Type.Literal(role))),
    ttl_seconds: Type.Optional(Type.Number({ minimum: 1, maximum: TTL_SECONDS_MAX })),
    reason,
  },
  { additionalProperties: false },
);

const revokeTokenInput = Type.Object(
  { id: Type.String({ minLength: 1, maxLength: 64 }), reason },
  { additionalProperties: false },
);

const createToken = operation({
  name: 'createToken',
  summary: 'Makes a bearer token and shows it, this once. From the first on everyone needs one.',
  role: 'admin',
  input: createTokenInput,
  output: createTokenOutput,
  writes: { facts: ['TokenCreated'], audit: 'every-call' },
  grpc: { service: 'AdminService', method: 'CreateToken' },
  rest: { method: 'POST', path: '/tokens', query: [] },
  handler: async ({ name, role, ttl_seconds: ttl, reason: why }, reach, caller) => {
    const problem = unkept(caller, 'createToken');
    if (problem !== undefined) return fail(problem);
    const { tokens, clock } = reach;
    const until = ttl === undefined ? {} : { expiresAt: clock.now() + Math.round(ttl * 1000) };
    const wish = { name, role, ...until };
    const message = `Token ${name} has been created; it is shown only now`;
    if (caller.guards?.dryRun === true) return planned(tokens.planCreate(wish), { message });
    const made = await tokens.create(wish, writer(caller, why, reach));
    if (!made.ok) return made;
    const { token, text: secret } = made.value;
    return answer({ message, secret, token: line(token), changed: true }, { changed: true });
  },
});

const listTokens = operation({
  name: 'listTokens',
  summary: 'The tokens that stand, without their secrets.',
  role: 'admin',
  input: Type.Object({}, { additionalProperties: false }),
  output: listTokensOutput,
  writes: { none: 'it only reads' },
  grpc: { service: 'AdminService', method: 'ListTokens' },
  rest: { method: 'GET', path: '/tokens', query: [] },
  handler: (_input, { tokens }) => {
    const all = tokens.list().toSorted(byName);
    return answer({ tokens: all.map(line), total_count: all.length });
  },
});

const revokeToken = operation({
  name: 'revokeToken',
  summary: 'Refuses a token from now on. Repeating it changes nothing.',
  role: 'admin',
  input: revokeTokenInput,
  output: revokeTokenOutput,
  writes: { facts: ['TokenRevoked'], audit: 'every-call' },
  grpc: { service: 'AdminService', method: 'RevokeToken' },
  // Bodies of DELETE are lost on the way by some: the reason is in the query.
  rest: { method: 'DELETE', path: '/tokens/{id}', query: ['reason'] },
  handler: async ({ id, reason: why }, reach, caller) => {
    const problem = unkept(caller, 'revokeToken');
    if (problem !== undefined) return fail(problem);
    const { tokens } = reach;
    const message = `Token ${id} has been revoked`;
    if (caller.guards?.dryRun === true) return planned(tokens.planRevoke(id), { message, id });
    const done = await tokens.revoke(id, writer(caller, why, reach));
    if (!done.ok) return done;
    const { changed } = done.value;
    return answer({ message, id, changed }, { changed });
  },
});

/** No collector is concerned, so no revision of one; and a repeat cannot be shown what is kept nowhere. */
function unkept({ guards }: Caller, name: string): Problem | undefined {
  if (guards?.ifMatch !== undefined) {
    const detail = 'tokens have no ETag: nothing was done; send it again without';
    return { code: 'header_not_supported', detail };
  }
  if (guards?.key === undefined || name !== 'createToken') return undefined;
  const detail =
    'a token is shown once and kept nowhere, so a repeat could not be answered: send it without a key';
  return { code: 'header_not_supported', detail };
}

function planned(
  facts: { ok: true; value: readonly PlannedFact[] } | { ok: false; error: Problem },
  told: object,
): Outcome {
  if (!facts.ok) return facts;
  const changed = facts.value.length > 0;
  return answer({ ...told, changed, dry_run: true, events: facts.value }, { changed });
}

function writer(caller: Caller, why: string | undefined, { newCommandId }: Reach): TokenWriter {
  const { command, correlationId, actor, interface: door, address } = caller;
  return {
    commandId: command?.id ?? newCommandId(),
    correlationId,
    actor,
    interface: door,
    address,
    ...(command === undefined ? {} : { operation: command.operation }),
    ...(command?.hash === undefined ? {} : { commandHash: command.hash }),
    ...(why === undefined ? {} : { reason: why }),
  };
}

const byName = (a: ShownToken, b: ShownToken): number =>
  a.name === b.name ? a.createdAt - b.createdAt : a.name < b.name ? -1 : 1;

function line(token: ShownToken) {
  const { id, name, role, createdAt, createdBy, expiresAt, lastUsedAt, revokedAt } = token;
  return {
    id,
    name,
    role,
    created_at: isoTime(createdAt),
    created_by: createdBy,
    expires_at: isoTime(expiresAt),
    last_used_at: isoTime(lastUsedAt),
    revoked_at: isoTime(revokedAt),
  };
}

export const TOKENS: readonly AnyOperation[] = [createToken, listTokens, revokeToken];
