/**
 * The sandbox's switchboard: faults and settings per provider, and what was asked. Used in process by
 * tests and the demo, and by `GET`/`PUT /__sandbox`.
 *
 * A change is checked as a whole before any of it is applied.
 */
import { HeadgateError } from '../../kernel/errors.js';
import { isoTime, type Clock } from '../../kernel/time.js';
import { fail, ok, type EpochMs, type JsonObject, type Result } from '../../kernel/types.js';
import { byProvider, PROVIDER_NAMES, type ProviderName } from './catalogue.js';
import type { Mounted } from './exchange.js';
import { objections, parseFaults, type Fault, type InputError } from './fault-kinds.js';
import type { Ledger, ProviderCounters, RequestRecord } from './ledger.js';
import type { Forbids } from './provider.js';

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

export type ProviderSnapshot = ProviderCounters & {
  readonly upstreamUrl: string;
  readonly usage: JsonObject;
  readonly forbidden: readonly (Forbids & { readonly scope: string })[];
  readonly faults: readonly Fault[];
  readonly settings: JsonObject;
};

export type SandboxSnapshot = {
  readonly startedAt: string;
  readonly now: string;
  readonly providers: Readonly<Record<ProviderName, ProviderSnapshot>>;
  readonly log: readonly RequestRecord[];
};

export type RequestFilter = { readonly provider?: ProviderName; readonly endpoint?: string };

/** What a change may name: any part of it absent means unchanged. */
export type SandboxChange = {
  readonly reset?: boolean;
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
  /** Requests that came although the provider had said not to. */
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
  upstreamUrl(provider: ProviderName): string;
  /** Makes every provider anew. */
  remount(): void;
};

type Parsed = {
  readonly reset: boolean;
  readonly parts: readonly {
    readonly name: ProviderName;
    readonly faults?: readonly Fault[];
    readonly settings?: JsonObject;
  }[];
};

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function unknownMembers(
  value: Readonly<Record<string, unknown>>,
  known: readonly string[],
  pointer: string,
): readonly InputError[] {
  return Object.keys(value)
    .filter((name) => !known.includes(name))
    .map((name) => ({
      pointer: `${pointer}/${name}`,
      detail: `must be one of ${known.join(', ')}`,
    }));
}

/** The settings as they would be after this change. */
function mergedSettings(
  mounted: Mounted,
  input: unknown,
  pointer: string,
): Result<JsonObject, readonly InputError[]> {
  if (!isRecord(input)) return fail([{ pointer, detail: 'must be an object' }]);
  const merged = { ...mounted.settings, ...input };
  const errors = objections(mounted.provider.settings, merged, pointer);
  // Sound: every setting's schema describes JSON.
  return errors.length > 0 ? fail(errors) : ok(merged as JsonObject);
}

function parsePart(
  name: ProviderName,
  input: unknown,
  mounted: Mounted,
): Result<Parsed['parts'][number], readonly InputError[]> {
  const pointer = `/providers/${name}`;
  if (!isRecord(input)) return fail([{ pointer, detail: 'must be an object' }]);
  const errors = [...unknownMembers(input, ['faults', 'settings'], pointer)];
  const refusals = mounted.provider.refusals;
  const faults =
    input['faults'] === undefined
      ? undefined
      : parseFaults(input['faults'], refusals, `${pointer}/faults`);
  const settings =
    input['settings'] === undefined
      ? undefined
      : mergedSettings(mounted, input['settings'], `${pointer}/settings`);
  if (faults?.ok === false) errors.push(...faults.error);
  if (settings?.ok === false) errors.push(...settings.error);
  if (errors.length > 0) return fail(errors);
  return ok({
    name,
    ...(faults?.ok === true ? { faults: faults.value } : {}),
    ...(settings?.ok === true ? { settings: settings.value } : {}),
  });
}

function parseChange(
  input: unknown,
  mounted: Switchboard['mounted'],
): Result<Parsed, readonly InputError[]> {
  if (!isRecord(input)) return fail([{ pointer: '', detail: 'must be an object' }]);
  const errors = [...unknownMembers(input, ['providers', 'reset'], '')];
  const { providers = {}, reset = false } = input;
  if (typeof reset !== 'boolean') errors.push({ pointer: '/reset', detail: 'must be a boolean' });
  if (!isRecord(providers)) {
    return fail([...errors, { pointer: '/providers', detail: 'must be an object' }]);
  }
  errors.push(...unknownMembers(providers, PROVIDER_NAMES, '/providers'));
  const parts: Parsed['parts'][number][] = [];
  for (const name of PROVIDER_NAMES) {
    if (providers[name] === undefined) continue;
    const part = parsePart(name, providers[name], mounted[name]);
    if (part.ok) parts.push(part.value);
    else errors.push(...part.error);
  }
  return errors.length > 0 ? fail(errors) : ok({ reset: reset === true, parts });
}

function applyPart(part: Parsed['parts'][number], mounted: Mounted): void {
  if (part.settings !== undefined) mounted.settings = part.settings;
  if (part.faults !== undefined) mounted.deck.set(part.faults);
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
    ...board.ledger.counters(name),
    usage: mounted.state.usage(at),
    forbidden: mounted.orders.list(at),
    faults: mounted.deck.list(at),
    settings: withoutSecrets(mounted),
  };
}

function snapshotOf(board: Switchboard, logMax: number): SandboxSnapshot {
  return {
    startedAt: isoTime(board.startedAt),
    now: isoTime(board.clock.now()),
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
  const { ledger, mounted } = board;
  const apply = (change: unknown): Result<undefined, readonly InputError[]> => {
    const parsed = parseChange(change, mounted);
    if (!parsed.ok) return parsed;
    if (parsed.value.reset) {
      ledger.clear();
      board.remount();
    }
    for (const part of parsed.value.parts) applyPart(part, mounted[part.name]);
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
    violations: (filter) => ledger.log(filter).filter(({ standing }) => standing === 'violation'),
    snapshot: (logMax = 100) => snapshotOf(board, logMax),
    seen: (test) => firstSeen(ledger, test),
    reset: () => {
      applyOrThrow({ reset: true });
    },
  };
}
