/** What an operation is: the one description from which every edge, its docs and its audit are made. */
import type { Static, TObject, TProperties, TSchema } from '@sinclair/typebox';
import type { Engine } from '../actors/engine.js';
import type { Clock } from '../kernel/time.js';
import type { DurationMs, EpochMs, JsonObject, Result, StreamId } from '../kernel/types.js';
import type { Views } from '../projections/views.js';
import type { Outcome } from './answer.js';
import type { Trail } from './audit/audit.js';
import type { Role } from './auth/roles.js';
import type { TokenBook } from './auth/token-book.js';
import type { Keyed } from './idempotency/keyed.js';
import type { JournalReader, JournalWalk } from './journal-reader.js';
import type { Problem } from './problems.js';
import type { Descriptions } from './openapi/port.js';
import type { CollectorType } from './shapes/collector-types.js';
import type { Slots } from './slots.js';
import type { StatusPages } from './status-pages.js';
import type { CollectorFeed } from './streams/collector-feed.js';
import type { StreamItem } from './streams/item.js';

export type { StreamItem } from './streams/item.js';

export { ROLES } from './auth/roles.js';
export type { Role } from './auth/roles.js';

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
  /** The principal's name, e.g. `token:ops`, `jwt:alice`, `local`. */
  readonly actor: string;
  readonly role: Role;
  readonly interface: 'rest' | 'grpc' | 'cli' | 'ui';
  /** Where the call came from, without port. */
  readonly address: string;
  /** What a command asks to be protected from; absent: nothing. */
  readonly guards?: CommandGuards;
  /** Aborts when the caller went away or its deadline passed: nobody waits for the answer any more. */
  readonly signal?: AbortSignal;
  /** How long the caller will wait from now on; absent: as long as `commandWaitMs`. */
  readonly waitMaxMs?: DurationMs;
  /** Set by `call`, for commands only. */
  readonly command?: CommandIdentity;
};

/** What a command is known by, from its answer back to the events it wrote. */
export type CommandIdentity = {
  readonly id: string;
  /** As in the table. */
  readonly operation: string;
  /** Of a keyed command: the hash of what was asked. */
  readonly hash?: string;
  /** A crash came between its events and its answer: the streams that have them. */
  readonly doneIn?: readonly StreamId[];
  /** The command it is a part of. */
  readonly cause?: string;
};

/** The protections of api.md §4. Questions ignore them. */
export type CommandGuards = {
  /** `Idempotency-Key`, `request_id`: 1 to 200 characters of visible ASCII. */
  readonly key?: string;
  /** `If-Match`, `etag`: the revisions the command was decided on, "c.b.l" without quotes. */
  readonly ifMatch?: string;
  /** `?dry_run=true`, `validate_only`: decide, write nothing, answer what would be written. */
  readonly dryRun?: boolean;
};

/** Everything an operation may reach. */
export type Reach = {
  readonly engine: Engine;
  readonly views: Views;
  readonly records: RecordReader;
  readonly journal: JournalReader;
  readonly walk: JournalWalk;
  /** What changed of the collectors, for all who watch. */
  readonly collectorFeed: CollectorFeed;
  readonly service: () => ServiceInfo;
  readonly readiness: () => Readiness;
  /** The sources there are. */
  readonly collectorTypes: () => readonly CollectorType[];
  readonly clock: Clock;
  /** A fresh command id. */
  readonly newCommandId: () => string;
  readonly pages: StatusPages;
  /** Who may call. */
  readonly tokens: TokenBook;
  /** Who did, or tried, what. */
  readonly trail: Trail;
  /** The answers of keyed commands. */
  readonly keyed: Keyed;
  readonly limits: OperationLimits;
  readonly slots: {
    readonly commands: Slots;
    readonly past: Slots;
    readonly walks: Slots;
    readonly waits: Slots;
  };
  /** The table as a document, for programs and for people. */
  readonly descriptions: Descriptions;
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
  /** Questions that wait for the views (`min_revision`), each up to `viewWaitMs`. */
  readonly viewWaitsMax: number;
};

export const OPERATION_LIMITS: OperationLimits = {
  viewWaitMs: 2_000,
  commandWaitMs: 15_000,
  commandsMax: 256,
  pastQuestionsMax: 4,
  viewWaitsMax: 256,
};

export type Handler<I> = (input: I, reach: Reach, caller: Caller) => Outcome | Promise<Outcome>;

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** Where gRPC has it: `headgate.v1.<service>/<method>`. */
export type GrpcName = { readonly service: string; readonly method: string };

/**
 * What calling it may change. An operation that writes facts says how it is audited: without that it
 * does not compile.
 */
export type Writes =
  /** It only reads, or why else it writes nothing. */
  { readonly none: string } | { readonly facts: readonly string[]; readonly audit: Audit };

export type Audit =
  /** Each call is in the trail: by its facts' metadata, or by a `CommandAnswered` where it wrote none. */
  | 'every-call'
  /** Its calls are too many to be told one by one: why what is recorded instead is enough. */
  | { readonly instead: string };

export type Operation<P extends TProperties, I> = {
  /** As gRPC will call it, lower camel case. */
  readonly name: string;
  readonly summary: string;
  /** The least role that may call it. */
  readonly role: Role;
  /** Whoever reaches the service is answered, without saying who they are: probes have no token. */
  readonly anyone?: true;
  /** All members, wherever an edge finds them. */
  readonly input: TObject<P>;
  /**
   * What it answers, member by member (schemas/): of REST without `success`, which is put before it. It
   * is published, and each answer of the tests is held against it.
   */
  readonly output: TSchema;
  /** The facts it may write, or why it writes none. */
  readonly writes: Writes;
  /** Absent: gRPC says it in its own words (health, reflection) or has no use for it. */
  readonly grpc?: GrpcName;
  readonly rest: {
    readonly method: Method;
    /** Members in braces come from the path. */
    readonly path: string;
    /** Members from the query; all others come from the body. A GET has no body. */
    readonly query: readonly (keyof P & string)[];
    /** Content type of an answer that is sent as it is; absent: JSON, with `success` before it. */
    readonly produces?: string;
    /** Its answer may take minutes: a connection that waits for it is not idle. */
    readonly mayTakeLong?: true;
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

/**
 * An operation whose answer goes on. It is pulled: the next item is made when the last has left, so that
 * a slow reader is coalesced or paused by the iterable, and nothing is buffered for it. The iterable ends,
 * or throws a HeadgateError, or is returned from when `signal` aborts.
 */
export type StreamOperation<P extends TProperties, I> = {
  readonly name: string;
  readonly summary: string;
  readonly role: Role;
  readonly input: TObject<P>;
  readonly writes: { readonly none: string };
  /** Absent: another stream says the same over gRPC. */
  readonly grpc?: GrpcName;
  /**
   * The operation whose path answers it as Server-Sent Events to whoever accepts text/event-stream, with
   * the members of `input` as its query. `resume`: the member that takes `Last-Event-ID`; `unsaid`: what
   * the query means where it says nothing.
   */
  readonly sse?: {
    readonly besides: string;
    readonly resume: keyof P & string;
    readonly unsaid?: Partial<I>;
  };
  readonly open: (
    input: I,
    reach: Reach,
    caller: Caller,
    signal: AbortSignal,
  ) => Opened | Promise<Opened>;
};

export type Opened = Result<AsyncIterable<StreamItem>, Problem>;

export type AnyStreamOperation = StreamOperation<TProperties, never>;

/** Ties a stream's input to its schema, then forgets the types for the table. */
export function streamOperation<P extends TProperties>(
  described: StreamOperation<P, Static<TObject<P>>>,
): AnyStreamOperation {
  return described as unknown as AnyStreamOperation;
}

/** Whether calling it may change something. */
export function isCommand(operation: AnyOperation): boolean {
  return 'facts' in operation.writes;
}
