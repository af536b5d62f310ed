/** The contract of this program: package headgate.v1 as it was generated, and the tables that answer it. */
import { AdminServiceService } from '../../gen/headgate/v1/admin_service.js';
import { CollectorServiceService } from '../../gen/headgate/v1/collector_service.js';
import { HistoryServiceService } from '../../gen/headgate/v1/history_service.js';
import { PermitServiceService } from '../../gen/headgate/v1/permit_service.js';
import { RecordServiceService } from '../../gen/headgate/v1/record_service.js';
import { OPERATIONS, STREAMS } from '../api.js';
import type { Contract } from './binding.js';
import { STREAM_MESSAGES, UNARY_MESSAGES } from './messages/index.js';

export const CONTRACT: Contract = {
  services: [
    CollectorServiceService,
    HistoryServiceService,
    RecordServiceService,
    PermitServiceService,
    AdminServiceService,
  ],
  operations: OPERATIONS,
  streams: STREAMS,
  unaryMessages: UNARY_MESSAGES,
  streamMessages: STREAM_MESSAGES,
};
