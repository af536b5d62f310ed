/**
 * Folds facts through a chart, fast: the one place where XState runs.
 *
 * Its public `transition()` builds an actor system per call; here each chart has one inert scope
 * and one working snapshot per configuration, and both are reused. And since nothing in these
 * charts can branch (3), XState is asked once per configuration and type of fact: where the arrow
 * leads and what it assigns is kept, and from then on only the assignments run. Property tests
 * hold all of it equal to `transition()`.
 *
 * 1. `apply` is pure to its caller: the state it is given is never changed, and equal arguments
 *    give equal results. What is reused inside never leaves this file.
 * 2. A state is plain data. Its `value` is interned, so that a fact costs no search for chart
 *    nodes.
 * 3. A chart that could branch by itself (guard, `always`, `after`, `invoke`, history) is refused
 *    when its folder is made: old streams would not fold the same for ever.
 * 4. An arrow is kept only when running its assignments gave exactly what XState gave; any other
 *    (an action that is no `assign`, say) goes through XState each time.
 */
import { createActor, initialTransition } from 'xstate';
import type { AnyActorScope, AnyMachineSnapshot, AnyStateMachine, AnyStateNode } from 'xstate';
import { assert } from '../kernel/errors.js';
import { canonicalJson } from '../kernel/canonical.js';
import type { ActorState, AnyFact } from './kind.js';

export type Folder<C, F extends AnyFact = AnyFact> = {
  /** The state of a stream without events. */
  readonly initial: () => ActorState<C>;
  /** The state after one more fact; undefined when the chart has no arrow for it there (A6). */
  readonly apply: (state: ActorState<C>, fact: F) => ActorState<C> | undefined;
  /** A stored state made usable again; undefined when the chart has no such configuration. */
  readonly resolve: (stored: unknown) => ActorState<C> | undefined;
};

/**
 * One configuration of a chart: its value, a snapshot whose context is overwritten for each use,
 * and the arrows that were learnt, by type of fact.
 */
type Configuration = {
  readonly value: unknown;
  readonly snapshot: AnyMachineSnapshot;
  readonly arrows: Map<string, Arrow>;
};

/** The assignments of an arrow, in order, and the value of the configuration it leads to. */
type Arrow = { readonly value: unknown; readonly assignments: readonly Assignment[] };
type Assignment = (args: { readonly context: object; readonly event: AnyFact }) => object;

/**
 * One folder per chart, however many actors ask for it: it is worth as much memory as ten actors.
 */
const folders = new WeakMap<AnyStateMachine, Folder<unknown>>();

/**
 * The fold of one chart; the same chart, the same folder.
 * @throws {InvariantViolated} the chart could branch by itself.
 */
export function folder<C, F extends AnyFact = AnyFact>(machine: AnyStateMachine): Folder<C, F> {
  const known = folders.get(machine) ?? makeFolder<unknown>(machine);
  folders.set(machine, known);
  return known as Folder<C, F>;
}

function makeFolder<C>(machine: AnyStateMachine): Folder<C> {
  assertPure(machine.root);
  const scope = inertScope(machine);
  const canLearn = isDoneByArrows(machine.root);
  const byValue = new Map<unknown, Configuration>();
  const byKey = new Map<string, Configuration>();

  const configurationOf = (snapshot: AnyMachineSnapshot): Configuration => {
    const value = snapshot.value as unknown;
    const key = canonicalJson(value);
    const known = byKey.get(key);
    if (known !== undefined) return known;
    const made = { value, snapshot, arrows: new Map<string, Arrow>() };
    byKey.set(key, made);
    byValue.set(value, made);
    return made;
  };
  const [first] = initialTransition(machine) as [AnyMachineSnapshot, unknown];
  const start = { value: configurationOf(first).value, context: first.context as C };

  return {
    initial: () => start,
    apply(state, fact) {
      const at = byValue.get(state.value) ?? configurationOf(snapshotOf(machine, state));
      const known = at.arrows.get(fact.type);
      if (known !== undefined) {
        return { value: known.value, context: assigned(known, state.context as object, fact) as C };
      }
      const before = at.snapshot;
      before.context = state.context;
      const after = machine.transition(before, fact, scope as never) as AnyMachineSnapshot;
      if (after === before) return undefined;
      // An arrow that stays keeps the very array of nodes.
      const { value } = after._nodes === before._nodes ? at : configurationOf(after);
      const assignments = canLearn ? assignmentsOf(machine, before, fact) : undefined;
      if (assignments !== undefined) {
        const arrow = { value, assignments };
        if (isFaithful(arrow, state.context as object, fact, after))
          at.arrows.set(fact.type, arrow);
      }
      return { value, context: after.context as C };
    },
    resolve(stored) {
      if (!isState<C>(stored)) return undefined;
      try {
        const found = snapshotOf(machine, stored);
        // XState fills in what a value leaves out; a state that is not whole is not believed.
        if (canonicalJson(found.value) !== canonicalJson(stored.value)) return undefined;
        return { value: configurationOf(found).value, context: stored.context };
      } catch {
        return undefined; // a state this chart no longer has
      }
    },
  };
}

/** What the arrows of this fact assign, in order; undefined: not all of it can be run without XState. */
function assignmentsOf(
  machine: AnyStateMachine,
  before: AnyMachineSnapshot,
  fact: AnyFact,
): readonly Assignment[] | undefined {
  const actions = machine.getTransitionData(before, fact).flatMap((arrow) => arrow.actions);
  const assignments = actions.map(assignmentOf);
  return assignments.every((each) => each !== undefined) ? assignments : undefined;
}

function assignmentOf(action: unknown): Assignment | undefined {
  const { type, assignment } = action as { readonly type?: unknown; readonly assignment?: unknown };
  const isFunction = type === 'xstate.assign' && typeof assignment === 'function';
  return isFunction ? (assignment as Assignment) : undefined;
}

/** Entering and leaving states does nothing: all that a fact does is on its arrows. */
function isDoneByArrows(node: AnyStateNode): boolean {
  const isQuiet = node.entry.length === 0 && node.exit.length === 0;
  return isQuiet && Object.values(node.states).every(isDoneByArrows);
}

/** As XState does it: each assignment sees what those before it assigned. */
function assigned(arrow: Arrow, context: object, event: AnyFact): object {
  let now = context;
  for (const assignment of arrow.assignments)
    now = { ...now, ...assignment({ context: now, event }) };
  return now;
}

/** 4. */
function isFaithful(
  arrow: Arrow,
  context: object,
  fact: AnyFact,
  after: AnyMachineSnapshot,
): boolean {
  return JSON.stringify(assigned(arrow, context, fact)) === JSON.stringify(after.context);
}

/** @throws {Error} the chart has no such state. */
function snapshotOf(machine: AnyStateMachine, state: ActorState<unknown>): AnyMachineSnapshot {
  const config = { value: state.value, context: state.context };
  return machine.resolveState(config as never) as AnyMachineSnapshot;
}

function isState<C>(stored: unknown): stored is ActorState<C> {
  if (typeof stored !== 'object' || stored === null) return false;
  const { value, context } = stored as { readonly value?: unknown; readonly context?: unknown };
  return value !== undefined && typeof context === 'object' && context !== null;
}

/** What XState's own inert scope holds; its `transition()` makes a new one per call. */
function inertScope(machine: AnyStateMachine): AnyActorScope {
  const self = createActor(machine);
  return {
    self,
    id: '',
    sessionId: '',
    system: self.system,
    logger: () => undefined,
    defer: () => undefined,
    emit: () => undefined,
    stopChild: () => undefined,
    actionExecutor: () => undefined,
  };
}

/** @throws {InvariantViolated} naming the node and what it must not have. */
export function assertPure(node: AnyStateNode): void {
  const what = impurityOf(node);
  assert(what === undefined, `chart node ${node.id} has ${what ?? ''}: it could branch by itself`);
  for (const child of Object.values(node.states)) assertPure(child);
}

function impurityOf(node: AnyStateNode): string | undefined {
  if (node.type === 'history') return 'history';
  if (node.invoke.length > 0) return 'an invoke';
  if ((node.always?.length ?? 0) > 0) return 'an always arrow';
  if (node.after.length > 0) return 'an after arrow';
  const arrows = [...node.transitions.values()].flat();
  if (arrows.some((arrow) => arrow.guard !== undefined)) return 'a guard';
  return undefined;
}
