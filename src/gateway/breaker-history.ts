/** A breaker's past: every change with its numbers, and what another policy would have made of it. */
import { breakerReplay, breakerSimulation, breakerTurn, cadenceMs } from '../actors/index.js';
import { policyRefusal } from '../actors/index.js';
import { defaultPolicy } from '../actors/breaker/index.js';
import type { BreakerPolicy } from '../actors/breaker/index.js';
import { Type } from '@sinclair/typebox';
import { isoTime } from '../kernel/time.js';
import { fail, ok } from '../kernel/types.js';
import type { Result } from '../kernel/types.js';
import { answer } from './answer.js';
import type { Outcome } from './answer.js';
import { eventsOf, inSlot, pastAsked, tooLong } from './breaker-past.js';
import type { Past } from './breaker-past.js';
import { breakerHistoryInput, moment, name, upstream } from './history-inputs.js';
import { operation } from './operation.js';
import type { AnyOperation, Caller, Reach } from './operation.js';
import { invalidInput, problemOf } from './problems.js';
import type { Problem } from './problems.js';
import { breakerSettings } from './schemas/breaker-config.js';
import { breakerHistoryPage, simulationPage } from './schemas/history.js';
import { CONFIG_MEMBERS, FIELDS, configOf } from './shapes/breaker-config.js';
import { simulationLine, turnLine } from './shapes/breaker-past.js';

const PAGE_DEFAULT = 100;

const listBreakerHistory = operation({
  name: 'listBreakerHistory',
  summary: 'Every change of a breaker with the numbers it was decided on, oldest first.',
  role: 'viewer',
  input: breakerHistoryInput,
  output: breakerHistoryPage,
  writes: { none: 'it only reads' },
  grpc: { service: 'HistoryService', method: 'ListBreakerHistory' },
  rest: {
    method: 'GET',
    path: '/collectors/{name}/circuit-breaker/history',
    query: ['upstream', 'from', 'to', 'page_size', 'page_token'],
  },
  async handler({ page_size: size = PAGE_DEFAULT, page_token: token, ...asked }, reach, caller) {
    const past = pastAsked(asked, reach);
    if (!past.ok) return past;
    const after = token === undefined ? -1 : revisionOf(token);
    if (after === undefined) {
      return fail(invalidInput({ pointer: '/page_token', detail: 'is not a token of ours' }));
    }
    return inSlot(reach, () => historyPage(past.value, after, size, reach, caller));
  },
});

function revisionOf(token: string): number | undefined {
  return /^r\d{1,15}$/.test(token) ? Number(token.slice(1)) : undefined;
}

async function historyPage(
  { stream, doc, from, to }: Past,
  after: number,
  size: number,
  reach: Reach,
  { signal }: Caller,
): Promise<Outcome> {
  const problem = await tooLong(reach, stream);
  if (problem !== undefined) return fail(problem);
  const replay = breakerReplay();
  const transitions: object[] = [];
  let last = after;
  let next: string | null = null;
  walk: for await (const page of eventsOf(reach, stream, signal)) {
    for (const event of page) {
      const { fact, before, after: then, actor, at, revision, position } = replay.next(event);
      if (at >= to) break walk;
      const turn =
        at < from || revision <= after ? undefined : breakerTurn(fact, before, then, actor);
      if (turn === undefined) continue;
      if (transitions.length === size) {
        next = `r${String(last)}`;
        break walk;
      }
      transitions.push(turnLine({ ...turn, where: { revision, position } }));
      last = revision;
    }
  }
  return answer({
    collector: doc.collector,
    upstream: doc.upstream,
    transitions,
    count: transitions.length,
    next_page_token: next,
    timestamp: isoTime(reach.clock.now()),
  });
}

const simulateInput = Type.Object(
  {
    name,
    upstream,
    config: Type.Optional(Type.Object(breakerSettings, { additionalProperties: false })),
    from: moment,
    to: moment,
  },
  { additionalProperties: false },
);

const simulateBreaker = operation({
  name: 'simulateBreaker',
  summary: 'What a breaker would have done under other settings, over the calls it recorded.',
  role: 'viewer',
  input: simulateInput,
  output: simulationPage,
  writes: { none: 'it folds what was recorded, in memory' },
  grpc: { service: 'HistoryService', method: 'SimulateBreaker' },
  rest: { method: 'POST', path: '/collectors/{name}/circuit-breaker/simulate', query: [] },
  async handler({ config = {}, ...asked }, reach, caller) {
    const past = pastAsked(asked, reach);
    if (!past.ok) return past;
    const policy = policyWith(past.value, config, reach);
    if (!policy.ok) return policy;
    return inSlot(reach, () => simulated(past.value, policy.value, reach, caller));
  },
});

type Settings = { readonly [K in keyof typeof FIELDS]?: number | null };

/** The policy in force, with what was given; what may not be used may not be simulated either. */
function policyWith(
  { doc, docs }: Past,
  config: Settings,
  reach: Reach,
): Result<BreakerPolicy, Problem> {
  const { schedule, requestTimeoutMs, name: collector } = docs.collector;
  const pollIntervalMs = cadenceMs(schedule, reach.clock.now()) || schedule.intervalMs;
  const inForce = defined({ ...doc.policy });
  const given = defined(
    Object.fromEntries(
      CONFIG_MEMBERS.map((member) => [FIELDS[member], config[member] ?? undefined]),
    ),
  );
  const usual = defaultPolicy({ pollIntervalMs, requestTimeoutMs, maxWaitMs: requestTimeoutMs });
  const policy: BreakerPolicy = { ...usual, ...inForce, ...given };
  const refusal = policyRefusal(policy, pollIntervalMs);
  if (refusal === undefined) return ok(policy);
  if (refusal.kind !== 'invalid') return fail(problemOf(refusal, collector));
  const pointer = refusal.field.replace(/^\/policy\//, '/config/');
  return fail(invalidInput({ pointer, detail: refusal.detail }));
}

function defined(members: Readonly<Record<string, number | undefined>>): Partial<BreakerPolicy> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}

async function simulated(
  { stream, doc, from, to }: Past,
  policy: BreakerPolicy,
  reach: Reach,
  { signal }: Caller,
): Promise<Outcome> {
  const problem = await tooLong(reach, stream);
  if (problem !== undefined) return fail(problem);
  const until = Math.min(to, reach.clock.now());
  const simulation = breakerSimulation({ policy, from, to: until });
  walk: for await (const page of eventsOf(reach, stream, signal)) {
    for (const event of page) if (!simulation.add(event)) break walk;
  }
  return answer({
    collector: doc.collector,
    upstream: doc.upstream,
    config: configOf(policy),
    ended_at: isoTime(until),
    ...simulationLine(simulation.end()),
    timestamp: isoTime(reach.clock.now()),
  });
}

export const BREAKER_PAST: readonly AnyOperation[] = [listBreakerHistory, simulateBreaker];
