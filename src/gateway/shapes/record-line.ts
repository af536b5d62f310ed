/** A collected record as readers see it. */
import { isoTime } from '../../kernel/time.js';
import type { RecordRow } from '../operation.js';

export function recordLine(record: RecordRow) {
  return {
    id: record.id,
    sequence: record.sequence,
    kind: record.kind,
    series: record.series,
    at: isoTime(record.at),
    collected_at: isoTime(record.collectedAt),
    data: record.data,
  };
}
