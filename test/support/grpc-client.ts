/** A gRPC client for tests, over the generated services; errors come back with their details read. */
import { Client, Metadata, credentials, status } from '@grpc/grpc-js';
import type { CallOptions, ChannelCredentials, ClientOptions } from '@grpc/grpc-js';
import type { ClientReadableStream, ServiceError } from '@grpc/grpc-js';
import {
  BadRequest,
  ErrorInfo,
  PreconditionFailure,
  ResourceInfo,
  RetryInfo,
} from 'nice-grpc-error-details';
import { Status } from 'nice-grpc-error-details/lib/proto/google/rpc/status.js';

/** One method of a generated service. */
export type Method<Request, Response> = {
  readonly path: string;
  readonly requestSerialize: (request: Request) => Buffer;
  readonly requestDeserialize: (bytes: Buffer) => Request;
  readonly responseDeserialize: (bytes: Buffer) => Response;
};

export type Asking = CallOptions & {
  readonly metadata?: Readonly<Record<string, string>>;
};

export type Answered<Response> = {
  readonly message: Response;
  readonly headers: Metadata;
};

/** What a failed call told. */
export type Told = {
  /** `NOT_FOUND` */
  readonly code: string;
  readonly message: string;
  readonly info: ErrorInfo | undefined;
  readonly badRequest: BadRequest | undefined;
  readonly precondition: PreconditionFailure | undefined;
  readonly resource: ResourceInfo | undefined;
  readonly retry: RetryInfo | undefined;
  readonly metadata: Metadata;
};

export type GrpcClient = {
  /** Rejects with the library's ServiceError; `toldBy` reads it. */
  ask<Request, Response>(
    method: Method<Request, Response>,
    /** What is left out is what the protocol takes it for. */
    request: Partial<Request>,
    asking?: Asking,
  ): Promise<Answered<Response>>;
  /** The refusal of a call that must fail. */
  refusal<Request, Response>(
    method: Method<Request, Response>,
    /** What is left out is what the protocol takes it for. */
    request: Partial<Request>,
    asking?: Asking,
  ): Promise<Told>;
  open<Request, Response>(
    method: Method<Request, Response>,
    /** What is left out is what the protocol takes it for. */
    request: Partial<Request>,
    asking?: Asking,
  ): ClientReadableStream<Response>;
  readonly raw: Client;
  close(): void;
};

/** `target`: host:port. No call goes on by itself after a failure. */
export function grpcClient(
  target: string,
  secured: ChannelCredentials = credentials.createInsecure(),
  options: ClientOptions = {},
): GrpcClient {
  const raw = new Client(target, secured, { 'grpc.enable_retries': 0, ...options });
  const ask: GrpcClient['ask'] = (method, request, { metadata, ...callOptions } = {}) =>
    new Promise((resolve, reject) => {
      let headers = new Metadata();
      const call = raw.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        whole(method, request),
        metadataOf(metadata),
        callOptions,
        (error, message) => {
          if (error !== null) reject(error);
          else if (message === undefined) reject(new Error('neither an answer nor an error'));
          else resolve({ message, headers });
        },
      );
      call.on('metadata', (told) => {
        headers = told;
      });
    });
  return {
    raw,
    ask,
    refusal: async (method, request, asking) => {
      const outcome = await ask(method, request, asking).then(
        () => undefined,
        (error: unknown) => error as ServiceError,
      );
      if (outcome === undefined) throw new Error(`${method.path} was answered`);
      return toldBy(outcome);
    },
    open: (method, request, { metadata, ...callOptions } = {}) =>
      raw.makeServerStreamRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        whole(method, request),
        metadataOf(metadata),
        callOptions,
      ),
    close: () => {
      raw.close();
    },
  };
}

function whole<Request>(
  { requestDeserialize }: Pick<Method<Request, unknown>, 'requestDeserialize'>,
  request: Partial<Request>,
): Request {
  return { ...requestDeserialize(Buffer.alloc(0)), ...request };
}

function metadataOf(members: Readonly<Record<string, string>> = {}): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(members)) metadata.set(name, value);
  return metadata;
}

export function toldBy(error: ServiceError): Told {
  const [bytes] = error.metadata.get('grpc-status-details-bin');
  const details = bytes instanceof Buffer ? Status.decode(bytes).details : [];
  const read = <T>(name: string, decode: (bytes: Uint8Array) => T): T | undefined => {
    const found = details.find(
      ({ typeUrl }) => typeUrl === `type.googleapis.com/google.rpc.${name}`,
    );
    return found && decode(found.value);
  };
  return {
    code: status[error.code],
    message: error.details,
    info: read('ErrorInfo', (value) => ErrorInfo.decode(value)),
    badRequest: read('BadRequest', (value) => BadRequest.decode(value)),
    precondition: read('PreconditionFailure', (value) => PreconditionFailure.decode(value)),
    resource: read('ResourceInfo', (value) => ResourceInfo.decode(value)),
    retry: read('RetryInfo', (value) => RetryInfo.decode(value)),
    metadata: error.metadata,
  };
}

/** How a stream ended: undefined after all items, else what it told. */
export function endOf(stream: ClientReadableStream<unknown>): Promise<Told | undefined> {
  return new Promise((resolve) => {
    stream.once('end', () => {
      resolve(undefined);
    });
    stream.once('error', (error) => {
      resolve(toldBy(error as ServiceError));
    });
  });
}
