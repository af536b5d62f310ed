/**
 * The sandbox's switchboard: faults and settings per provider, scenarios, and what was asked. Used in
 * process by tests and the demo, and by `GET`/`PUT /__sandbox`.
 *
 * A change is checked as a whole before any of it is applied.
 */
import { HeadgateError } from '../../kernel/errors.js';
import { isoTime, type Clock } from '../../kernel/time.js';
import { ok, type EpochMs, type JsonObject, type Result } from '../../kernel/types.js';
import { byProvider, PROVIDER_NAMES, type ProviderName } from './catalogue.js';
import { parseChange, type ProviderChange } from './control-change.js';
import type { Mounted } from './exchange.js';
import type { Fault, FaultGround } from './fault-kinds.js';
import type { Ledger, ProviderCounters, RequestRecord } from './ledger.js';
import type { InputError } from './objections.js';
import type { Forbids } from './provider.js';
import type { ScenarioChoice, ScenarioRun, ScenarioState } from './scenario-run.js';
import type { ScenarioName } from './scenarios.js';

/** A fault or setting that the sandbox does not understand: the caller must correct it. */
export class SandboxInputInvalid extends HeadgateError {
  readonly code = 'sandbox_input_invalid';
  readonly retryable = false;
  readonly errors: readonly InputError[];

  constructor(errors: readonly InputError[]) {
    super(errors.map(({ pointer, detail }) => `${pointer || '/'}: ${detail}`).join('; '));
    this.errors = errors;
  }
}

/** A provider's own port: whether it accepts connections, how many stand, how many there were. */
export type Sockets = {
  readonly listening: boolean;
  readonly open: number;
  readonly opened: number;
};

export type ProviderSnapshot = ProviderCounters & {
  readonly upstreamUrl: string;
  /** null: it can be reached. */
  readonly unreachable: 'refused' | 'dns' | 'tls' | null;
  readonly sockets: Sockets;
  readonly usage: JsonObject;
  readonly forbidden: readonly (Forbids & { readonly scope: string })[];
  /** Set by hand. */
  readonly faults: readonly Fault[];
  /** Those of the scenario that runs. */
  readonly scenarioFaults: readonly Fault[];
  readonly settings: JsonObject;
};

export type SandboxSnapshot = {
  readonly startedAt: string;
  readonly now: string;
  /** null: none was started, or it was stopped. */
  readonly scenario: ScenarioState | null;
  readonly providers: Readonly<Record<ProviderName, ProviderSnapshot>>;
  readonly log: readonly RequestRecord[];
};

export type RequestFilter = { readonly provider?: ProviderName; readonly endpoint?: string };

/** What a change may name: any part of it absent means unchanged. */
export type SandboxChange = {
  readonly reset?: boolean;
  /** null stops the one that runs. */
  readonly scenario?: ScenarioName | ScenarioChoice | null;
  readonly providers?: Readonly<
    Partial<
      Record<ProviderName, { readonly faults?: readonly Fault[]; readonly settings?: JsonObject }>
    >
  >;
};

export type SandboxControl = {
  /** Replaces the provider's faults. @throws {SandboxInputInvalid} */
  setFaults(provider: ProviderName, faults: readonly Fault[]): void;
  clearFaults(provider?: ProviderName): void;
  /** Changes the named settings, keeps the others. @throws {SandboxInputInvalid} */
  configure(provider: ProviderName, settings: JsonObject): void;
  /** Applies a whole change of unknown shape, or names everything that is wrong with it. */
  apply(change: unknown): Result<undefined, readonly InputError[]>;
  /** Oldest first; the newest 10 000. */
  requests(filter?: RequestFilter): readonly RequestRecord[];
  counters(provider: ProviderName): ProviderCounters;
  /** Plays a scenario from its beginning, in place of the one that runs. @throws {SandboxInputInvalid} */
  playScenario(scenario: ScenarioName | ScenarioChoice | null): void;
  scenario(): ScenarioState | null;
  /** Called at the beginning of each phase of a scenario and at its end; returns how to stop that. */
  onScenario(listener: (state: ScenarioState) => void): () => void;
  /** Requests that came although the provider had said not to, or beyond a window once it had refused. */
  violations(filter?: RequestFilter): readonly RequestRecord[];
  snapshot(logMax?: number): SandboxSnapshot;
  /** Resolves with the first request, past or to come, that the test accepts. */
  seen(test: (record: RequestRecord) => boolean): Promise<RequestRecord>;
  /** As just started: counters, log, faults, limits, bans, settings. */
  reset(): void;
};

export type Switchboard = {
  readonly clock: Clock;
  readonly startedAt: EpochMs;
  readonly mounted: Readonly<Record<ProviderName, Mounted>>;
  readonly ledger: Ledger;
  readonly scenario: ScenarioRun;
  readonly wire: FaultGround['wire'];
  upstreamUrl(provider: ProviderName): string;
  sockets(provider: ProviderName): Sockets;
  /** Makes every provider anew. */
  remount(): void;
  /** What is unreachable may have changed. */
  changed(): void;
};

function applyPart(part: ProviderChange, mounted: Mounted, at: EpochMs): void {
  if (part.settings !== undefined) mounted.settings = part.settings;
  if (part.faults !== undefined) mounted.deck.set(part.faults, at);
  // A quota that a fault pretended to be gone, or that was raised, is there again; one that is
  // still gone is refused, and forbidden, anew.
  mounted.orders.lift('quota');
}

function withoutSecrets(mounted: Mounted): JsonObject {
  const shown = Object.entries(mounted.settings).map(
    ([name, value]) =>
      [name, mounted.provider.secrets.includes(name) ? '[redacted]' : value] as const,
  );
  return Object.fromEntries(shown);
}

function providerSnapshot(board: Switchboard, name: ProviderName): ProviderSnapshot {
  const at = board.clock.now();
  const mounted = board.mounted[name];
  return {
    upstreamUrl: board.upstreamUrl(name),
    unreachable: mounted.deck.unreachable(at) ?? null,
    sockets: board.sockets(name),
    ...board.ledger.counters(name),
    usage: mounted.state.usage(at),
    forbidden: mounted.orders.list(at),
    faults: mounted.deck.list(at),
    scenarioFaults: mounted.deck.list(at, 'scenario'),
    settings: withoutSecrets(mounted),
  };
}

function snapshotOf(board: Switchboard, logMax: number): SandboxSnapshot {
  return {
    startedAt: isoTime(board.startedAt),
    now: isoTime(board.clock.now()),
    scenario: board.scenario.state(),
    providers: byProvider((name) => providerSnapshot(board, name)),
    log: logMax === 0 ? [] : board.ledger.log().slice(-logMax),
  };
}

function firstSeen(
  ledger: Ledger,
  test: (record: RequestRecord) => boolean,
): Promise<RequestRecord> {
  const past = ledger.log().find(test);
  if (past !== undefined) return Promise.resolve(past);
  return new Promise((resolve) => {
    const stop = ledger.subscribe((record) => {
      if (!test(record)) return;
      stop();
      resolve(record);
    });
  });
}

export function sandboxControl(board: Switchboard): SandboxControl {
  const { clock, ledger, mounted, scenario } = board;
  const apply = (change: unknown): Result<undefined, readonly InputError[]> => {
    const parsed = parseChange(change, board);
    if (!parsed.ok) return parsed;
    const { parts, reset, scenario: choice } = parsed.value;
    if (reset) {
      scenario.stop();
      ledger.clear();
      board.remount();
    }
    for (const part of parts) applyPart(part, mounted[part.name], clock.now());
    if (choice === null) scenario.stop();
    else if (choice !== undefined) scenario.start(choice);
    board.changed();
    return ok(undefined);
  };
  const applyOrThrow = (change: unknown): void => {
    const applied = apply(change);
    if (!applied.ok) throw new SandboxInputInvalid(applied.error);
  };
  return {
    apply,
    setFaults: (provider, faults) => {
      applyOrThrow({ providers: { [provider]: { faults } } });
    },
    clearFaults: (provider) => {
      const names = provider === undefined ? PROVIDER_NAMES : [provider];
      applyOrThrow({ providers: Object.fromEntries(names.map((name) => [name, { faults: [] }])) });
    },
    configure: (provider, settings) => {
      applyOrThrow({ providers: { [provider]: { settings } } });
    },
    requests: (filter) => ledger.log(filter),
    counters: (provider) => ledger.counters(provider),
    playScenario: (choice) => {
      applyOrThrow({ scenario: choice });
    },
    scenario: () => scenario.state(),
    onScenario: (listener) => scenario.subscribe(listener),
    violations: (filter) =>
      ledger
        .log(filter)
        .filter(({ standing }) => standing === 'violation' || standing === 'beyond'),
    snapshot: (logMax = 100) => snapshotOf(board, logMax),
    seen: (test) => firstSeen(ledger, test),
    reset: () => {
      applyOrThrow({ reset: true });
    },
  };
}
