/** The contract of this program: package headgate.v1 as it was generated, and the tables that answer it. */
import { AdminServiceService } from '../../gen/headgate/v1/admin_service.js';
import { CollectorServiceService } from '../../gen/headgate/v1/collector_service.js';
import { HistoryServiceService } from '../../gen/headgate/v1/history_service.js';
import { PermitServiceService } from '../../gen/headgate/v1/permit_service.js';
import { RecordServiceService } from '../../gen/headgate/v1/record_service.js';
import { OPERATIONS, STREAMS } from '../api.js';
import { PACKAGE } from './binding.js';
import type { Contract, Service } from './binding.js';
import { STREAM_MESSAGES, UNARY_MESSAGES } from './messages/index.js';

export const CONTRACT: Contract = {
  services: [
    CollectorServiceService,
    HistoryServiceService,
    RecordServiceService,
    PermitServiceService,
    AdminServiceService,
  ].map(offered),
  operations: OPERATIONS,
  streams: STREAMS,
  unaryMessages: UNARY_MESSAGES,
  streamMessages: STREAM_MESSAGES,
};

/** Until every row is there: what has none cannot be called. */
function offered(service: Service): Service {
  const paths = new Set(
    [...OPERATIONS, ...STREAMS].map(
      ({ grpc }) => `/${PACKAGE}.${String(grpc?.service)}/${String(grpc?.method)}`,
    ),
  );
  return Object.fromEntries(Object.entries(service).filter(([, { path }]) => paths.has(path)));
}
