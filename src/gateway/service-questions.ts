/** The operations that ask about the service itself: what it is, whether it lives and is ready, its directory. */
import { isoTime } from '../kernel/time.js';
import { fail } from '../kernel/types.js';
import { answer } from './answer.js';
import { nothing } from './inputs.js';
import { operation } from './operation.js';
import type { AnyOperation } from './operation.js';
import { directory, liveness, readiness, serviceStatus } from './schemas/service.js';

const WRITES_NOTHING = { none: 'it only reads' } as const;

const getService = operation({
  name: 'getService',
  summary: 'Which program answers, since when, and whether it is ready.',
  role: 'viewer',
  input: nothing,
  output: serviceStatus,
  writes: WRITES_NOTHING,
  grpc: { service: 'AdminService', method: 'GetService' },
  rest: { method: 'GET', path: '/health', query: [] },
  handler: (_input, { service, readiness, clock, views }) => {
    const info = service();
    const { ready, reasons } = readiness();
    const now = clock.now();
    return answer({
      status: ready ? 'healthy' : 'degraded',
      service: info.name,
      version: info.version,
      node: info.node,
      mode: info.mode,
      ready,
      reasons,
      collector_count: views.names().length,
      started_at: isoTime(info.startedAt),
      uptime_seconds: Math.max(0, Math.round((now - info.startedAt) / 1000)),
      timestamp: isoTime(now),
    });
  },
});

const getLiveness = operation({
  name: 'getLiveness',
  summary: 'Whether the process runs. No collector, breaker or journal can make it fail.',
  role: 'viewer',
  anyone: true,
  input: nothing,
  output: liveness,
  writes: WRITES_NOTHING,
  rest: { method: 'GET', path: '/livez', query: [] },
  handler: () => answer({ status: 'live' }),
});

const getReadiness = operation({
  name: 'getReadiness',
  summary: 'Whether the process may get traffic, and if not, why.',
  role: 'viewer',
  anyone: true,
  input: nothing,
  output: readiness,
  writes: WRITES_NOTHING,
  rest: { method: 'GET', path: '/readyz', query: [] },
  handler: (_input, { readiness }) => {
    const { ready, reasons } = readiness();
    if (ready) return answer({ status: 'ready' });
    const detail = reasons.length === 0 ? 'not ready' : reasons.join('; ');
    return fail({ code: 'not_ready', detail, reasons });
  },
});

const getDirectory = operation({
  name: 'getDirectory',
  summary: 'Where things are: the other doors, and every operation with its method and path.',
  role: 'viewer',
  input: nothing,
  output: directory,
  writes: WRITES_NOTHING,
  rest: { method: 'GET', path: '/', query: [] },
  handler: (_input, { service, operations }) => {
    const { name, version, mode, doors } = service();
    const offered = operations().map((each) => ({
      operation: each.name,
      method: each.rest.method,
      path: each.rest.path,
      role: each.role,
      summary: each.summary,
    }));
    return answer({ service: name, version, mode, doors, operations: offered });
  },
});

export const SERVICE_QUESTIONS: readonly AnyOperation[] = [
  getService,
  getLiveness,
  getReadiness,
  getDirectory,
];
