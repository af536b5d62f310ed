/** Every bound of the REST edge, with its default. */
import type { DurationMs } from '../../kernel/types.js';

export type RestLimits = {
  /** Longest request body, decoded. */
  readonly bodyBytesMax: number;
  /** Longest request line and headers together. */
  readonly headerBytesMax: number;
  /** Longest part of a path between two slashes. */
  readonly pathPartCharsMax: number;
  /** From the first byte of a request to its last. */
  readonly requestTimeoutMs: DurationMs;
  /** From the first byte of a request to the end of its headers. */
  readonly headersTimeoutMs: DurationMs;
  /** How long an idle connection is kept for the next request. */
  readonly keepAliveTimeoutMs: DurationMs;
  /** A connection on which nothing moves, whatever it waits for. */
  readonly connectionTimeoutMs: DurationMs;
  /** How often the two request timeouts are looked at: what they may be late by. */
  readonly timeoutCheckMs: DurationMs;
  /** Open connections; more are dropped at once. */
  readonly connectionsMax: number;
  /** Requests on one connection before it is closed, so that long-lived clients spread. */
  readonly requestsPerConnectionMax: number;
  /** Server-Sent Events that go on at once. */
  readonly eventStreamsMax: number;
  /** How long `close` lets requests under way finish before it cuts them. */
  readonly closeGraceMs: DurationMs;
};

export const REST_LIMITS: RestLimits = {
  bodyBytesMax: 64 * 1024,
  headerBytesMax: 16 * 1024,
  pathPartCharsMax: 1_024,
  requestTimeoutMs: 30_000,
  headersTimeoutMs: 10_000,
  keepAliveTimeoutMs: 72_000,
  connectionTimeoutMs: 120_000,
  timeoutCheckMs: 5_000,
  connectionsMax: 1_024,
  requestsPerConnectionMax: 100_000,
  eventStreamsMax: 256,
  closeGraceMs: 5_000,
};
