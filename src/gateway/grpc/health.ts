/**
 * grpc.health.v1 over the service's readiness: the whole server under the empty name, and each service under
 * its own, since all of them stand on the same journal. Readiness is looked at when somebody asks, and
 * while somebody watches.
 */
import type { sendUnaryData, ServerUnaryCall, ServerWritableStream } from '@grpc/grpc-js';
import type { Server } from '@grpc/grpc-js';
import { status } from '@grpc/grpc-js';
import { service } from 'grpc-health-check';
import type { Cancel, Clock } from '../../kernel/time.js';
import type { DurationMs } from '../../kernel/types.js';
import type { Problem } from '../problems.js';
import { statusOf } from './errors.js';
import { STOPPING } from './gate.js';
import type { StreamSlots } from './stream-slots.js';
import { knownFacts } from './unary.js';

type Request = { readonly service: string };
type Word = 'SERVING' | 'NOT_SERVING' | 'SERVICE_UNKNOWN';
type Response = { readonly status: Word };
type Watch = ServerWritableStream<Request, Response>;

export type HealthParts = {
  /** Full names, without the empty one. */
  readonly services: readonly string[];
  readonly isReady: () => boolean;
  readonly slots: StreamSlots;
  readonly clock: Clock;
  readonly everyMs: DurationMs;
};

export type Health = {
  addTo(server: Pick<Server, 'addService'>): void;
  /** Tells every watcher that nothing is served any more; the slots end them. */
  stop(): void;
};

export function health(parts: HealthParts): Health {
  const { isReady, slots, clock, everyMs } = parts;
  const names = new Set(['', ...parts.services]);
  const watchers = new Set<() => void>();
  let isStopped = false;
  let cancel: Cancel | undefined;

  const wordOf = (name: string): Word => {
    if (!names.has(name)) return 'SERVICE_UNKNOWN';
    return !isStopped && isReady() ? 'SERVING' : 'NOT_SERVING';
  };
  const look = (): void => {
    for (const tell of watchers) tell();
    cancel = watchers.size > 0 && !isStopped ? clock.after(everyMs, look) : undefined;
  };
  const check = (
    call: ServerUnaryCall<Request, Response>,
    answer: sendUnaryData<Response>,
  ): void => {
    const told = wordOf(call.request.service);
    if (told !== 'SERVICE_UNKNOWN') answer(null, { status: told });
    // As the protocol says it: this one error is of the health service's own making.
    else answer({ code: status.NOT_FOUND, details: 'there is no service of this name here' });
  };
  const list = (_call: unknown, answer: sendUnaryData<object>): void => {
    const statuses = Object.fromEntries([...names].map((name) => [name, { status: wordOf(name) }]));
    answer(null, { statuses });
  };
  const watch = (call: Watch): void => {
    const { peer, requestId } = knownFacts(call);
    const name = call.request.service;
    let last: Word | undefined;
    const tell = (): void => {
      const word = wordOf(name);
      // Whoever does not read is told the word of the moment when they do.
      if (word === last || call.writableNeedDrain || call.cancelled) return;
      last = word;
      call.write({ status: word });
    };
    const fail = (problem: Problem): void => {
      call.emit('error', statusOf(problem, clock.now(), requestId));
    };
    const entered = slots.enter(peer, () => {
      watchers.delete(tell);
      fail(STOPPING);
    });
    if (!entered.ok) {
      fail(entered.error);
      return;
    }
    call.once('cancelled', () => {
      watchers.delete(tell);
      entered.value();
      if (watchers.size === 0) cancel?.();
    });
    watchers.add(tell);
    tell();
    if (watchers.size === 1) cancel = clock.after(everyMs, look);
  };

  return {
    addTo(server) {
      const handlers = { check, watch, list };
      server.addService(service, handlers);
    },
    stop() {
      isStopped = true;
      cancel?.();
      look();
    },
  };
}
