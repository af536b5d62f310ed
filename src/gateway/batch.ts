/**
 * One command for many collectors, each with its own result. Each item is a command of its own, with an id
 * derived from the batch's: a batch that is repeated after a crash does nothing twice.
 */
import { Type } from '@sinclair/typebox';
import type { Static } from '@sinclair/typebox';
import { derivedId } from '../kernel/ids.js';
import { fail, ok } from '../kernel/types.js';
import type { Result } from '../kernel/types.js';
import { answer } from './answer.js';
import type { Outcome } from './answer.js';
import { COMMANDS } from './commands.js';
import {
  NAME_CHARS_MAX,
  REASON_CHARS_MAX,
  STATES,
  STATUSES,
  TTL_SECONDS_MAX,
  TYPES,
  words,
} from './inputs.js';
import { operation } from './operation.js';
import type { AnyOperation, Caller, CommandIdentity, Handler, Reach } from './operation.js';
import { invalidInput } from './problems.js';
import type { Problem } from './problems.js';
import { batchDone } from './schemas/batch.js';

export const BATCH_MAX = 1_000;
/** Items under way at once. */
const AT_ONCE = 8;

/** What is done to each: an operation, and what its input has beside name, reason and ttl. */
const ACTIONS = {
  enable: { operation: 'enableCollector', ttl: true },
  disable: { operation: 'disableCollector', ttl: true },
  restart: { operation: 'restartCollector' },
  collect: { operation: 'collectNow' },
  reset_circuit_breaker: { operation: 'resetCircuitBreaker' },
  open_circuit_breaker: { operation: 'setCircuitBreakerState', more: { state: 'open' }, ttl: true },
  close_circuit_breaker: { operation: 'setCircuitBreakerState', more: { state: 'closed' } },
} as const satisfies Readonly<Record<string, Action>>;

type Action = {
  readonly operation: string;
  readonly more?: object;
  /** Whether it can end by itself. */
  readonly ttl?: true;
};

const ACTION_WORDS = Object.keys(ACTIONS) as readonly (keyof typeof ACTIONS)[];

const selector = Type.Object(
  {
    state: Type.Optional(words(STATES)),
    type: Type.Optional(words(TYPES)),
    status: Type.Optional(words(STATUSES)),
    q: Type.Optional(Type.String({ maxLength: NAME_CHARS_MAX })),
  },
  { additionalProperties: false, description: 'Which, as the list filters; empty: all.' },
);

export const batchInput = Type.Object(
  {
    names: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: NAME_CHARS_MAX }), {
        minItems: 1,
        maxItems: BATCH_MAX,
        description: 'Which, each once; or a selector.',
        examples: [['moralis', 'historical']],
      }),
    ),
    selector: Type.Optional(selector),
    action: words(ACTION_WORDS),
    reason: Type.Optional(
      Type.String({
        maxLength: REASON_CHARS_MAX,
        description: 'Why, for those who read the trail.',
      }),
    ),
    ttl_seconds: Type.Optional(
      Type.Number({
        minimum: 0.001,
        maximum: TTL_SECONDS_MAX,
        description:
          'Seconds until it ends by itself: of enable, disable and open_circuit_breaker.',
      }),
    ),
  },
  { additionalProperties: false },
);

type BatchInput = Static<typeof batchInput>;

const batchCollectors = operation({
  name: 'batchCollectors',
  summary: 'Does one thing to many collectors, by name or by selector, each with its own result.',
  role: 'operator',
  input: batchInput,
  output: batchDone,
  writes: { facts: factsOfActions(), audit: 'every-call' },
  grpc: { service: 'CollectorService', method: 'BatchCollectors' },
  rest: { method: 'POST', path: '/collectors:batch', query: [] },
  handler: async (input, reach, caller): Promise<Outcome> => {
    const chosen = chosenBy(input, reach, caller);
    if (!chosen.ok) return chosen;
    const results = await inTurns(chosen.value, (name) => one(name, input, reach, caller));
    return told(input, results, caller.guards?.dryRun === true);
  },
});

export const BATCHES: readonly AnyOperation[] = [batchCollectors];

function operationOf(action: Action): AnyOperation {
  const found = COMMANDS.find(({ name }) => name === action.operation);
  if (found === undefined) throw new Error(`no operation ${action.operation}`);
  return found;
}

function factsOfActions(): readonly string[] {
  const facts = Object.values(ACTIONS).flatMap((action) => {
    const { writes } = operationOf(action);
    return 'facts' in writes ? writes.facts : [];
  });
  return [...new Set(facts)];
}

/** Which collectors, in which order. */
function chosenBy(
  { names, selector: by, action, ttl_seconds: ttl }: BatchInput,
  reach: Reach,
  caller: Caller,
): Result<readonly string[], Problem> {
  const wrong = (pointer: string, detail: string) => fail(invalidInput({ pointer, detail }));
  if (caller.guards?.ifMatch !== undefined) {
    return wrong('', 'a batch has no single revision: If-Match (etag) is not for batches');
  }
  const { ttl: mayEnd }: Action = ACTIONS[action];
  if (ttl !== undefined && mayEnd !== true) return wrong('/ttl_seconds', `is not for ${action}`);
  if ((names === undefined) === (by === undefined)) {
    return wrong('', 'give either names or a selector');
  }
  if (names !== undefined) {
    const isOnceEach = new Set(names).size === names.length;
    return isOnceEach ? ok(names) : wrong('/names', 'must hold each name once');
  }
  const found = reach.pages.names(by ?? {});
  if (found.length <= BATCH_MAX) return ok(found);
  const most = `a batch takes at most ${String(BATCH_MAX)}`;
  return wrong('/selector', `fits ${String(found.length)} collectors, and ${most}`);
}

type BatchResult = Static<typeof batchDone>['results'][number];

async function one(
  name: string,
  { action, reason, ttl_seconds }: BatchInput,
  reach: Reach,
  caller: Caller,
): Promise<BatchResult> {
  const { more = {} }: Action = ACTIONS[action];
  const input = {
    name,
    ...more,
    ...(reason === undefined ? {} : { reason }),
    ...(ttl_seconds === undefined ? {} : { ttl_seconds }),
  };
  const handler = operationOf(ACTIONS[action]).handler as unknown as Handler<object>;
  const outcome = await handler(input, reach, { ...caller, command: itemOf(name, reach, caller) });
  if (outcome.ok) return resultOf(name, outcome.value.text);
  const { code, detail } = outcome.error;
  const target = reach.engine.has(name) ? { target: name } : {};
  const why = reason === undefined ? {} : { reason };
  if (caller.guards?.dryRun !== true) {
    reach.trail.refused(batchCollectors, { ...caller, ...target, ...why }, outcome.error);
  }
  const message = `Nothing was done to ${name}`;
  return { collector: name, success: false, changed: false, message, error: { code, detail } };
}

/** The item's own identity: the same whenever the batch is repeated. */
function itemOf(
  name: string,
  { views, clock, newCommandId }: Reach,
  caller: Caller,
): CommandIdentity {
  const batch = caller.command?.id ?? newCommandId();
  const id = derivedId('batch', batch, name);
  const done = views.command(id, clock.now())?.streams ?? [];
  const hash = caller.command?.hash;
  return {
    id,
    operation: batchCollectors.name,
    cause: batch,
    ...(hash === undefined ? {} : { hash }),
    ...(done.length === 0 ? {} : { doneIn: done }),
  };
}

type ItemAnswer = Pick<BatchResult, 'message' | 'changed' | 'etag' | 'events'>;

function resultOf(collector: string, text: string): BatchResult {
  const { message, changed, etag, events } = JSON.parse(text) as ItemAnswer;
  return {
    collector,
    success: true,
    changed,
    message,
    ...(etag === undefined ? {} : { etag }),
    ...(events === undefined ? {} : { events }),
  };
}

/** Every item, `AT_ONCE` of them at a time, in the order given. */
async function inTurns<T>(
  names: readonly string[],
  run: (name: string) => Promise<T>,
): Promise<readonly T[]> {
  const results: T[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let index = next; index < names.length; index = next) {
      next += 1;
      results[index] = await run(names[index] ?? '');
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  return results;
}

function told({ action }: BatchInput, results: readonly BatchResult[], isDry: boolean): Outcome {
  const succeeded = results.filter(({ success }) => success).length;
  const failed = results.length - succeeded;
  const done = `${action}: ${String(succeeded)} of ${String(results.length)} done`;
  const body = {
    message: isDry ? `Dry run: ${done}` : done,
    results,
    succeeded,
    failed,
    ...(isDry ? { dry_run: true } : {}),
  };
  // The batch as a whole is in the trail by its own answer, its items by their facts.
  return answer(body, results.some(({ changed }) => changed) ? {} : { changed: false });
}
