/** The operations that read the audit trail: who did, or tried, what, and what proves it. */
import { Type } from '@sinclair/typebox';
import { HeadsSealed } from '../gen/headgate/events/v1/service.js';
import { isoTime } from '../kernel/time.js';
import type { EpochMs } from '../kernel/types.js';
import { fail } from '../kernel/types.js';
import type { AuditDoc } from '../projections/views.js';
import { answer } from './answer.js';
import { OUTCOMES } from './audit/audit.js';
import { momentOf, NAME_CHARS_MAX, nothing, PAGE_SIZE_MAX, words } from './inputs.js';
import { operation } from './operation.js';
import type { AnyOperation } from './operation.js';
import { invalidInput } from './problems.js';
import type { InputError } from './problems.js';
import { auditHead, auditPage } from './schemas/audit.js';

const PAGE_SIZE = 100;
const ACTOR_CHARS_MAX = 300;

const name = (description: string) =>
  Type.Optional(Type.String({ minLength: 1, maxLength: NAME_CHARS_MAX, description }));
const moment = (description: string) =>
  Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 40,
      'x-format': 'date-time',
      description,
      examples: ['2026-11-23T15:26:32Z'],
    }),
  );

export const auditInput = Type.Object(
  {
    collector: name('Only commands about this collector.'),
    actor: Type.Optional(
      Type.String({
        maxLength: ACTOR_CHARS_MAX,
        description: 'Only commands of this principal; empty: of those nobody knew.',
        examples: ['token:ops'],
      }),
    ),
    operation: name('Only calls of this operation, as the directory at / names it.'),
    outcome: Type.Optional(words(OUTCOMES)),
    from: moment('At or after: ISO 8601 with an offset.'),
    to: moment('Before: ISO 8601 with an offset.'),
    page_size: Type.Optional(Type.Integer({ minimum: 1, maximum: PAGE_SIZE_MAX })),
    page_token: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 60,
        description: '`next_page_token` of the page before; absent: the first page.',
        'x-reference': 'a token of ours',
      }),
    ),
  },
  { additionalProperties: false },
);

/** A page token is where the read model's next page begins: a moment and a position. */
const TOKEN = /^\d{15}\/\d{15}$/;

const listAudit = operation({
  name: 'listAudit',
  summary: 'Who did, or tried, what: commands newest first, with what came of them.',
  role: 'operator',
  input: auditInput,
  output: auditPage,
  writes: { none: 'it reads' },
  grpc: { service: 'HistoryService', method: 'ListAudit' },
  rest: {
    method: 'GET',
    path: '/audit',
    query: ['collector', 'actor', 'operation', 'outcome', 'from', 'to', 'page_size', 'page_token'],
  },
  handler: (input, { views, clock }) => {
    const { from, to, page_size, page_token, ...filters } = input;
    const errors: InputError[] = [];
    const since = momentIn('/from', from, errors);
    const until = momentIn('/to', to, errors);
    const before = page_token && Buffer.from(page_token, 'base64url').toString('latin1');
    if (before !== undefined && !TOKEN.test(before)) {
      errors.push({ pointer: '/page_token', detail: 'is not a token of ours' });
    }
    if (errors.length > 0) return fail(invalidInput(...errors));
    const { entries, next } = views.audit({
      ...filters,
      ...(since === undefined ? {} : { since }),
      ...(until === undefined ? {} : { until }),
      ...(before === undefined ? {} : { before }),
      limit: page_size ?? PAGE_SIZE,
    });
    return answer({
      entries: entries.map(entryOf),
      count: entries.length,
      next_page_token: next === undefined ? null : Buffer.from(next).toString('base64url'),
      timestamp: isoTime(clock.now()),
    });
  },
});

function momentIn(
  pointer: string,
  text: string | undefined,
  errors: InputError[],
): EpochMs | undefined {
  const at = text === undefined ? undefined : momentOf(text);
  if (text !== undefined && at === undefined) {
    errors.push({ pointer, detail: 'must be ISO 8601 with an offset, e.g. 2026-11-23T15:26:32Z' });
  }
  return at;
}

function entryOf(doc: AuditDoc) {
  const { commandId, correlationId, at, facts, ...rest } = doc;
  const { position, actor, address, operation: called, target, reason } = rest;
  return {
    position,
    timestamp: isoTime(at),
    actor,
    interface: rest.interface,
    address,
    operation: called,
    target,
    reason,
    outcome: rest.outcome,
    code: rest.code,
    detail: rest.detail,
    count: rest.count,
    command_id: commandId,
    correlation_id: correlationId,
    facts: facts.map(({ type }) => type),
  };
}

const getAuditHead = operation({
  name: 'getAuditHead',
  summary: 'The newest seal of the journal: keep it elsewhere to prove later that nothing was cut.',
  role: 'viewer',
  input: nothing,
  output: auditHead,
  writes: { none: 'it reads' },
  rest: { method: 'GET', path: '/audit/head', query: [] },
  handler: async (_input, { journal, service, clock }) => {
    const stream = `heads-${service().node}`;
    const head = await journal.streamHead(stream);
    const last = head && (await journal.read(stream, head.revision, 1)).events[0];
    const seal = last?.type === 'HeadsSealed' ? HeadsSealed.fromJSON(last.data) : undefined;
    return answer({
      head:
        seal === undefined
          ? null
          : {
              position: seal.position,
              merkle_root: seal.merkleRoot,
              sealed_at: isoTime(seal.atMs),
            },
      timestamp: isoTime(clock.now()),
    });
  },
});

export const AUDIT: readonly AnyOperation[] = [listAudit, getAuditHead];
