/** Questions to the audit trail and to the remembered answers. */
import type { EpochMs, JsonObject } from '../kernel/types.js';
import { findCommand, TRAIL } from './audit.js';
import type { AuditDoc } from './audit-docs.js';
import { prefixEnd, sortable } from './projection.js';
import type { ScanRows } from './projection.js';
import type { AuditPage, AuditQuestion, KnownCommand } from './views.js';

/** Rows read at once, and rows looked at for one page: a rare match must not block the thread. */
const SLICE_ROWS = 200;
const LOOKED_AT_MAX = 5_000;

export type AuditQueries = {
  readonly audit: (question: AuditQuestion) => AuditPage;
  readonly command: (id: string, now: EpochMs) => KnownCommand | undefined;
};

export function auditQueries(rows: () => ScanRows): AuditQueries {
  return {
    audit: (question) => pageOf(question, rows()),
    command(id, now) {
      const found = findCommand(rows(), id, now);
      if (found === undefined) return undefined;
      const { hash, answer, streams, at } = found.doc;
      return { hash, answer, streams, at };
    },
  };
}

/** Newest first. A page may be short, or empty, and not the last: `next` says. */
function pageOf(question: AuditQuestion, rows: ScanRows): AuditPage {
  const { since = 0, until, before, limit } = question;
  const from = sortable(since);
  const newest = until === undefined ? prefixEnd('') : sortable(until);
  let to = before !== undefined && before < newest ? before : newest;
  const entries: AuditDoc[] = [];
  for (let lookedAt = 0; lookedAt < LOOKED_AT_MAX; lookedAt += SLICE_ROWS) {
    const slice = rows.scan(TRAIL, { from, to, limit: SLICE_ROWS, order: 'descending' });
    for (const { key, body } of slice) {
      if (!matches(question, body)) continue;
      // One more than asked for: only so is it known that there is a next page.
      if (entries.length === limit) return { entries, next: to };
      entries.push(body);
      to = key;
    }
    const last = slice.at(-1)?.key;
    if (slice.length < SLICE_ROWS || last === undefined) return { entries, next: undefined };
    if (entries.length < limit) to = last;
    else return { entries, next: to };
  }
  return { entries, next: to };
}

function matches(question: AuditQuestion, row: AuditDoc & JsonObject): boolean {
  const { collector, actor, operation, outcome } = question;
  if (collector !== undefined && row.target !== collector) return false;
  if (actor !== undefined && row.actor !== actor) return false;
  if (operation !== undefined && row.operation !== operation) return false;
  return outcome === undefined || row.outcome === outcome;
}
