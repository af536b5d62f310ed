/**
 * Server reflection, v1 and v1alpha, from the descriptor set that ships with the program: a client that has
 * no .proto file can still list, describe and call everything.
 */
import { readFileSync } from 'node:fs';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import type { Server, ServerDuplexStream, UntypedHandleCall } from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import { HeadgateError, messageOf } from '../../kernel/errors.js';
import type { Clock } from '../../kernel/time.js';
import { statusOf } from './errors.js';
import type { StreamSlots } from './stream-slots.js';
import { STOPPING } from './gate.js';
import { knownFacts } from './unary.js';

/** Beside the sources, and in the package beside what is built from them. */
const DESCRIPTORS = new URL('../../../proto/headgate.binpb', import.meta.url);

/** The program is installed without its descriptors, or with those of another one. */
export class DescriptorsUnavailable extends HeadgateError {
  readonly code = 'descriptors_unavailable';
  readonly retryable = false;
}

export type ReflectionParts = {
  readonly slots: StreamSlots;
  readonly clock: Clock;
  readonly requestsMax: number;
};

type PackageDefinition = ConstructorParameters<typeof ReflectionService>[0];
type Info = ServerDuplexStream<object, object>;

/** @throws {DescriptorsUnavailable} the file is not there or not a descriptor set. */
export function addReflection(server: Pick<Server, 'addService'>, parts: ReflectionParts): void {
  const reflection = new ReflectionService(packageOf(descriptors()));
  reflection.addToServer({
    addService(definition, handlers) {
      const info = handlers['ServerReflectionInfo'] as (stream: Info) => void;
      const bounded = (stream: Info): void => {
        bound(stream, info, parts);
      };
      server.addService(definition, { ServerReflectionInfo: bounded as UntypedHandleCall });
    },
  });
}

/** Each file of the set, as bytes. */
function descriptors(): readonly Buffer[] {
  try {
    const { file } = fromBinary(FileDescriptorSetSchema, readFileSync(DESCRIPTORS));
    return file.map((each) => Buffer.from(toBinary(FileDescriptorProtoSchema, each)));
  } catch (cause) {
    const message = `proto/headgate.binpb cannot be read: ${messageOf(cause)}`;
    throw new DescriptorsUnavailable(message, { cause });
  }
}

/** The package looks at the descriptors only. (Those that health's package would add have lost names.) */
function packageOf(fileDescriptorProtos: readonly Buffer[]): PackageDefinition {
  const ours = { format: 'Protocol Buffer 3 DescriptorProto', type: {}, fileDescriptorProtos };
  return { ours } as unknown as PackageDefinition;
}

/** The library answers as fast as it is asked, whether anyone reads: it is paused and counted here. */
function bound(
  stream: Info,
  info: (stream: Info) => void,
  { slots, clock, requestsMax }: ReflectionParts,
): void {
  const { peer, requestId } = knownFacts(stream);
  const entered = slots.enter(peer, () => {
    stream.emit('error', statusOf(STOPPING, clock.now(), requestId));
  });
  if (!entered.ok) {
    stream.emit('error', statusOf(entered.error, clock.now(), requestId));
    return;
  }
  stream.once('cancelled', entered.value);
  info(stream);
  let requests = 0;
  stream.on('data', () => {
    requests += 1;
    if (requests >= requestsMax) {
      const detail = `${String(requests)} requests on one stream are enough; open another one`;
      stream.emit('error', statusOf({ code: 'overloaded', detail }, clock.now(), requestId));
    } else if (stream.writableNeedDrain) {
      stream.pause();
      stream.once('drain', () => stream.resume());
    }
  });
}
