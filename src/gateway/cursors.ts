/** Where the next run of a collector goes on, asked and set; and the way out of quarantine. */
import { Type } from '@sinclair/typebox';
import { canonicalJson } from '../kernel/canonical.js';
import { isoTime } from '../kernel/time.js';
import { fail, ok } from '../kernel/types.js';
import type { Result } from '../kernel/types.js';
import type { CollectorDoc } from '../projections/views.js';
import { answer } from './answer.js';
import { RESERVED_NAMES, name, reason } from './inputs.js';
import { operation } from './operation.js';
import type { AnyOperation, Reach } from './operation.js';
import { collectorNotFound, invalidInput } from './problems.js';
import type { Problem } from './problems.js';
import { missing } from './questions.js';
import { done } from './schemas/commands.js';
import { cursorDone, cursorsTold } from './schemas/cursors.js';
import { moment } from './shapes/numbers.js';
import { steer } from './steer.js';
import type { Command } from './steer.js';

/** As long as a source's own names and cursors may be. */
const SERIES_CHARS_MAX = 512;
const CURSOR_CHARS_MAX = 32 * 1024;

const cursorInput = Type.Object({ name }, { additionalProperties: false });
const setInput = Type.Object(
  {
    name,
    series: Type.Optional(
      Type.String({
        maxLength: SERIES_CHARS_MAX,
        description: 'The series. Left out or empty: the only one it has.',
      }),
    ),
    cursor: Type.String({
      maxLength: CURSOR_CHARS_MAX,
      description:
        'JSON as GET tells it, so that a text stands in quotes. Empty: from the beginning.',
    }),
    reason,
  },
  { additionalProperties: false },
);
const quarantineInput = Type.Object({ name, reason }, { additionalProperties: false });

function cursorsOf({ cursors }: CollectorDoc): object {
  const told = Object.entries(cursors).map(([series, { cursor, ordinal, newestAt }]) => [
    series,
    { cursor, ordinal, newest_at: moment(newestAt) },
  ]);
  return Object.fromEntries(told) as object;
}

/** The place as it is stored: canonical JSON; a beginning is `null`. */
function placeOf(text: string): Result<string, Problem> {
  if (text.trim() === '') return ok('null');
  try {
    return ok(canonicalJson(JSON.parse(text)));
  } catch {
    const detail = 'must be JSON, as GET tells it: a text stands in quotes; empty: the beginning';
    return fail(invalidInput({ pointer: '/cursor', detail }));
  }
}

function seriesOf(of: string, given: string | undefined, reach: Reach): Result<string, Problem> {
  if (given !== undefined && given !== '') return ok(given);
  const known = Object.keys(reach.views.docs(of)?.collector.cursors ?? {});
  const [only] = known;
  if (only !== undefined && known.length === 1) return ok(only);
  const which = known.length === 0 ? 'it has none yet' : `one of ${known.join(', ')}`;
  return fail(invalidInput({ pointer: '/series', detail: `is required: ${which}` }));
}

const getCursor = operation({
  name: 'getCursor',
  summary: 'Where the next run goes on, series by series.',
  role: 'viewer',
  input: cursorInput,
  output: cursorsTold,
  writes: { none: 'reads the views' },
  grpc: { service: 'CollectorService', method: 'GetCursor' },
  rest: { method: 'GET', path: '/collectors/{name}/cursor', query: [] },
  handler: ({ name: of }, reach) => {
    if (RESERVED_NAMES.includes(of)) return fail(collectorNotFound(of));
    const docs = reach.views.docs(of);
    if (docs === undefined) return fail(missing(of, reach));
    const { etag, collector } = docs;
    const timestamp = isoTime(reach.clock.now());
    return answer({ collector: of, cursors: cursorsOf(collector), etag, timestamp }, { etag });
  },
});

const updateCursor = operation({
  name: 'updateCursor',
  summary: 'Sets where a series goes on; only while the collector is disabled and stopped.',
  role: 'operator',
  input: setInput,
  output: cursorDone,
  writes: { facts: ['CursorSet'], audit: 'every-call' },
  grpc: { service: 'CollectorService', method: 'UpdateCursor' },
  rest: { method: 'PATCH', path: '/collectors/{name}/cursor', query: [] },
  handler: (input, reach, caller) => {
    const { name: of } = input;
    if (!reach.engine.has(of)) return fail(collectorNotFound(of));
    const place = placeOf(input.cursor);
    if (!place.ok) return place;
    const series = seriesOf(of, input.series, reach);
    if (!series.ok) return series;
    const command: Command = {
      name: of,
      reason: input.reason,
      message: `Cursor of ${series.value} set for ${of}`,
      ask: (engine, as) => engine.setCursor(of, series.value, place.value, as),
      told: (subject) => ({
        cursors: subject === undefined ? null : cursorsOf(subject.docs.collector),
      }),
    };
    return steer(command, reach, caller);
  },
});

const unquarantineCollector = operation({
  name: 'unquarantineCollector',
  summary: 'Folds again what is quarantined of a collector, its breakers and its limiters.',
  role: 'admin',
  input: quarantineInput,
  output: done,
  writes: { facts: ['CommandAnswered'], audit: 'every-call' },
  grpc: { service: 'CollectorService', method: 'UnquarantineCollector' },
  rest: { method: 'POST', path: '/collectors/{name}/unquarantine', query: [] },
  handler: async ({ name: of, reason: why }, reach, caller) => {
    const command: Command = {
      name: of,
      reason: why,
      message: `Collector ${of} is out of quarantine`,
      ask: (engine, as) => engine.unquarantine(of, as),
    };
    const outcome = await steer(command, reach, caller);
    if (!outcome.ok) return outcome;
    // No actor's fact carries the caller: the trail tells of it in a fact of its own.
    const { changed: _, ...told } = outcome.value;
    return ok(told);
  },
});

export const CURSORS: readonly AnyOperation[] = [getCursor, updateCursor, unquarantineCollector];
