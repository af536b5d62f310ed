/** The door of the records: sinks to choose from. */
export { sqliteRecordSink } from './records.sqlite.js';
export type { SqliteRecordSink, SqliteRecordSinkOptions } from './records.sqlite.js';
export { memoryRecordSink, memoryRecords } from './records.memory.js';
export type { MemoryRecords, MemoryRecordSink, MemoryRecordSinkOptions } from './records.memory.js';
export type { Evidence, Retention } from './retention.js';
