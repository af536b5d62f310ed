/** given(facts).when(command) for collectors: decisions are tested with the real decide and the real fold. */
import { folder } from '../../src/actors/fold.js';
import {
  collectorKind,
  type CollectorCommand,
  type CollectorFact,
  type CollectorState,
} from '../../src/actors/collector/index.js';
import type { Decision, MachineryCommand } from '../../src/actors/kind.js';

export const NOON = Date.UTC(2026, 0, 5, 12);

const fold = folder(collectorKind.machine);

export function after(state: CollectorState, facts: readonly CollectorFact[]): CollectorState {
  return facts.reduce((before, fact) => {
    const next = fold.apply(before, fact) as CollectorState | undefined;
    if (next === undefined) {
      throw new Error(`no arrow for ${fact.type} in ${JSON.stringify(before.value)}`);
    }
    return next;
  }, state);
}

export const blank = (): CollectorState => fold.initial() as CollectorState;

export type Step = { readonly command: CollectorCommand | MachineryCommand; readonly at?: number };

export type Given = {
  readonly state: CollectorState;
  /** What the command decides here. */
  when(
    command: CollectorCommand | MachineryCommand,
    at?: number,
    chance?: number,
  ): Decision<CollectorFact>;
  /** The collector after a command that must not be refused. */
  then(command: CollectorCommand | MachineryCommand, at?: number, chance?: number): Given;
};

export function given(state: CollectorState = blank()): Given {
  const when: Given['when'] = (command, at = NOON, chance = 0.5) =>
    collectorKind.decide(command, state, { at, chance, actor: 'ada' });
  return {
    state,
    when,
    then(command, at, chance) {
      const decision = when(command, at, chance);
      if (!decision.ok)
        throw new Error(`${command.type} refused: ${JSON.stringify(decision.refusal)}`);
      return given(after(state, decision.facts));
    },
  };
}

export const configure: Extract<CollectorCommand, { type: 'Configure' }> = {
  type: 'Configure',
  name: 'moralis',
  collectorType: 'onchain',
  source: 'moralis',
  enabled: true,
  enabledReason: 'by configuration',
  schedule: { intervalMs: 60_000, cron: '', zone: '', jitter: 0 },
  scopes: ['moralis-account'],
  upstreams: ['primary'],
  requestTimeoutMs: 10_000,
  missingKey: '',
  hasApiKey: true,
  upstreamMode: 'sandbox',
  options: '{}',
  expectedEveryMs: 60_000,
};

export const ended = (
  outcome: string,
  more: object = {},
): Extract<CollectorCommand, { type: 'FinishRun' }> => ({
  type: 'FinishRun',
  run: 'run-1',
  end: {
    outcome,
    message: outcome,
    endpoint: '',
    status: 0,
    calls: 1,
    latencyP95Ms: 20,
    ...more,
  },
});

export const startRun: Extract<CollectorCommand, { type: 'StartRun' }> = {
  type: 'StartRun',
  run: 'run-1',
  trigger: 'schedule',
  priority: 'live',
};

export const factsOf = (decision: Decision<CollectorFact>): readonly string[] =>
  decision.ok ? decision.facts.map((fact) => fact.type) : [`refused: ${decision.refusal.kind}`];

/** Registered, enabled, connected: between two runs. */
export const idle = (): Given => given().then(configure).then({ type: 'Connected' });
export const collecting = (): Given => idle().then(startRun);
