/** The gateway's door: what the program needs to open its edges. */
export { OPERATIONS, STREAMS, reachOf } from './api.js';
export type { GatewayParts } from './api.js';
export type { Trail } from './audit/audit.js';
export { startTrail } from './audit/trail.js';
export type { RunningTrail } from './audit/trail.js';
export { openGatekeeper } from './auth/principal.js';
export type { Gatekeeper } from './auth/principal.js';
export { RESERVED_NAMES } from './inputs.js';
export { OPERATION_LIMITS, isCommand } from './operation.js';
export type { AnyOperation, OperationLimits, Readiness, ServiceInfo } from './operation.js';
export { PROBLEMS } from './problems.js';
export { InsecureBinding } from './rest/guard.js';
export { REST_LIMITS } from './rest/limits.js';
export type { RestLimits } from './rest/limits.js';
export type { JournalReader, JournalWalk, Walked } from './journal-reader.js';
export type { CollectorType } from './shapes/collector-types.js';
export { restGateway } from './rest/server.js';
export type { RestGateway, RestParts } from './rest/server.js';
