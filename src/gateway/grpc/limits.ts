/** Every bound of the gRPC edge, with its default and why. */
import type { DurationMs } from '../../kernel/types.js';

export type GrpcLimits = {
  /** Longest request message, decoded. Commands are small: as long as a body of REST may be. */
  readonly messageBytesMax: number;
  /** A message that says it is longer than this is cut by the library before it is buffered. */
  readonly receiveBytesMax: number;
  /** Longest answer. A list of 1000 collectors has some 2 MB; clients must allow as much. */
  readonly sendBytesMax: number;
  /** Longest metadata of a call, names and values. (Node's HTTP/2 refuses 64 KiB and 128 pairs anyway.) */
  readonly metadataBytesMax: number;
  /** Open connections; more are dropped at once. */
  readonly connectionsMax: number;
  /** Calls at once on one connection, as HTTP/2 settings tell the client, which then queues. */
  readonly callsPerConnectionMax: number;
  /** Streams at once on one connection, and in all: what stays open is bounded apart from what ends. */
  readonly streamsPerConnectionMax: number;
  readonly streamsMax: number;
  /** Bytes a stream may have on their way to a reader before the next item is pulled. */
  readonly aheadBytesMax: number;
  /** Requests of one reflection stream, the only one that has several. */
  readonly reflectionsMax: number;
  /** A call that brings no deadline gets this one; streams go on for ever. */
  readonly deadlineMs: DurationMs;
  /** A connection on which nothing came for this long is asked whether anyone is there … */
  readonly keepaliveMs: DurationMs;
  /** … and closed when the answer takes longer than this. */
  readonly keepaliveTimeoutMs: DurationMs;
  /** A connection without a call for this long is closed. */
  readonly idleMaxMs: DurationMs;
  /** A connection this old (10 % more or less, at random) is asked to leave, so that clients spread … */
  readonly ageMaxMs: DurationMs;
  /** … and its calls, streams too, are cut after this: readers go on from their last position. */
  readonly ageGraceMs: DurationMs;
  /** How often readiness is looked at while somebody watches health. */
  readonly healthEveryMs: DurationMs;
  /** How long `close` lets calls under way finish before it cuts them. */
  readonly closeGraceMs: DurationMs;
};

export const GRPC_LIMITS: GrpcLimits = {
  messageBytesMax: 64 * 1024,
  receiveBytesMax: 256 * 1024,
  sendBytesMax: 4 * 1024 * 1024,
  metadataBytesMax: 16 * 1024,
  connectionsMax: 1_024,
  callsPerConnectionMax: 512,
  streamsPerConnectionMax: 256,
  streamsMax: 1_024,
  aheadBytesMax: 64 * 1024,
  reflectionsMax: 1_000,
  deadlineMs: 30_000,
  keepaliveMs: 60_000,
  keepaliveTimeoutMs: 20_000,
  idleMaxMs: 15 * 60_000,
  ageMaxMs: 6 * 3_600_000,
  ageGraceMs: 5 * 60_000,
  healthEveryMs: 500,
  closeGraceMs: 5_000,
};
