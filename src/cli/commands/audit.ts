/** `headgate audit`: who did what, when, from where, why, and what came of it. */
import type { Command } from 'commander';
import {
  AuditOutcome,
  HistoryServiceService as History,
  ListAuditRequest,
} from '../../gen/headgate/v1/history_service.js';
import type { AuditEntry } from '../../gen/headgate/v1/history_service.js';
import type { ClientFlags } from '../client-options.js';
import { UsageInvalid } from '../exit.js';
import { countGiven, momentGiven } from '../given.js';
import type { Since } from '../given.js';
import type { Plain } from '../plain.js';
import { auditLines } from '../render/facts.js';
import { clientCommand } from '../session.js';
import type { Opener, Session } from '../session.js';
import { spanOf } from './span.js';

type AuditFlags = ClientFlags & {
  readonly collector?: string;
  readonly actor?: string;
  readonly operation?: string;
  readonly outcome?: string;
  readonly since?: Since;
  readonly limit?: number;
};

const OUTCOMES: Readonly<Record<string, AuditOutcome>> = {
  success: AuditOutcome.AUDIT_OUTCOME_SUCCESS,
  no_op: AuditOutcome.AUDIT_OUTCOME_NO_OP,
  denied: AuditOutcome.AUDIT_OUTCOME_DENIED,
  failed: AuditOutcome.AUDIT_OUTCOME_FAILED,
};

const LIMIT_DEFAULT = 50;
const PAGE_SIZE_MAX = 1000;

export function addAudit(root: Command, open: Opener): void {
  const outcomes = Object.keys(OUTCOMES).join(', ');
  clientCommand(root, 'audit', 'who did what, when, by which door and why; newest first', [
    'audit --collector moralis --since 24h',
    'audit --actor token:ops --outcome denied',
  ])
    .option('--collector <name>', 'only about this collector')
    .option('--actor <principal>', 'only by this one, e.g. token:ops')
    .option('--operation <name>', 'only this operation, e.g. disableCollector')
    .option('--outcome <word>', `only with this outcome: ${outcomes}`)
    .option('--since <moment>', 'from here on: ISO 8601 with an offset, or ago', momentGiven)
    .option('--limit <n>', `at most so many (default: ${String(LIMIT_DEFAULT)})`, countGiven)
    .action((flags: AuditFlags) => {
      const { outcome } = flags;
      if (outcome !== undefined && OUTCOMES[outcome] === undefined) {
        throw new UsageInvalid([`--outcome: must be one of ${outcomes}`]);
      }
      return open(flags, (session) => audit(session, flags));
    });
}

async function audit(session: Session, flags: AuditFlags): Promise<undefined> {
  const { limit = LIMIT_DEFAULT, since, outcome = '' } = flags;
  const { from } = spanOf(since === undefined ? {} : { from: since }, session.clock.now());
  const entries: Plain<AuditEntry>[] = [];
  let token = '';
  do {
    const request = ListAuditRequest.fromPartial({
      collector: flags.collector ?? '',
      // Empty is somebody too: those who were not known.
      ...(flags.actor === undefined ? {} : { actor: flags.actor }),
      operation: flags.operation ?? '',
      outcome: OUTCOMES[outcome] ?? AuditOutcome.AUDIT_OUTCOME_UNSPECIFIED,
      page_size: Math.min(PAGE_SIZE_MAX, limit - entries.length),
      page_token: token,
      ...(from === undefined ? {} : { from }),
    });
    const answer = await session.ask(History.listAudit, request);
    entries.push(...answer.entries);
    token = answer.next_page_token;
  } while (token !== '' && entries.length < limit);
  session.show({ entries, count: entries.length }, () => auditLines(entries, session.view()));
  return undefined;
}
