/** `headgate token`: bearer tokens, made, listed and ended; the first ones while no service runs. */
import type { Command } from 'commander';
import {
  AdminServiceService as Admin,
  CreateTokenRequest,
  RevokeTokenRequest,
} from '../../gen/headgate/v1/admin_service.js';
import type { Token } from '../../gen/headgate/v1/admin_service.js';
import { Role } from '../../gen/headgate/v1/words.js';
import { isoTime } from '../../kernel/time.js';
import type { DurationMs, EpochMs } from '../../kernel/types.js';
import type { ClientFlags } from '../client-options.js';
import { UsageInvalid } from '../exit.js';
import type { Plain } from '../plain.js';
import { answerLines, plannedLines } from '../render/answers.js';
import { momentText } from '../render/moments.js';
import { tableLines } from '../render/table.js';
import type { Column } from '../render/table.js';
import { clientCommand } from '../session.js';
import type { Opener, Session, View } from '../session.js';
import { addGuards, guarded, ttlOf } from './guards.js';
import type { GuardFlags } from './guards.js';

export const ROLES = ['viewer', 'operator', 'admin'] as const;
export type RoleWord = (typeof ROLES)[number];

/** Tokens of a journal that no service has open. The texts of refusals are errors' messages. */
export type OfflineTokens = {
  create(
    file: string,
    wish: {
      readonly name: string;
      readonly role: RoleWord;
      readonly ttlMs?: DurationMs;
      readonly reason?: string;
    },
  ): Promise<{ readonly secret: string; readonly id: string; readonly expiresAt?: EpochMs }>;
};

export type TokenParts = {
  readonly open: Opener;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** Absent: this program makes none without a service. */
  readonly offline?: OfflineTokens;
};

type CreateFlags = ClientFlags &
  GuardFlags & { readonly role: string; readonly name: string; readonly journal?: string };

export function addToken(root: Command, parts: TokenParts): void {
  const { open } = parts;
  const group = root.command('token').description('bearer tokens: make, list, revoke (admin)');
  const create = clientCommand(
    group,
    'create',
    'make a token; it is printed once, alone on standard output',
    [
      'token create --role operator --name ops',
      'token create --role admin --name first --journal data/journal.db',
    ],
  )
    .requiredOption('--role <role>', `what it may do: ${ROLES.join(', ')}`)
    .requiredOption('--name <name>', 'whose it is: the audit has it as token:<name>')
    .option('--journal <file>', 'write into this journal; no service may run on it');
  addGuards(create, {
    ttl: 'it ends by itself after so long, e.g. 90d',
    ifMatch: false,
    requestId: false,
  });
  create.action((flags: CreateFlags) => {
    const role = roleOf(flags.role);
    if (flags.journal !== undefined) return offline(flags.journal, role, flags, parts);
    return open(flags, (session) => createToken(session, role, flags));
  });
  clientCommand(group, 'list', 'the tokens there are, without their secrets', [
    'token list',
  ]).action((flags: ClientFlags) =>
    open(flags, async (session) => {
      const answer = await session.ask(Admin.listTokens, {});
      session.show(answer, () => tokenLines(answer.tokens, session.view()));
      return undefined;
    }),
  );
  const revoke = clientCommand(group, 'revoke', 'end a token at once and for good', [
    'token revoke 4f6d --reason "laptop lost"',
  ]).argument('<id>', 'its id, as `token list` shows it');
  addGuards(revoke, { ifMatch: false });
  revoke.action((id: string, flags: ClientFlags & GuardFlags) =>
    open(flags, async (session) => {
      const key = { request_id: flags.requestId ?? '' };
      const request = RevokeTokenRequest.fromPartial({ id, ...guarded(flags), ...key });
      const answer = await session.ask(Admin.revokeToken, request);
      session.show(answer, () => answerLines(answer, session.view()));
      return undefined;
    }),
  );
}

/** @throws {UsageInvalid} */
function roleOf(text: string): RoleWord {
  const role = ROLES.find((each) => each === text);
  if (role !== undefined) return role;
  throw new UsageInvalid([
    `--role: must be one of ${ROLES.join(', ')}, got ${JSON.stringify(text)}`,
  ]);
}

const ROLE: Readonly<Record<RoleWord, Role>> = {
  viewer: Role.ROLE_VIEWER,
  operator: Role.ROLE_OPERATOR,
  admin: Role.ROLE_ADMIN,
};

const SHOWN_ONCE = 'this is the only time it is shown: only a hash of it is kept';

async function createToken(
  session: Session,
  role: RoleWord,
  flags: CreateFlags,
): Promise<undefined> {
  const { name } = flags;
  const request = CreateTokenRequest.fromPartial({
    name,
    role: ROLE[role],
    ...guarded(flags),
    ...ttlOf(flags),
  });
  const answer = await session.ask(Admin.createToken, request);
  if (answer.dry_run) {
    session.show(answer, () => plannedLines(answer.events, session.view()));
    return undefined;
  }
  const id = answer.token?.id ?? '';
  session.note(`made ${id} for token:${name}, ${role}; ${SHOWN_ONCE}`);
  session.show(answer, () => [answer.secret]);
  return undefined;
}

async function offline(
  file: string,
  role: RoleWord,
  flags: CreateFlags,
  { out, err, offline: tokens }: TokenParts,
): Promise<void> {
  if (flags.dryRun === true) throw new UsageInvalid(['--dry-run: needs the running service']);
  if (flags.server !== undefined) throw new UsageInvalid(['give either --journal or --server']);
  if (tokens === undefined) throw new UsageInvalid(['--journal: is not offered here']);
  const { name, ttl, reason } = flags;
  const made = await tokens.create(file, {
    name,
    role,
    ...(ttl === undefined ? {} : { ttlMs: ttl }),
    ...(reason === undefined ? {} : { reason }),
  });
  err(`headgate: made ${made.id} for token:${name}, ${role}; ${SHOWN_ONCE}\n`);
  const { id, secret, expiresAt } = made;
  const ends = expiresAt === undefined ? null : isoTime(expiresAt);
  const whole = { secret, token: { id, name, role, expires_at: ends } };
  out(`${flags.json === true ? JSON.stringify(whole) : secret}\n`);
}

export function tokenLines(tokens: readonly Plain<Token>[], view: View): readonly string[] {
  if (tokens.length === 0) return ['there are no tokens'];
  const { now, zone } = view;
  const moment = (at: string | null): string =>
    at === null ? '-' : momentText(Date.parse(at), zone);
  const columns: readonly Column<Plain<Token>>[] = [
    { title: 'ID', cell: ({ id }) => ({ text: id, tone: 'strong' }) },
    { title: 'NAME', cell: ({ name }) => ({ text: name }) },
    { title: 'ROLE', cell: ({ role }) => ({ text: role ?? '-' }) },
    { title: 'MADE', drop: 1, cell: ({ created_at: at }) => ({ text: moment(at) }) },
    { title: 'BY', drop: 2, cell: ({ created_by: by }) => ({ text: by }) },
    {
      title: 'ENDS',
      min: 8,
      cell: ({ expires_at: ends, revoked_at: revoked }) => {
        if (revoked !== null) return { text: `revoked ${moment(revoked)}`, tone: 'bad' };
        const isOver = ends !== null && Date.parse(ends) <= now;
        if (isOver) return { text: `ended ${moment(ends)}`, tone: 'bad' };
        return { text: ends === null ? 'when revoked' : moment(ends) };
      },
    },
  ];
  return tableLines(columns, tokens, view.paint, view.width);
}
