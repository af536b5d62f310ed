/** How a list of faults is checked: against the schema of each kind, and against what its provider knows. */
import { fail, ok, type Result } from '../../kernel/types.js';
import { FAULT_KINDS, FAULT_SCHEMAS, type Fault } from './fault-schemas.js';
import { objections, shown, type InputError } from './objections.js';
import type { Refusal } from './provider.js';

export type { Fault, FaultKind, FaultOf } from './fault-schemas.js';
export type { InputError } from './objections.js';
export { FAULT_KINDS } from './fault-schemas.js';
export { objections } from './objections.js';

/** Most faults one provider may have at a time. */
export const FAULTS_MAX = 64;

/** What decides whether a fault makes sense at a provider. */
export type FaultGround = {
  /** The refusals its provider can word. */
  readonly refusals: readonly Refusal['kind'][];
  /** http: real sockets, of which a server can fake only its own end. */
  readonly wire: 'http' | 'none';
};

/** The refusal a fault needs from its provider, if it needs one. */
function needed(fault: Fault): Refusal['kind'] | undefined {
  if (fault.kind === 'auth_revoked') return 'unauthorized';
  if (fault.kind === 'quota_gone' || fault.kind === 'throttled') return fault.kind;
  return fault.kind === 'ban' ? 'banned' : undefined;
}

/** Whether this provider has the words for it. */
export function isWorded(fault: Fault, refusals: readonly Refusal['kind'][]): boolean {
  const refusal = needed(fault);
  return refusal === undefined || refusals.includes(refusal);
}

function groundErrors(fault: Fault, ground: FaultGround, pointer: string): readonly InputError[] {
  const errors: InputError[] = [];
  if (!isWorded(fault, ground.refusals)) {
    errors.push({ pointer: `${pointer}/kind`, detail: `this provider knows no ${fault.kind}` });
  }
  if (fault.kind !== 'unreachable') return errors;
  for (const name of ['endpoint', 'count', 'rate'] as const) {
    if (fault[name] === undefined) continue;
    const detail = `must be absent: an unreachable provider hears no request it could tell apart`;
    errors.push({ pointer: `${pointer}/${name}`, detail });
  }
  const { how = 'refused' } = fault;
  if (how !== 'refused' && ground.wire === 'http') {
    const detail = `must be refused over real sockets (dns and tls: in process), got ${shown(how)}`;
    errors.push({ pointer: `${pointer}/how`, detail });
  }
  return errors;
}

function parseFault(
  input: unknown,
  ground: FaultGround,
  pointer: string,
): Result<Fault, readonly InputError[]> {
  const name =
    typeof input === 'object' && input !== null && 'kind' in input ? input.kind : undefined;
  const schema = Object.entries(FAULT_SCHEMAS).find(([known]) => known === name)?.[1];
  if (schema === undefined) {
    const detail = `must be one of ${FAULT_KINDS.join(', ')}, got ${shown(name)}`;
    return fail([{ pointer: `${pointer}/kind`, detail }]);
  }
  const errors = objections(schema, input, pointer);
  if (errors.length > 0) return fail(errors);
  // Sound: the schema of its kind has just accepted it.
  const fault = input as Fault;
  const grounded = groundErrors(fault, ground, pointer);
  return grounded.length > 0 ? fail(grounded) : ok(fault);
}

/** Checks a list of faults against what the provider knows; all objections at once. */
export function parseFaults(
  input: unknown,
  ground: FaultGround,
  pointer: string,
): Result<readonly Fault[], readonly InputError[]> {
  if (!Array.isArray(input) || input.length > FAULTS_MAX) {
    const got = Array.isArray(input) ? `a list of ${String(input.length)}` : shown(input);
    const detail = `must be a list of at most ${String(FAULTS_MAX)} faults, got ${got}`;
    return fail([{ pointer, detail }]);
  }
  const faults: Fault[] = [];
  const errors: InputError[] = [];
  input.forEach((item: unknown, index) => {
    const parsed = parseFault(item, ground, `${pointer}/${String(index)}`);
    if (parsed.ok) faults.push(parsed.value);
    else errors.push(...parsed.error);
  });
  return errors.length > 0 ? fail(errors) : ok(faults);
}
