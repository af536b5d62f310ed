/**
 * What a fault makes of an answer: another answer, the same one spoiled, or a broken delivery.
 */
import { unreachable, type EpochMs, type JsonObject } from '../../kernel/types.js';
import { drifted } from './drift.js';
import type { ActingFault } from './fault-deck.js';
import type { FaultOf } from './fault-schemas.js';
import { hash32 } from './hash.js';
import type { Answer, Refusal } from './provider.js';

/** How an answer is put on the wire. */
export type Delivery =
  | { readonly kind: 'whole' }
  | { readonly kind: 'never' }
  | { readonly kind: 'reset'; readonly at: 'before_headers' | 'mid_body' }
  | { readonly kind: 'not_http' }
  | { readonly kind: 'cut_short' }
  | { readonly kind: 'wrong_length'; readonly claim: 'shorter' | 'longer' }
  | { readonly kind: 'drip'; readonly bytes: number; readonly everyMs: number }
  | { readonly kind: 'padding'; readonly bytes: number; readonly gzip: boolean };

/** Without a usable Retry-After a client that comes back within this time is hammering. */
const HAMMERING_MS = 1000;
const RETRY_AFTER_S = 2;
const BAN_S = 120;
const DRIP_BYTES = 1;
const DRIP_EVERY_MS = 100;
const HUGE_BYTES = 256 * 1024 ** 2;
const GARBAGE_BYTES = 2048;
const NESTED = 10_000;
const REDIRECT_STATUS = 302;
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

function textOf(answer: Answer): string {
  if (answer.body.kind === 'json') return JSON.stringify(answer.body.value);
  if (answer.body.kind === 'bytes') return answer.body.bytes.toString('utf8');
  return answer.body.kind === 'text' ? answer.body.text : '';
}

function typeOf({ body }: Answer, jsonType: string): string {
  return body.kind === 'text' || body.kind === 'bytes' ? body.contentType : jsonType;
}

/** In Latin-1 the letter é is one byte that no UTF-8 has at that place. */
function inCharset(fault: FaultOf<'charset'>, answer: Answer, contentType: string): Answer {
  const text = textOf(answer);
  const bytes =
    fault.encoding === 'latin1'
      ? Buffer.from(text.replace('"', '"\u00e9'), 'latin1')
      : Buffer.from(`${BYTE_ORDER_MARK}${text}`, 'utf16le');
  return { ...answer, body: { kind: 'bytes', bytes, contentType } };
}

function garbage(fault: FaultOf<'garbage'>, at: EpochMs, contentType: string): Answer {
  const text = (body: string): Answer => ({
    status: 200,
    body: { kind: 'text', text: body, contentType },
  });
  switch (fault.form) {
    case 'nested':
      return text('['.repeat(NESTED) + ']'.repeat(NESTED));
    case 'empty':
      return text('');
    case 'null':
      return text('null');
    case 'bytes':
    case undefined: {
      const bytes = Buffer.alloc(GARBAGE_BYTES);
      for (let n = 0; n < GARBAGE_BYTES; n += 4) bytes.writeUInt32LE(hash32(at % 2 ** 32, n), n);
      return { status: 200, body: { kind: 'bytes', bytes, contentType } };
    }
    default:
      return unreachable(fault.form);
  }
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
    case 'throttled':
      return whole(scene.word({ kind: 'throttled' }));
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
      return whole({ status: fault.status ?? REDIRECT_STATUS, headers, body: { kind: 'empty' } });
    }
    case 'error_body': {
      const body = (fault.body ?? { error: 'internal error', code: 500 }) as JsonObject;
      return whole({ status: 200, body: { kind: 'json', value: body } });
    }
    case 'garbage':
      return whole(garbage(fault, scene.at, scene.jsonType));
    default: {
      const answer = await scene.honest();
      const delivery = brokenDelivery(fault);
      return delivery === undefined
        ? whole(spoilt(fault as Spoiling, answer, scene.jsonType))
        : { answer, delivery };
    }
  }
}

type Spoiling = Extract<
  ActingFault,
  { kind: 'content_type' | 'charset' | 'invalid_json' | 'schema_drift' }
>;

/** How a fault of the wire delivers the answer; undefined: it is no fault of the wire. */
function brokenDelivery(fault: ActingFault): Delivery | undefined {
  switch (fault.kind) {
    case 'timeout':
      return { kind: 'never' };
    case 'not_http':
      return { kind: 'not_http' };
    case 'reset':
      return { kind: 'reset', at: fault.at };
    case 'truncated':
      return { kind: 'cut_short' };
    case 'wrong_length':
      return { kind: 'wrong_length', claim: fault.claim };
    case 'slow_drip': {
      const { bytes = DRIP_BYTES, everyMs = DRIP_EVERY_MS } = fault;
      return { kind: 'drip', bytes, everyMs };
    }
    case 'huge':
    case 'gzip_bomb':
      return {
        kind: 'padding',
        bytes: fault.bytes ?? HUGE_BYTES,
        gzip: fault.kind === 'gzip_bomb',
      };
    default:
      return undefined;
  }
}

function spoilt(fault: Spoiling, answer: Answer, jsonType: string): Answer {
  switch (fault.kind) {
    case 'content_type': {
      const contentType = fault.value ?? 'text/html; charset=utf-8';
      return { ...answer, body: { kind: 'text', text: textOf(answer), contentType } };
    }
    case 'charset':
      return inCharset(fault, answer, typeOf(answer, jsonType));
    case 'invalid_json':
      return invalidJson(fault, answer, jsonType);
    case 'schema_drift':
      if (answer.body.kind !== 'json') return answer;
      return { ...answer, body: { kind: 'json', value: drifted(answer.body.value, fault) } };
    default:
      return unreachable(fault);
  }
}
