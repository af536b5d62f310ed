/** A change of the sandbox as it was asked for, checked as a whole: understood, or everything wrong named. */
import { Type } from '@sinclair/typebox';
import { fail, ok, type JsonObject, type Result } from '../../kernel/types.js';
import { PROVIDER_NAMES, type ProviderName } from './catalogue.js';
import type { Mounted } from './exchange.js';
import { objections, parseFaults, type Fault, type FaultGround } from './fault-kinds.js';
import { shown, type InputError } from './objections.js';
import type { ScenarioChoice } from './scenario-run.js';
import { SCENARIO_NAMES, type ScenarioName } from './scenarios.js';

export type ProviderChange = {
  readonly name: ProviderName;
  readonly faults?: readonly Fault[];
  readonly settings?: JsonObject;
};

export type ParsedChange = {
  readonly reset: boolean;
  readonly parts: readonly ProviderChange[];
  /** null: stop the one that runs. Absent: leave it. */
  readonly scenario?: ScenarioChoice | null;
};

/** What a change is checked against. */
export type ChangeGround = {
  readonly mounted: Readonly<Record<ProviderName, Mounted>>;
  readonly wire: FaultGround['wire'];
};

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const notAnObject = (pointer: string, value: unknown): InputError => ({
  pointer,
  detail: `must be an object, got ${shown(value)}`,
});

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
  { provider, settings }: Mounted,
  input: unknown,
  pointer: string,
): Result<JsonObject, readonly InputError[]> {
  if (!isRecord(input)) return fail([notAnObject(pointer, input)]);
  const merged = { ...settings, ...input };
  const errors = objections(provider.settings, merged, pointer, provider.secrets);
  // Sound: every setting's schema describes JSON.
  return errors.length > 0 ? fail(errors) : ok(merged as JsonObject);
}

function parsePart(
  name: ProviderName,
  input: unknown,
  ground: ChangeGround,
): Result<ProviderChange, readonly InputError[]> {
  const pointer = `/providers/${name}`;
  if (!isRecord(input)) return fail([notAnObject(pointer, input)]);
  const errors = [...unknownMembers(input, ['faults', 'settings'], pointer)];
  const mounted = ground.mounted[name];
  const faultGround = { refusals: mounted.provider.refusals, wire: ground.wire };
  const faults =
    input['faults'] === undefined
      ? undefined
      : parseFaults(input['faults'], faultGround, `${pointer}/faults`);
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

const CHOICE = Type.Object(
  {
    name: Type.Union(SCENARIO_NAMES.map((name) => Type.Literal(name))),
    stretch: Type.Optional(Type.Number({ minimum: 0.001, maximum: 1000 })),
    providers: Type.Optional(
      Type.Array(Type.Union(PROVIDER_NAMES.map((name) => Type.Literal(name))), { minItems: 1 }),
    ),
  },
  { additionalProperties: false },
);

function parseScenario(input: unknown): Result<ScenarioChoice | null, readonly InputError[]> {
  if (input === null) return ok(null);
  if (typeof input === 'string') {
    if (isScenarioName(input)) return ok({ name: input });
    const detail = `must be one of ${SCENARIO_NAMES.join(', ')}, got ${shown(input)}`;
    return fail([{ pointer: '/scenario', detail }]);
  }
  if (!isRecord(input)) {
    const detail = `must be a name, {"name": …} or null, got ${shown(input)}`;
    return fail([{ pointer: '/scenario', detail }]);
  }
  const errors = objections(CHOICE, input, '/scenario');
  // Sound: the schema above has just accepted it.
  return errors.length > 0 ? fail(errors) : ok(input as ScenarioChoice);
}

export function isScenarioName(name: string): name is ScenarioName {
  return SCENARIO_NAMES.some((known) => known === name);
}

/** Reads a whole change of unknown shape. */
export function parseChange(
  input: unknown,
  ground: ChangeGround,
): Result<ParsedChange, readonly InputError[]> {
  if (!isRecord(input)) return fail([notAnObject('', input)]);
  const errors = [...unknownMembers(input, ['providers', 'scenario', 'reset'], '')];
  const { providers = {}, reset = false } = input;
  if (typeof reset !== 'boolean') {
    errors.push({ pointer: '/reset', detail: `must be a boolean, got ${shown(reset)}` });
  }
  const scenario = input['scenario'] === undefined ? undefined : parseScenario(input['scenario']);
  if (scenario?.ok === false) errors.push(...scenario.error);
  if (!isRecord(providers)) return fail([...errors, notAnObject('/providers', providers)]);
  errors.push(...unknownMembers(providers, PROVIDER_NAMES, '/providers'));
  const parts: ProviderChange[] = [];
  for (const name of PROVIDER_NAMES) {
    if (providers[name] === undefined) continue;
    const part = parsePart(name, providers[name], ground);
    if (part.ok) parts.push(part.value);
    else errors.push(...part.error);
  }
  if (errors.length > 0) return fail(errors);
  const played = scenario?.ok === true ? { scenario: scenario.value } : {};
  return ok({ reset: reset === true, parts, ...played });
}
