/** Schema drift: what an upstream's rows become when its maker changed them and told nobody. */
import { unreachable, type Json } from '../../kernel/types.js';
import type { FaultOf } from './fault-schemas.js';

type Drift = FaultOf<'schema_drift'>;
type Member = readonly [name: string, value: Json];

const NOBODY_KNOWS = 'headgate_sandbox_added';
const isPlain = (value: Json): boolean => value === null || typeof value !== 'object';

function retyped(value: Json): Json {
  if (typeof value === 'string')
    return Number.isFinite(Number(value)) ? Number(value) : value.length;
  if (typeof value === 'number') return String(value);
  if (typeof value === 'boolean') return value ? 'true' : 'false';
  return value === null ? 'null' : [value];
}

/** What becomes of one member; several or none. */
function driftedMember([name, value]: Member, drift: Drift['drift']): readonly Member[] {
  switch (drift) {
    case 'rename':
      return [[`${name}_v2`, value]];
    case 'retype':
      return [[name, retyped(value)]];
    case 'drop':
      return [];
    case 'null':
      return [[name, null]];
    case 'add':
      return [[name, value]];
    default:
      return unreachable(drift);
  }
}

/** A row without names: columns have numbers, and a column that was renamed is gone. */
function driftedRow(row: readonly Json[], { drift, field }: Drift): Json {
  if (drift === 'add') return [...row, NOBODY_KNOWS];
  const column = field ?? 0;
  return row.flatMap((item, index) => {
    if (index !== column) return [item];
    if (drift === 'rename') return [];
    return driftedMember([String(index), item], drift).map(([, value]) => value);
  });
}

/** Changes a field wherever it occurs: a member of objects, a column of rows. */
export function drifted(value: Json, fault: Drift): Json {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) {
    const items = value as readonly Json[];
    if (items.length > 0 && items.every(isPlain)) return driftedRow(items, fault);
    return items.map((item) => drifted(item, fault));
  }
  const { drift, field } = fault;
  const members = Object.entries(value as Readonly<Record<string, Json>>).flatMap((member) => {
    const [name, item] = member;
    const isMeant = field === undefined ? isPlain(item) : name === field;
    return isMeant ? driftedMember(member, drift) : [[name, drifted(item, fault)] as const];
  });
  const more: readonly Member[] = drift === 'add' ? [[NOBODY_KNOWS, 'nobody knows why']] : [];
  return Object.fromEntries([...members, ...more]);
}
