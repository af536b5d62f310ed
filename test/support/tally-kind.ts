/** The smallest actor kind that uses all of the machinery: it adds numbers, waits, works, can crash. */
import { setup } from 'xstate';
import {
  facts,
  refuse,
  type ActorKind,
  type ActorState,
  type Decision,
  type MachineryCommand,
} from '../../src/actors/kind.js';

export type TallyFact =
  | { readonly type: 'Added'; readonly atMs: number; readonly n: number }
  | { readonly type: 'Waiting'; readonly atMs: number; readonly dueMs: number }
  | { readonly type: 'Rang'; readonly atMs: number }
  | { readonly type: 'WorkBegun'; readonly atMs: number; readonly key: string }
  | { readonly type: 'WorkLost'; readonly atMs: number }
  | { readonly type: 'Sealed'; readonly atMs: number };

export type TallyCommand =
  | { readonly type: 'Add'; readonly n: number }
  | { readonly type: 'Wait'; readonly ms: number }
  | { readonly type: 'Begin'; readonly key: string }
  | { readonly type: 'Seal' }
  | { readonly type: 'Crash' }
  | { readonly type: 'DecideNonsense' };

export type TallyContext = {
  readonly sum: number;
  readonly timer: { readonly dueAt: number; readonly setAt: number } | null;
  readonly rings: number;
  readonly work: string;
  readonly lost: number;
  readonly generation: number;
};

const start: TallyContext = { sum: 0, timer: null, rings: 0, work: '', lost: 0, generation: 0 };

const chart = setup({
  types: { context: {} as TallyContext, events: {} as TallyFact },
});

const change = (fold: (context: TallyContext, fact: never) => Partial<TallyContext>): object => ({
  actions: chart.assign(({ context, event }) => ({ ...context, ...fold(context, event as never) })),
});

const machine = chart.createMachine({
  id: 'tally',
  context: start,
  initial: 'open',
  states: {
    open: {
      on: {
        Added: change((c, f: { n: number }) => ({ sum: c.sum + f.n })),
        Waiting: change((c, f: { atMs: number; dueMs: number }) => ({
          timer: { dueAt: f.dueMs, setAt: f.atMs },
          generation: c.generation + 1,
        })),
        Rang: change((c) => ({ timer: null, rings: c.rings + 1 })),
        WorkBegun: change((_, f: { key: string }) => ({ work: f.key })),
        WorkLost: change((c) => ({ work: '', lost: c.lost + 1 })),
        Sealed: { target: 'sealed' },
      },
    },
    sealed: {},
  },
});

function decide(
  command: TallyCommand | MachineryCommand,
  state: ActorState<TallyContext>,
  { at }: { readonly at: number },
): Decision<TallyFact> {
  switch (command.type) {
    case 'Add':
      if (command.n === 0) return facts();
      if (command.n < 0) return refuse({ kind: 'invalid', field: '/n', detail: 'must be >= 0' });
      return facts({ type: 'Added', atMs: at, n: command.n });
    case 'Wait':
      return facts({ type: 'Waiting', atMs: at, dueMs: at + command.ms });
    case 'Begin':
      return facts({ type: 'WorkBegun', atMs: at, key: command.key });
    case 'Seal':
      return facts({ type: 'Sealed', atMs: at });
    case 'Crash':
      throw new Error('the decision crashed');
    case 'DecideNonsense':
      return facts({ type: 'Sealed', atMs: at }, { type: 'Added', atMs: at, n: 1 });
    case 'TimerDue':
      return facts({ type: 'Rang', atMs: at });
    case 'Recover':
      return state.context.work === '' ? facts() : facts({ type: 'WorkLost', atMs: at });
  }
}

export const tallyKind: ActorKind<TallyContext, TallyCommand, TallyFact> = {
  category: 'tally',
  machine,
  foldVersion: 1,
  codec: {
    encode: ({ type, ...data }) => ({ type, schema: 1, data }),
    decode: (type, _schema, data) => ({ type, ...data }) as unknown as TallyFact,
  },
  decide,
  outstanding: ({ context }) => [
    ...(context.timer === null
      ? []
      : [
          {
            kind: 'timer' as const,
            name: 'bell',
            dueAt: context.timer.dueAt,
            delayMs: context.timer.dueAt - context.timer.setAt,
            generation: context.generation,
          },
        ]),
    ...(context.work === '' ? [] : [{ kind: 'work' as const, key: context.work, work: {} }]),
  ],
  restricts: (fact) => fact.type === 'Sealed',
};
