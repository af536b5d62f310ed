/** One command on one actor: load if need be, decide, append, show (A2, A3, A5, A8). */
import { assert, messageOf } from '../kernel/errors.js';
import { observe } from '../kernel/observe.js';
import { MINUTE_MS, wait } from '../kernel/time.js';
import type { DurationMs } from '../kernel/types.js';
import { NO_STREAM } from '../journal/port.js';
import { appendFacts, type Appended } from './append.js';
import {
  isOwed,
  notify,
  quarantine,
  reconcile,
  reload,
  type AnyCommand,
  type Cell,
  type Job,
} from './cell.js';
import type { Answer, CommandContext } from './handle.js';
import type { ActorState, AnyFact, Circumstances, MachineryCommand } from './kind.js';
import { ActorCorrupt, isPrincipals, loadActor, saveSnapshot, type Resident } from './load.js';
import type { Refusal } from './refusal.js';
import { planned, unchanged, unmet } from './protections.js';
import { stateHash } from './state-hash.js';

/** A7: the least jump. */
const JUMP_MS: DurationMs = MINUTE_MS;

/** A3: how often a raced command is decided again. */
const RACES_MAX = 3;

export async function perform<C, Cmd extends AnyCommand, F extends AnyFact>(
  cell: Cell<C, Cmd, F>,
  job: Job<C, Cmd, F>,
): Promise<Answer<F, C>> {
  for (let attempt = 1; attempt <= RACES_MAX; attempt += 1) {
    const refusal = await ensureLoaded(cell);
    if (refusal !== undefined) return { ok: false, refusal };
    const { resident } = cell;
    assert(resident !== undefined, 'a loaded actor is resident');
    if (job.timer !== undefined && !isOwed(cell, job.timer)) {
      cell.services.statistics.timersStale += 1;
      return unchanged(resident);
    }
    const { command, context } = job;
    // With the actor loaded, and nothing decided in between: again each time it is decided again.
    const answer =
      unmet<C, F>(cell.stream, resident, context) ??
      (await decideAndAppend(cell, resident, command, context));
    if (answer !== 'raced') return answer;
    reload(cell);
  }
  const detail = `${cell.stream} was written by another, three times in a row`;
  return { ok: false, refusal: { kind: 'raced', detail } };
}

async function decideAndAppend<C, Cmd extends AnyCommand, F extends AnyFact>(
  cell: Cell<C, Cmd, F>,
  resident: Resident<C>,
  command: Cmd | MachineryCommand,
  context: CommandContext,
): Promise<Answer<F, C> | 'raced'> {
  // Read once: what is as far ahead of the one as of the other must not lose the time between two looks.
  const now = cell.services.clock.now();
  const at = Math.max(now, resident.lastAt);
  const jumpedMs = jumpOf(cell);
  const circumstances = { at, now, jumpedMs, actor: context.actor };
  const decided = decideSafely(cell, resident, command, circumstances);
  if (!decided.ok) return decided;
  const { facts, state } = decided;
  // Before any gate hears of it, and without a trace: a dry run that would change nothing says so too.
  if (context.dryRun === true) {
    return { ...unchanged(resident), facts, planned: planned(facts, cell.kind.codec) };
  }
  if (facts.length === 0) return unchanged(resident);
  const restricting = facts.some((fact) => cell.kind.restricts(fact));
  if (restricting) notify(cell, { phase: 'restricting', facts, state });
  const { stream, kind } = cell;
  const { codec, foldVersion } = kind;
  const hash = stateHash(state);
  const batch = {
    stream,
    expected: resident.revision,
    facts,
    codec,
    context,
    at,
    stateHash: hash,
    foldVersion,
  };
  const result = await appendFacts(batch, cell.services);
  if (result.kind === 'appended') {
    resident.state = state;
    resident.revision = result.revision;
    if (isPrincipals(context)) resident.commandRevision = result.revision;
    cell.commandRevision = resident.commandRevision;
    resident.lastAt = at;
    cell.driftMs += jumpedMs;
    // Also when it is only being loaded: whoever hears of the facts may look at the state.
    cell.resident = resident;
    cell.services.statistics.facts += facts.length;
    afterFacts(cell, resident, facts);
    return { ok: true, facts, state, revision: result.revision, position: result.position };
  }
  if (restricting) notify(cell, { phase: 'withdrawn', state: resident.state });
  return result.kind === 'raced'
    ? 'raced'
    : { ok: false, refusal: notAppended(cell, command.type, result) };
}

/** A7: a jump of the wall clock that the actor's facts do not show yet; less is ordinary discipline. */
function jumpOf<C, Cmd extends AnyCommand, F extends AnyFact>(cell: Cell<C, Cmd, F>): DurationMs {
  const { clock } = cell.services;
  const jumpedMs = Math.round(clock.now() - clock.monotonic() - cell.driftMs);
  return Math.abs(jumpedMs) > JUMP_MS ? jumpedMs : 0;
}

/** Why the facts are not in the journal, and what that means for the actor. */
function notAppended<C, Cmd extends AnyCommand, F extends AnyFact>(
  cell: Cell<C, Cmd, F>,
  command: string,
  result: Exclude<Appended, { kind: 'appended' } | { kind: 'raced' }>,
): Refusal {
  switch (result.kind) {
    case 'unavailable':
      return { kind: 'journal-unavailable', detail: result.detail };
    case 'rejected':
      return crashed(cell, command, result.cause);
    case 'corrupt':
      quarantine(cell, result.detail);
      return { kind: 'quarantined', detail: result.detail };
    case 'fenced':
      quarantine(cell, `epoch ${String(result.epoch)} owns ${cell.stream}`);
      return { kind: 'not-owner', detail: `another node owns ${cell.stream}` };
  }
}

/** After the facts are durable (A2): readers, timers and work, a snapshot now and then (A9). */
function afterFacts<C, Cmd extends AnyCommand, F extends AnyFact>(
  cell: Cell<C, Cmd, F>,
  resident: Resident<C>,
  facts: readonly F[],
): void {
  notify(cell, { phase: 'durable', facts, state: resident.state });
  reconcile(cell, resident.state);
  if (resident.revision - resident.snapshotRevision < cell.services.limits.snapshotEvery) return;
  const copy = { ...resident };
  resident.snapshotRevision = resident.revision;
  void saveSnapshot(cell.stream, cell.kind.foldVersion, copy, cell.services);
}

type Decided<C, F> =
  | { readonly ok: true; readonly facts: readonly F[]; readonly state: ActorState<C> }
  | { readonly ok: false; readonly refusal: Refusal };

function decideSafely<C, Cmd extends AnyCommand, F extends AnyFact>(
  cell: Cell<C, Cmd, F>,
  resident: Resident<C>,
  command: Cmd | MachineryCommand,
  known: Pick<Circumstances, 'at' | 'now' | 'jumpedMs' | 'actor'>,
): Decided<C, F> {
  const { clock, random, statistics } = cell.services;
  const began = clock.monotonic();
  try {
    const circumstances = { ...known, chance: random.next() };
    const decision = cell.kind.decide(command, resident.state, circumstances);
    if (!decision.ok) return decision;
    return { ok: true, facts: decision.facts, state: folded(cell, resident.state, decision.facts) };
  } catch (thrown) {
    return { ok: false, refusal: crashed(cell, command.type, thrown) };
  } finally {
    observe(statistics.decideSeconds, (clock.monotonic() - began) / 1000);
  }
}

function folded<C, Cmd extends AnyCommand, F extends AnyFact>(
  cell: Cell<C, Cmd, F>,
  before: ActorState<C>,
  facts: readonly F[],
): ActorState<C> {
  let state = before;
  for (const fact of facts) {
    const next = cell.fold.apply(state, fact);
    if (next === undefined) {
      throw new Error(`A6: decided ${fact.type}, no arrow in ${JSON.stringify(state.value)}`);
    }
    state = next;
  }
  return state;
}

/** A8: our own code threw. The command fails, the state is loaded afresh; too often means quarantine. */
function crashed<C, Cmd extends AnyCommand, F extends AnyFact>(
  cell: Cell<C, Cmd, F>,
  command: string,
  thrown: unknown,
): Refusal {
  const errorId = cell.services.random.uuid();
  const stack = thrown instanceof Error ? thrown.stack : undefined;
  cell.services.statistics.crashes += 1;
  cell.log.error('decision threw', { command, error: messageOf(thrown), error_id: errorId, stack });
  reload(cell);
  if (cell.supervisor.crashed() === 'give-up') {
    quarantine(cell, `crashed too often, last on ${command}: ${messageOf(thrown)}`);
  }
  return { kind: 'crashed', detail: `${command} could not be decided`, errorId };
}

/** Loads the actor unless it is in memory. A refusal says why it can't be used now. */
export async function ensureLoaded<C, Cmd extends AnyCommand, F extends AnyFact>(
  cell: Cell<C, Cmd, F>,
): Promise<Refusal | undefined> {
  if (cell.quarantine !== undefined) return { kind: 'quarantined', detail: cell.quarantine };
  if (cell.resident !== undefined) return undefined;
  const pause = cell.supervisor.pauseMs();
  if (pause > 0) await wait(cell.services.clock, pause);
  try {
    cell.loading ??= cell.services.recoveries(() => withDeadline(cell, load(cell)));
    await cell.loading;
    return undefined;
  } catch (thrown) {
    if (thrown instanceof ActorCorrupt) {
      quarantine(cell, thrown.message);
      return { kind: 'quarantined', detail: thrown.message };
    }
    cell.log.error('actor could not be loaded', { error: messageOf(thrown) });
    return { kind: 'journal-unavailable', detail: messageOf(thrown) };
  } finally {
    cell.loading = undefined;
  }
}

async function withDeadline<C, Cmd extends AnyCommand, F extends AnyFact>(
  cell: Cell<C, Cmd, F>,
  loading: Promise<void>,
): Promise<void> {
  const { clock, limits } = cell.services;
  let cancel = (): void => undefined;
  const late = new Promise<never>((_, reject) => {
    cancel = clock.after(limits.recoveryTimeoutMs, () => {
      reject(
        new Error(`${cell.stream} was not loaded within ${String(limits.recoveryTimeoutMs)} ms`),
      );
    });
  });
  try {
    await Promise.race([loading, late]);
  } finally {
    cancel();
    loading.catch(() => undefined); // a late failure has been reported as lateness
  }
}

async function load<C, Cmd extends AnyCommand, F extends AnyFact>(
  cell: Cell<C, Cmd, F>,
): Promise<void> {
  const { services } = cell;
  const began = services.clock.monotonic();
  const resident = await loadActor(cell.kind, cell.fold, cell.stream, services);
  services.statistics.loads += 1;
  if (resident.revision !== NO_STREAM) {
    // A5: first settle what a crash left open; only then is anything owed begun.
    const recovered = await decideAndAppend(
      cell,
      resident,
      { type: 'Recover' },
      services.system('recovery'),
    );
    if (recovered === 'raced' || !recovered.ok) {
      const why = recovered === 'raced' ? 'raced' : recovered.refusal.detail;
      throw new Error(`recovery of ${cell.stream} failed: ${why}`);
    }
    const { settled } = services.statistics;
    for (const { type } of recovered.facts) settled[type] = (settled[type] ?? 0) + 1;
  }
  cell.resident = resident;
  cell.commandRevision = resident.commandRevision;
  cell.last = undefined;
  reconcile(cell, resident.state);
  notify(cell, { phase: 'durable', facts: [], state: resident.state });
  observe(services.statistics.loadSeconds, (services.clock.monotonic() - began) / 1000);
}
