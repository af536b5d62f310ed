/** `--from` and `--to` of questions about the past. */
import type { EpochMs } from '../../kernel/types.js';
import { momentOf } from '../given.js';
import type { Since } from '../given.js';

export function spanOf(
  { from, to }: { readonly from?: Since; readonly to?: Since },
  now: EpochMs,
): { readonly from?: Date; readonly to?: Date } {
  return {
    ...(from === undefined ? {} : { from: new Date(momentOf(from, now)) }),
    ...(to === undefined ? {} : { to: new Date(momentOf(to, now)) }),
  };
}
