/**
 * Plays one scenario at a time: sets its faults phase by phase on the clock.
 *
 * 1. Faults of the scenario lie beside those set by hand and never touch them.
 * 2. When it is over, or stopped, nothing of it is left at any provider but what outlives a fault.
 */
import { isoTime, type Cancel, type Clock } from '../../kernel/time.js';
import type { DurationMs, EpochMs } from '../../kernel/types.js';
import { PROVIDER_NAMES, type ProviderName } from './catalogue.js';
import type { Mounted } from './exchange.js';
import { isWorded } from './fault-kinds.js';
import type { Fault } from './fault-schemas.js';
import { SCENARIOS, type Scenario, type ScenarioName, type ScenarioPhase } from './scenarios.js';

/** What may be asked for. */
export type ScenarioChoice = {
  readonly name: ScenarioName;
  /** Every phase lasts so many times longer; default 1. */
  readonly stretch?: number;
  /** Only at these; absent: wherever the scenario says. */
  readonly providers?: readonly ProviderName[];
};

/** Where it stands, for people. */
export type ScenarioState = {
  readonly name: ScenarioName;
  readonly about: string;
  /** null: it is over. */
  readonly phase: string | null;
  /** What happens now, in one line. */
  readonly says: string;
  /** From 1; how many there are. */
  readonly number: number;
  readonly phases: number;
  readonly startedAt: string;
  readonly phaseEndsAt: string | null;
  readonly stretch: number;
  readonly providers: readonly ProviderName[];
};

export type ScenarioRun = {
  start(choice: ScenarioChoice): void;
  stop(): void;
  state(): ScenarioState | null;
  /** Called at the beginning of each phase, and at the end of the last. */
  subscribe(listener: (state: ScenarioState) => void): () => void;
};

type Playing = {
  readonly choice: ScenarioChoice;
  readonly startedAt: EpochMs;
  index: number;
  endsAt: EpochMs;
};

type Stage = {
  readonly clock: Clock;
  readonly mounted: Readonly<Record<ProviderName, Mounted>>;
  readonly changed: () => void;
};

const stretchOf = ({ stretch = 1 }: ScenarioChoice): number => stretch;

/** Its own lengths grow with the phases; how slow an answer is, or how large, does not. */
function stretched(fault: Fault, stretch: number): Fault {
  const { cycle } = fault;
  const longer = (ms: number): number => Math.max(1, Math.round(ms * stretch));
  return {
    ...fault,
    ...(cycle !== undefined && {
      cycle: { onMs: longer(cycle.onMs), offMs: longer(cycle.offMs) },
    }),
    ...(fault.kind === 'ban' && { seconds: longer(fault.seconds ?? 1) }),
  };
}

function faultsAt(phase: ScenarioPhase | undefined, name: ProviderName, stage: Stage): Fault[] {
  const faults = [...(phase?.faults[name] ?? []), ...(phase?.faults.all ?? [])];
  return faults.filter((fault) => isWorded(fault, stage.mounted[name].provider.refusals));
}

/** 2: also what was forbidden by a plan that the scenario only pretended to be used up. */
function dress(playing: Playing, phase: ScenarioPhase | undefined, stage: Stage): void {
  const at = stage.clock.now();
  const { choice } = playing;
  for (const name of PROVIDER_NAMES) {
    const { deck, orders } = stage.mounted[name];
    const isMeant = choice.providers?.includes(name) ?? true;
    const before = deck.list(at, 'scenario');
    const faults = isMeant ? faultsAt(phase, name, stage) : [];
    deck.set(
      faults.map((fault) => stretched(fault, stretchOf(choice))),
      at,
      'scenario',
    );
    if (before.some(({ kind }) => kind === 'quota_gone')) orders.lift('quota');
  }
}

function stateOf({ choice, startedAt, index, endsAt }: Playing): ScenarioState {
  const { about, phases }: Scenario = SCENARIOS[choice.name];
  const phase = phases[index];
  return {
    name: choice.name,
    about,
    phase: phase?.name ?? null,
    says: phase?.says ?? 'the scenario is over',
    number: Math.min(index + 1, phases.length),
    phases: phases.length,
    startedAt: isoTime(startedAt),
    phaseEndsAt: phase === undefined ? null : isoTime(endsAt),
    stretch: stretchOf(choice),
    providers: choice.providers ?? PROVIDER_NAMES,
  };
}

export function scenarioRun(stage: Stage): ScenarioRun {
  const { clock, changed } = stage;
  const listeners = new Set<(state: ScenarioState) => void>();
  let playing: Playing | undefined;
  let cancel: Cancel = () => undefined;
  const enter = (next: Playing): void => {
    const { phases }: Scenario = SCENARIOS[next.choice.name];
    const phase = phases[next.index];
    dress(next, phase, stage);
    if (phase !== undefined) {
      const forMs: DurationMs = Math.round(phase.forMs * stretchOf(next.choice));
      next.endsAt = clock.now() + forMs;
      cancel = clock.after(forMs, () => {
        next.index += 1;
        enter(next);
      });
    }
    changed();
    for (const listener of [...listeners]) listener(stateOf(next));
  };
  const stop = (): void => {
    cancel();
    cancel = () => undefined;
    if (playing === undefined) return;
    dress(playing, undefined, stage);
    playing = undefined;
    changed();
  };
  return {
    start(choice) {
      stop();
      const at = clock.now();
      playing = { choice, startedAt: at, index: 0, endsAt: at };
      enter(playing);
    },
    stop,
    state: () => (playing === undefined ? null : stateOf(playing)),
    subscribe(listener) {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
  };
}
