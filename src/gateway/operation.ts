/** What an operation is: the one description from which every edge, its docs and its audit are made. */
import type { Static, TObject, TProperties } from '@sinclair/typebox';
import type { Engine } from '../actors/engine.js';
import type { Clock } from '../kernel/time.js';
import type { EpochMs, JsonObject } from '../kernel/types.js';
import type { Views } from '../projections/views.js';
import type { Outcome } from './answer.js';
import type { CollectorType } from './shapes/collector-types.js';
import type { Slots } from './slots.js';
import type { StatusPages } from './status-pages.js';

/** Each role may do what the ones before it may. */
export const ROLES = ['viewer', 'operator', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** Where a person can find things, and which program answers. */
export type ServiceInfo = {
  readonly name: string;
  readonly version: string;
  readonly node: string;
  /** live | sandbox */
  readonly mode: string;
  readonly startedAt: EpochMs;
  /** Other doors by name, e.g. `metrics` → its URL. */
  readonly doors: Readonly<Record<string, string>>;
};

export type Readiness = { readonly ready: boolean; readonly reasons: readonly string[] };

export type RecordQuestion = {
  readonly collector: string;
  readonly after?: number;
  readonly since?: EpochMs;
  readonly limit: number;
  readonly order: 'oldest' | 'newest';
};

export type RecordRow = {
  readonly id: string;
  readonly kind: string;
  readonly series: string;
  readonly at: EpochMs;
  readonly collectedAt: EpochMs;
  readonly sequence: number;
  readonly data: JsonObject;
};

/** What the gateway asks of a record sink; the arrows keep the records' own port out of this room. */
export type RecordReader = {
  query(question: RecordQuestion): Promise<readonly RecordRow[]>;
};

/** Who calls, as the edge found out. */
export type Caller = {
  readonly correlationId: string;
  /** The principal. */
  readonly actor: string;
  readonly interface: 'rest' | 'grpc' | 'cli' | 'ui';
};

/** Everything an operation may reach. */
export type Reach = {
  readonly engine: Engine;
  readonly views: Views;
  readonly records: RecordReader;
  readonly service: () => ServiceInfo;
  readonly readiness: () => Readiness;
  /** The sources there are. */
  readonly collectorTypes: () => readonly CollectorType[];
  readonly clock: Clock;
  /** A fresh command id. */
  readonly newCommandId: () => string;
  readonly pages: StatusPages;
  readonly limits: OperationLimits;
  readonly slots: { readonly commands: Slots; readonly past: Slots };
  /** The table itself, so that the service can say what it offers. */
  readonly operations: () => readonly AnyOperation[];
};

export type OperationLimits = {
  /** How long an answer waits for the views to show its command. */
  readonly viewWaitMs: number;
  /** How long a caller waits for a command before its outcome is called unknown. */
  readonly commandWaitMs: number;
  /** Commands under way at once. */
  readonly commandsMax: number;
  /** Questions about the past, each a fold of streams, under way at once. */
  readonly pastQuestionsMax: number;
};

export const OPERATION_LIMITS: OperationLimits = {
  viewWaitMs: 2_000,
  commandWaitMs: 15_000,
  commandsMax: 256,
  pastQuestionsMax: 4,
};

export type Handler<I> = (input: I, reach: Reach, caller: Caller) => Outcome | Promise<Outcome>;

export type Method = 'GET' | 'POST' | 'PUT';

export type Operation<P extends TProperties, I> = {
  /** As gRPC will call it, lower camel case. */
  readonly name: string;
  readonly summary: string;
  /** The least role that may call it. */
  readonly role: Role;
  /** All members, wherever an edge finds them. */
  readonly input: TObject<P>;
  /** The facts it may write, or why it writes none. */
  readonly writes: { readonly facts: readonly string[] } | { readonly none: string };
  readonly rest: {
    readonly method: Method;
    /** Members in braces come from the path. */
    readonly path: string;
    /** Members from the query; all others come from the body. A GET has no body. */
    readonly query: readonly (keyof P & string)[];
  };
  readonly handler: Handler<I>;
};

/** An operation whose input the edge has already checked against `input`. */
export type AnyOperation = Operation<TProperties, never>;

/** Ties a handler's input to its schema, then forgets the types for the table. */
export function operation<P extends TProperties>(
  described: Operation<P, Static<TObject<P>>>,
): AnyOperation {
  return described as unknown as AnyOperation;
}

/** Whether calling it may change something. */
export function isCommand(operation: AnyOperation): boolean {
  return 'facts' in operation.writes;
}
