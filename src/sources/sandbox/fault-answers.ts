/**
 * What a fault makes of an answer: another answer, the same one spoiled, or a broken delivery.
 */
import { unreachable, type EpochMs, type Json } from '../../kernel/types.js';
import type { ActingFault } from './fault-deck.js';
import type { FaultOf } from './fault-kinds.js';
import type { Answer, Refusal } from './provider.js';

/** How an answer is put on the wire. */
export type Delivery =
  | { readonly kind: 'whole' }
  | { readonly kind: 'never' }
  | { readonly kind: 'reset'; readonly at: 'before_headers' | 'mid_body' }
  | { readonly kind: 'cut_short' }
  | { readonly kind: 'drip'; readonly bytes: number; readonly everyMs: number }
  | { readonly kind: 'padding'; readonly bytes: number; readonly gzip: boolean };

/** Without a usable Retry-After a client that comes back within this time is hammering. */
const HAMMERING_MS = 1000;
const RETRY_AFTER_S = 2;
const BAN_S = 120;
const DRIP_BYTES = 1;
const DRIP_EVERY_MS = 100;
const HUGE_BYTES = 256 * 1024 ** 2;
const BYTE_ORDER_MARK = '\uFEFF';

/** What a fault acts on: the provider's voice, and the answer it would have given. */
export type Scene = {
  readonly at: EpochMs;
  /** The request's own path and query, as it came: where a redirect to itself leads. */
  readonly target: string;
  /** Content type of the provider's JSON. */
  readonly jsonType: string;
  word(refusal: Refusal): Answer;
  /** The honest answer; asked for only where the fault needs it. */
  honest(): Answer | Promise<Answer>;
};

function page(status: number): string {
  const title = `${String(status)} error`;
  return `<html>\r\n<head><title>${title}</title></head>\r\n<body>\r\n<center><h1>${title}</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n`;
}

const html = (status: number): Answer['body'] => ({
  kind: 'text',
  text: page(status),
  contentType: 'text/html',
});

/** The header, and the moment up to which it forbids; an HTTP-date has whole seconds only. */
function retryAfter(fault: FaultOf<'status'>, at: EpochMs): { header?: string; until: EpochMs } {
  const until = at + (fault.retryAfterSeconds ?? RETRY_AFTER_S) * 1000;
  const form = fault.retryAfter ?? (fault.status === 429 ? 'seconds' : 'none');
  switch (form) {
    case 'seconds':
      return { header: String(fault.retryAfterSeconds ?? RETRY_AFTER_S), until };
    case 'http_date': {
      const whole = Math.ceil(until / 1000) * 1000;
      return { header: new Date(whole).toUTCString(), until: whole };
    }
    case 'garbage':
      return { header: 'soon, 12:not-a-date', until: at + HAMMERING_MS };
    case 'none':
      return { until: at + HAMMERING_MS };
    default:
      return unreachable(form);
  }
}

function statusAnswer(fault: FaultOf<'status'>, scene: Scene): Answer {
  const { header, until } = retryAfter(fault, scene.at);
  const worded = fault.status === 429 ? scene.word({ kind: 'throttled' }).body : undefined;
  const bodies: Record<'empty' | 'html' | 'json', Answer['body']> = {
    empty: { kind: 'empty' },
    html: html(fault.status),
    json: worded ?? { kind: 'json', value: { message: `injected ${String(fault.status)}` } },
  };
  const forbids = fault.status === 429 || (fault.status === 503 && header !== undefined);
  return {
    status: fault.status,
    body: bodies[fault.body ?? (worded === undefined ? 'empty' : 'json')],
    ...(header === undefined ? {} : { headers: { 'retry-after': header } }),
    ...(forbids ? { forbids: { cause: 'rate_limit', until } } : {}),
  };
}

function retyped(value: Json): Json {
  if (typeof value === 'string')
    return Number.isFinite(Number(value)) ? Number(value) : value.length;
  if (typeof value === 'number') return String(value);
  if (typeof value === 'boolean') return value ? 'true' : 'false';
  return value === null ? 'null' : [value];
}

/** Renames or retypes a field wherever it occurs: a member of objects, a column of rows. */
export function drifted(value: Json, fault: FaultOf<'schema_drift'>): Json {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) {
    const items = value as readonly Json[];
    const isRow =
      items.length > 0 && items.every((item) => item === null || typeof item !== 'object');
    if (!isRow) return items.map((item) => drifted(item, fault));
    const column = fault.field ?? 0;
    if (fault.drift === 'rename') return items.filter((_, index) => index !== column);
    return items.map((item, index) => (index === column ? retyped(item) : item));
  }
  const members = Object.entries(value as Readonly<Record<string, Json>>);
  const field = fault.field ?? members.find(([, item]) => typeof item !== 'object')?.[0];
  return Object.fromEntries(
    members.map(([name, item]) => {
      if (name !== field) return [name, drifted(item, fault)];
      return fault.drift === 'rename' ? [`${name}_v2`, item] : [name, retyped(item)];
    }),
  );
}

function textOf(answer: Answer): string {
  if (answer.body.kind === 'json') return JSON.stringify(answer.body.value);
  return answer.body.kind === 'text' ? answer.body.text : '';
}

function invalidJson(fault: FaultOf<'invalid_json'>, answer: Answer, jsonType: string): Answer {
  const text = textOf(answer);
  const form = fault.form ?? 'cut';
  const spoiled =
    form === 'bom'
      ? `${BYTE_ORDER_MARK}${text}`
      : form === 'html'
        ? page(200)
        : text.slice(0, Math.max(1, Math.floor(text.length / 2)));
  return { ...answer, body: { kind: 'text', text: spoiled, contentType: jsonType } };
}

const whole = (answer: Answer): Faulted => ({ answer, delivery: { kind: 'whole' } });

export type Faulted = { readonly answer: Answer; readonly delivery: Delivery };

/** The answer and the way it is delivered, once this fault had its say. */
export async function underFault(fault: ActingFault, scene: Scene): Promise<Faulted> {
  switch (fault.kind) {
    case 'status':
      return whole(statusAnswer(fault, scene));
    case 'auth_revoked':
      return whole(scene.word({ kind: 'unauthorized' }));
    case 'quota_gone':
      return whole(scene.word({ kind: 'quota_gone' }));
    case 'ban': {
      const until = scene.at + (fault.seconds ?? BAN_S) * 1000;
      return whole(scene.word({ kind: 'banned', until }));
    }
    case 'redirect': {
      const headers = { location: fault.location ?? scene.target };
      return whole({ status: 302, headers, body: { kind: 'empty' } });
    }
    default:
      return spoilt(fault, await scene.honest(), scene.jsonType);
  }
}

type Spoiling = Exclude<
  ActingFault,
  { kind: 'status' | 'auth_revoked' | 'quota_gone' | 'ban' | 'redirect' }
>;

function spoilt(fault: Spoiling, answer: Answer, jsonType: string): Faulted {
  switch (fault.kind) {
    case 'timeout':
      return { answer, delivery: { kind: 'never' } };
    case 'reset':
      return { answer, delivery: { kind: 'reset', at: fault.at } };
    case 'truncated':
      return { answer, delivery: { kind: 'cut_short' } };
    case 'slow_drip': {
      const { bytes = DRIP_BYTES, everyMs = DRIP_EVERY_MS } = fault;
      return { answer, delivery: { kind: 'drip', bytes, everyMs } };
    }
    case 'huge':
    case 'gzip_bomb': {
      const { bytes = HUGE_BYTES } = fault;
      return { answer, delivery: { kind: 'padding', bytes, gzip: fault.kind === 'gzip_bomb' } };
    }
    case 'content_type': {
      const contentType = fault.value ?? 'text/html; charset=utf-8';
      return whole({ ...answer, body: { kind: 'text', text: textOf(answer), contentType } });
    }
    case 'invalid_json':
      return whole(invalidJson(fault, answer, jsonType));
    case 'schema_drift': {
      if (answer.body.kind !== 'json') return whole(answer);
      return whole({ ...answer, body: { kind: 'json', value: drifted(answer.body.value, fault) } });
    }
    default:
      return unreachable(fault);
  }
}
