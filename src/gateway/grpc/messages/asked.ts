/** Fields of requests as the members of an operation's input: what is unset is absent. */
import type { Duration } from '../../../gen/google/protobuf/duration.js';
import type { CommandGuards } from '../../operation.js';
import type { InputError } from '../../problems.js';
import type { Asked } from './port.js';

type Members = Readonly<Record<string, unknown>>;

/** The members that are there. */
export function present(members: Members): object {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}

/** A text that empty means: not given. */
export function text(value: string): string | undefined {
  return value === '' ? undefined : value;
}

/** A number that 0 means: not given. */
export function positive(value: number): number | undefined {
  return value === 0 ? undefined : value;
}

/** A list that empty means: not given. */
export function some<T>(list: readonly T[]): readonly T[] | undefined {
  return list.length === 0 ? undefined : list;
}

/** Of 64 bits as a number; beyond 2^53 it is inexact, and beyond every schema's maximum. */
export function whole(value: bigint | undefined): number | undefined {
  return value === undefined ? undefined : Number(value);
}

export function seconds(duration: Duration | undefined): number | undefined {
  return duration === undefined ? undefined : Number(duration.seconds) + duration.nanos / 1e9;
}

/** ISO 8601; what is outside the calendar is no text, and told by `momentErrors`. */
export function moment(value: Date | undefined): string | undefined {
  return value === undefined || Number.isNaN(value.getTime()) ? undefined : value.toISOString();
}

/** What is wrong with the timestamps of a request, by field. */
export function momentErrors(
  moments: Readonly<Record<string, Date | undefined>>,
): readonly InputError[] {
  return Object.entries(moments)
    .filter(([, value]) => value !== undefined && Number.isNaN(value.getTime()))
    .map(([name]) => ({ pointer: `/${name}`, detail: 'is not a moment of the calendar' }));
}

/** A question: members that are there, and what is wrong with its moments. */
export function question(
  members: Members,
  moments: Readonly<Record<string, Date | undefined>> = {},
): Asked {
  const told = Object.entries(moments).map(([name, value]) => [name, moment(value)] as const);
  const input = present({ ...members, ...Object.fromEntries(told) });
  const errors = momentErrors(moments);
  return errors.length === 0 ? { input } : { input, errors };
}

/** Fields that protect commands; some have not all of them. */
export type Guarded = {
  readonly request_id?: string;
  readonly etag?: string;
  readonly validate_only?: boolean;
  readonly reason?: string;
};

/** A command: its members with its reason, and its guards. */
export function command(
  request: Guarded,
  members: Members,
  errors: readonly InputError[] = [],
): Asked {
  const { request_id: key = '', etag: ifMatch = '', validate_only: dryRun, reason = '' } = request;
  const guards: CommandGuards = {
    ...(key === '' ? {} : { key }),
    ...(ifMatch === '' ? {} : { ifMatch }),
    ...(dryRun === true ? { dryRun } : {}),
  };
  const input = present({ ...members, reason: text(reason) });
  return {
    input,
    ...(Object.keys(guards).length === 0 ? {} : { guards }),
    ...(errors.length === 0 ? {} : { errors }),
  };
}

type Masked = { readonly members: Members; readonly errors: readonly InputError[] };

/**
 * What AIP-134 says of a mask: the fields it names are taken, `*` all of them; without one, those that are
 * present. `unset` is what a field that is named and absent becomes; undefined: that is an error.
 */
export function masked(
  mask: readonly string[] | undefined,
  fields: readonly string[],
  values: Members,
  unset?: null,
): Masked {
  if (mask === undefined || mask.length === 0) return { members: values, errors: [] };
  const paths = mask.includes('*') ? fields : mask;
  const errors: InputError[] = [];
  const members: Record<string, unknown> = {};
  for (const path of paths) {
    const value = values[path] ?? unset;
    if (!fields.includes(path)) {
      const got = path.slice(0, PATH_CHARS_SHOWN);
      const detail = `must name some of ${fields.join(', ')}, got ${got}`;
      errors.push({ pointer: '/update_mask', detail });
    } else if (value === undefined) {
      errors.push({ pointer: `/${path}`, detail: 'is named by update_mask and not given' });
    } else {
      members[path] = value;
    }
  }
  return { members, errors: errors.slice(0, ERRORS_MAX) };
}

const PATH_CHARS_SHOWN = 60;
const ERRORS_MAX = 20;
