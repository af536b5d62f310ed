/** Commands that steer collectors: one by name, or several with a result each. */
import type { Command } from 'commander';
import {
  BatchAction,
  CollectorServiceService as Collectors,
} from '../../gen/headgate/v1/collector_service.js';
import type { CollectorSelector } from '../../gen/headgate/v1/collector_service.js';
import { CollectorState, CollectorType, Health } from '../../gen/headgate/v1/words.js';
import type { ClientFlags } from '../client-options.js';
import { EXIT, UsageInvalid } from '../exit.js';
import { answerLines, batchLines } from '../render/answers.js';
import type { CommandAnswer } from '../render/answers.js';
import { clientCommand } from '../session.js';
import type { Opener, Session } from '../session.js';
import { addGuards, guarded, guardedOne, ttlOf } from './guards.js';
import type { GuardFlags } from './guards.js';

type SteerFlags = ClientFlags &
  GuardFlags & { readonly all?: true; readonly type?: keyof typeof TYPES };

const TYPES = {
  onchain: CollectorType.COLLECTOR_TYPE_ONCHAIN,
  social: CollectorType.COLLECTOR_TYPE_SOCIAL,
  market_data: CollectorType.COLLECTOR_TYPE_MARKET_DATA,
  sentiment: CollectorType.COLLECTOR_TYPE_SENTIMENT,
} as const;

type Verb = {
  readonly word: string;
  readonly about: string;
  readonly examples: readonly string[];
  readonly action: BatchAction;
  readonly ttl?: string;
  readonly one: (session: Session, name: string, flags: GuardFlags) => Promise<CommandAnswer>;
};

const VERBS: readonly Verb[] = [
  {
    word: 'enable',
    about: 'want collectors to run; lifts a suspension',
    examples: ['enable moralis', 'enable --type onchain --reason "plan upgraded"'],
    action: BatchAction.BATCH_ACTION_ENABLE,
    ttl: 'disable it again after so long, e.g. 2h',
    one: (session, name, flags) =>
      session.ask(Collectors.enableCollector, { name, ...guardedOne(flags), ...ttlOf(flags) }),
  },
  {
    word: 'disable',
    about: 'want collectors not to run: what is in flight ends, nothing new leaves',
    examples: ['disable twitter --reason "too dear"', 'disable --all --ttl 30m'],
    action: BatchAction.BATCH_ACTION_DISABLE,
    ttl: 'enable it again after so long, e.g. 2h',
    one: (session, name, flags) =>
      session.ask(Collectors.disableCollector, { name, ...guardedOne(flags), ...ttlOf(flags) }),
  },
  {
    word: 'restart',
    about: 'end what is in flight, disconnect and connect again; limits learned stay',
    examples: ['restart reddit', 'restart moralis glassnode'],
    action: BatchAction.BATCH_ACTION_RESTART,
    one: (session, name, flags) =>
      session.ask(Collectors.restartCollector, { name, ...guardedOne(flags) }),
  },
  {
    word: 'collect',
    about: 'begin a run now, ahead of what waits for the rate limit',
    examples: ['collect historical', 'collect --all --dry-run'],
    action: BatchAction.BATCH_ACTION_COLLECT,
    one: (session, name, flags) =>
      session.ask(Collectors.collectNow, { name, ...guardedOne(flags) }),
  },
];

export function addSteering(root: Command, open: Opener): void {
  for (const verb of VERBS) addVerb(root, open, verb);
  const unblock = clientCommand(
    root,
    'unblock',
    'go on at once after a quota was raised: opens blocked quotas',
    ['unblock moralis', 'unblock glassnode month'],
  )
    .argument('<name>', 'the collector')
    .argument('[bucket]', 'only this quota (default: all that are blocked)');
  addGuards(unblock);
  unblock.action((name: string, bucket: string | undefined, flags: SteerFlags) =>
    open(flags, async (session) => {
      const named = bucket === undefined ? {} : { bucket };
      const request = { name, ...named, ...guardedOne(flags) };
      return told(session, await session.ask(Collectors.unblockQuota, request));
    }),
  );
  const unquarantine = clientCommand(
    root,
    'unquarantine',
    'load and verify a quarantined collector again; it runs if it is sound (admin)',
    ['unquarantine moralis --reason "journal repaired"'],
  ).argument('<name>', 'the collector');
  addGuards(unquarantine);
  unquarantine.action((name: string, flags: SteerFlags) =>
    open(flags, async (session) => {
      const request = { name, ...guardedOne(flags) };
      return told(session, await session.ask(Collectors.unquarantineCollector, request));
    }),
  );
}

function addVerb(root: Command, open: Opener, verb: Verb): void {
  const command = clientCommand(root, verb.word, verb.about, verb.examples)
    .argument('[name...]', 'the collectors')
    .option('--all', 'all collectors there are')
    .option('--type <type>', `all of a type: ${Object.keys(TYPES).join(', ')}`);
  addGuards(command, verb.ttl === undefined ? {} : { ttl: verb.ttl });
  command.action((names: readonly string[], flags: SteerFlags) => {
    check(names, flags);
    return open(flags, (session) => {
      const [name] = names;
      const isOne = name !== undefined && names.length === 1;
      return isOne ? one(session, verb, name, flags) : several(session, verb, names, flags);
    });
  });
}

/** @throws {UsageInvalid} it is not clear which collectors are meant. */
function check(names: readonly string[], { all, type, ifMatch }: SteerFlags): void {
  const ways = [names.length > 0, all === true, type !== undefined].filter((each) => each).length;
  if (ways !== 1) throw new UsageInvalid(['give either names, or --all, or --type']);
  if (type !== undefined && !(type in TYPES)) {
    throw new UsageInvalid([`--type: must be one of ${Object.keys(TYPES).join(', ')}`]);
  }
  if (new Set(names).size < names.length) throw new UsageInvalid(['a name is given twice']);
  if (ifMatch !== undefined && names.length !== 1) {
    throw new UsageInvalid(['--if-match: is about one collector; give one name']);
  }
}

async function one(session: Session, verb: Verb, name: string, flags: SteerFlags): Promise<number> {
  return told(session, await verb.one(session, name, flags));
}

/** Prints what came of it. */
export function told(session: Session, answer: CommandAnswer): number {
  session.show(answer, () => answerLines(answer, session.view()));
  return EXIT.ok;
}

async function several(
  session: Session,
  { action }: Verb,
  names: readonly string[],
  flags: SteerFlags,
): Promise<number> {
  const selector: CollectorSelector = {
    state: CollectorState.COLLECTOR_STATE_UNSPECIFIED,
    type: flags.type === undefined ? CollectorType.COLLECTOR_TYPE_UNSPECIFIED : TYPES[flags.type],
    status: Health.HEALTH_UNSPECIFIED,
    q: '',
  };
  const answer = await session.ask(Collectors.batchCollectors, {
    ...(names.length > 0 ? { names: [...names] } : { selector }),
    ...guarded(flags),
    ...ttlOf(flags),
    request_id: flags.requestId ?? '',
    action,
  });
  session.show(answer, () => batchLines(answer.results, session.view(), answer.dry_run));
  return answer.failed > 0 ? EXIT.refused : EXIT.ok;
}
