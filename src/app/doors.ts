/** The doors to the outside: REST, gRPC and metrics, opened last and closed first. */
import { openAuth, type Auth } from './auth.js';
import { collectorTypes } from './collector-types.js';
import type { RunningEngine } from '../actors/index.js';
import type { Stores } from './stores.js';
import { walkOver } from './walk.js';
import type { Config, Secrets } from '../config.js';
import {
  CONTRACT,
  grpcGateway,
  reachOf,
  restGateway,
  startTrail,
  tlsCredentials,
  type GatewayParts,
  type Trail,
} from '../gateway/index.js';
import type { Logger, MetricPieces } from '../kernel/observe.js';
import type { Random } from '../kernel/random.js';
import type { Clock } from '../kernel/time.js';
import type { SourceDefinition } from '../sources/port.js';
import { metricsServer } from '../telemetry/index.js';

/** Something open, and how to close it. */
export type Closing = { readonly name: string; readonly close: () => Promise<void> | void };

export type DoorsDeps = {
  readonly config: Config;
  readonly secrets: Secrets;
  /** Of the user's own modules. */
  readonly ownSources?: readonly SourceDefinition[];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly version: string;
  readonly stores: Stores;
  readonly engine: RunningEngine;
  readonly state: { readonly stopping: boolean };
  /** Of the rooms that are not stores. */
  readonly metrics: readonly MetricPieces[];
  /** Takes what was opened. */
  readonly closings: Closing[];
};

/** Where the doors are. */
export type Doors = {
  readonly restUrl: string;
  readonly metricsUrl: string;
  /** With scheme, as `buf curl` takes it. */
  readonly grpcUrl: string;
  /** host:port, as clients take it. */
  readonly grpcAddress: string;
};

/**
 * @throws {HeadgateError} a port is taken, a certificate cannot be used; what was opened stands in
 * `closings`.
 */
export async function openDoors(deps: DoorsDeps): Promise<Doors> {
  const { config, clock, random, log, closings, stores } = deps;
  const doors: Record<string, string> = {};
  const trail = await startTrail({ ...deps, journal: stores.journal, node: config.node.name });
  closings.push({ name: 'audit', close: () => trail.close() });
  const hosts = [config.rest.host, config.grpc.host];
  const auth = await openAuth({ ...deps, journal: stores.journal, hosts });
  closings.push({ name: 'auth', close: () => auth.close() });
  const parts = partsOf(deps, trail, auth, doors);
  const { gatekeeper } = auth;
  const reach = reachOf(parts);
  const { insecure } = config.rest;
  const rest = restGateway({
    ...parts,
    reach,
    log,
    gatekeeper,
    insecure,
    corsOrigins: config.rest.corsOrigins ?? [],
    limits: { bodyBytesMax: config.rest.bodyBytesMax },
  });
  const { tlsCertFile: certFile, tlsKeyFile: keyFile, clientCaFile } = config.grpc;
  const credentials = tlsCredentials({ certFile, keyFile, clientCaFile });
  const grpc = grpcGateway({
    reach,
    contract: CONTRACT,
    gatekeeper,
    clock,
    random,
    log,
    insecure,
    ...(credentials === undefined ? {} : { credentials }),
  });
  const sources = [
    ...stores.metrics,
    ...deps.metrics,
    () => rest.metrics(),
    () => grpc.metrics(),
    () => trail.metrics(),
    () => gatekeeper.metrics(),
  ];
  const metrics = await metricsServer({ ...config.metrics, sources, log });
  closings.push({ name: 'metrics', close: () => metrics.close() });
  closings.push({ name: 'gRPC', close: () => grpc.close() });
  closings.push({ name: 'REST', close: () => rest.close() });
  const restUrl = await rest.listen(config.rest.host, config.rest.port);
  const grpcAddress = await grpc.listen(config.grpc.host, config.grpc.port);
  const grpcUrl = `${credentials === undefined ? 'http' : 'https'}://${grpcAddress}`;
  doors['rest'] = restUrl;
  doors['grpc'] = grpcUrl;
  doors['metrics'] = metrics.url;
  return { restUrl, grpcUrl, grpcAddress, metricsUrl: metrics.url };
}

/** What both edges stand on. */
function partsOf(
  deps: DoorsDeps,
  trail: Trail,
  auth: Auth,
  doors: Readonly<Record<string, string>>,
): GatewayParts {
  const { config, clock, random, version, engine, stores } = deps;
  const startedAt = clock.now();
  const types = collectorTypes(config, deps.secrets, deps.ownSources);
  return {
    engine,
    views: stores.views,
    records: stores.records,
    journal: stores.journal,
    walk: walkOver(stores.journal),
    service: () => ({
      name: 'headgate',
      version,
      node: config.node.name,
      mode: config.mode,
      startedAt,
      doors,
    }),
    trail,
    readiness: () => readiness(deps),
    collectorTypes: () => types,
    clock,
    random,
    tokens: auth.tokens,
  };
}

function readiness({ stores, state }: DoorsDeps): {
  readonly ready: boolean;
  readonly reasons: readonly string[];
} {
  const reasons = [
    ...(state.stopping ? ['the service is stopping'] : []),
    ...(stores.writable() ? [] : ['the journal does not take writes']),
  ];
  return { ready: reasons.length === 0, reasons };
}
