/**
 * What happens around every call, whatever answers it: its names, the gate, its numbers and its line in
 * the log. One interceptor, because each layer of them costs a unary call some microseconds.
 *
 * 1. A call that started ends once, in the numbers and in the log, however it ends.
 * 2. Nothing of a call is read before the gate let it through.
 */
import { Metadata, ServerInterceptingCall, status } from '@grpc/grpc-js';
import type { ServerInterceptingCallInterface, ServerInterceptor } from '@grpc/grpc-js';
import type { Clock } from '../../kernel/time.js';
import { keepFacts } from './call-facts.js';
import type { CallFacts, MethodFacts } from './call-facts.js';
import { statusOf } from './errors.js';
import { messagesIn } from './frames.js';
import type { Gate, Passed } from './gate.js';
import { REQUEST_ID_KEY, addressOf, namesOf } from './names.js';
import type { Traffic } from './traffic.js';

export type InterceptorParts = {
  /** By path; what is not there is `unknown`. */
  readonly methods: ReadonlyMap<string, MethodFacts>;
  readonly gate: Gate;
  readonly traffic: Traffic;
  readonly clock: Clock;
  /** The clock that deadlines are of. */
  readonly machineClock: Clock;
  readonly mint: () => string;
};

/** All methods nobody has, as one: their names are the callers' and have no bound. */
export const UNKNOWN: MethodFacts = {
  path: '/unknown/unknown',
  service: 'unknown',
  method: 'unknown',
  type: 'unary',
};

export function interceptor(parts: InterceptorParts): ServerInterceptor {
  return (descriptor, call) => {
    const life = lifeOf(parts, parts.methods.get(descriptor.path) ?? UNKNOWN, call);
    const { method, facts } = life;
    const settle = (metadata: Metadata, go: () => void, passed: Passed): void => {
      const { requestId } = facts(metadata);
      if (passed.ok) {
        facts(metadata).principal = passed.value;
        go();
      } else intercepted.sendStatus(statusOf(passed.error, parts.clock.now(), requestId));
    };
    const intercepted = new ServerInterceptingCall(call, {
      start(next) {
        next({
          onReceiveMetadata(metadata, go) {
            const on = settle.bind(undefined, metadata, () => {
              go(metadata);
            });
            const passed = parts.gate(facts(metadata), metadata);
            if (passed instanceof Promise) void passed.then(on);
            else on(passed);
          },
          onReceiveMessage(message, go) {
            parts.traffic.received(method);
            go(message);
          },
          onCancel: life.left,
        });
      },
      sendMetadata(metadata, next) {
        next(life.named(metadata));
      },
      sendMessage(message, next) {
        parts.traffic.sent(method, messagesIn(message));
        next(message);
      },
      sendStatus(told, next) {
        life.end(told.code);
        // An answer that is an error only has no metadata before its trailer.
        next(life.isNamed() ? told : { ...told, metadata: life.named(told.metadata) });
      },
    });
    return intercepted;
  };
}

type Life = {
  readonly method: MethodFacts;
  /** Read from the metadata once, then the same. */
  readonly facts: (metadata: Metadata) => CallFacts;
  /** Metadata of an answer, with the request's id. */
  readonly named: (metadata: Metadata | null | undefined) => Metadata;
  readonly isNamed: () => boolean;
  readonly end: (code: number) => void;
  readonly left: () => void;
};

/** From a call's first byte to its end. */
function lifeOf(
  { traffic, clock, machineClock, mint }: InterceptorParts,
  method: MethodFacts,
  call: ServerInterceptingCallInterface,
): Life {
  const begunAt = clock.monotonic();
  let known: CallFacts | undefined;
  let isEnded = false;
  let isNamed = false;
  traffic.started(method);
  const end = (code: number): void => {
    if (isEnded || known === undefined) return;
    isEnded = true;
    traffic.ended(known, code, clock.monotonic() - begunAt);
  };
  return {
    method,
    end,
    facts(metadata) {
      if (known !== undefined) return known;
      const peer = call.getPeer();
      const names = namesOf(metadata, mint);
      const deadline = Number(call.getDeadline());
      known = { ...names, method, peer, address: addressOf(peer), deadline, principal: undefined };
      keepFacts(metadata, known);
      return known;
    },
    isNamed: () => isNamed,
    named(metadata) {
      isNamed = true;
      const told = metadata ?? new Metadata();
      if (known !== undefined) told.set(REQUEST_ID_KEY, known.requestId);
      return told;
    },
    // It comes after every end. Without one of ours the library made it: a deadline, or nobody is there.
    left() {
      const isLate = known !== undefined && machineClock.now() >= known.deadline;
      end(isLate ? status.DEADLINE_EXCEEDED : status.CANCELLED);
    },
  };
}
