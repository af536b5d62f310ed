/** Where a series stands, as far as its cursor can be believed: an operator may set any by hand. */
import type { Static, TSchema } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { DAY_MS } from '../kernel/time.js';
import type { DurationMs } from '../kernel/types.js';
import type { SourceContext } from './port.js';

/**
 * A moment this far ahead of our clock is no clock skew. A row with such a one would carry its cursor
 * away; a cursor with such a one would keep its series silent until then.
 */
export const AHEAD_MAX_MS: DurationMs = DAY_MS;

/**
 * The stored cursor; undefined: there is none, or it cannot be, which is logged.
 * `holds`: what its schema cannot say.
 */
export function storedCursor<S extends TSchema>(
  context: Pick<SourceContext<unknown>, 'cursor' | 'log'>,
  series: string,
  schema: S,
  holds: (found: Static<S>) => boolean = () => true,
): Static<S> | undefined {
  const found: unknown = context.cursor(series);
  if (found === undefined) return undefined;
  if (Value.Check(schema, found) && holds(found)) return found;
  context.log.warn('a cursor that cannot be is ignored', { series });
  return undefined;
}
