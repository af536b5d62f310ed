/**
 * What an answer's JSON must become before the generated `fromJSON` reads it: words become names of enum
 * values, objects by name become lists. All else has the same names and values in REST and in messages.
 */
import type { Json, JsonObject } from '../../../kernel/types.js';

/** One member's value, changed; values it does not know it leaves as they are. */
export type Change = (value: Json) => Json;

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Changes the members named; leaves the others, and what is no object, as they are. */
export function shape(changes: Readonly<Record<string, Change>>): Change {
  const known = Object.entries(changes);
  return (value) => {
    if (!isObject(value)) return value;
    const changed: Record<string, Json> = { ...value };
    for (const [name, change] of known) {
      const member = value[name];
      if (member !== undefined && member !== null) changed[name] = change(member);
    }
    return changed;
  };
}

/** Each of a list. */
export function each(change: Change): Change {
  return (value) => (Array.isArray(value) ? value.map((one: Json) => change(one)) : value);
}

/** REST's object by name, as the list that messages have; `key` is the field the name goes into. */
export function listed(key: string, change: Change = (value) => value): Change {
  return (value) => {
    if (!isObject(value)) return value;
    return Object.entries(value).map(([name, one]) => {
      const member = change(one);
      return isObject(member) ? { ...member, [key]: name } : { [key]: name };
    });
  };
}
