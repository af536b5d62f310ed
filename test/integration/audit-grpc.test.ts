/** Keys, batches and the trail over gRPC, in the same journal as REST's. */
import { expect, it, onTestFinished } from 'vitest';
import {
  BatchAction,
  CollectorServiceService as Collectors,
} from '../../src/gen/headgate/v1/collector_service.js';
import {
  AuditOutcome,
  HistoryServiceService as History,
} from '../../src/gen/headgate/v1/history_service.js';
import { until } from '../support/app-http.js';
import { startTestApp } from '../support/app-service.js';
import { grpcClient } from '../support/grpc-client.js';

it('a key is one command by both doors, and the trail tells of both', async () => {
  const app = await startTestApp();
  const client = grpcClient(app.running().grpcAddress);
  onTestFinished(() => {
    client.close();
  });
  const asked = { name: 'moralis', reason: 'night', request_id: 'shared' };
  const first = await client.ask(Collectors.disableCollector, asked);
  const again = await app.send('POST', '/collectors/moralis/disable', {
    headers: { 'content-type': 'application/json', 'idempotency-key': 'shared' },
    body: '{"reason":"night"}',
  });
  expect(again.body).toMatchObject({ changed: true, etag: first.message.etag });
  const other = await client.refusal(Collectors.disableCollector, { ...asked, reason: 'day' });
  expect(other).toMatchObject({ code: 'INVALID_ARGUMENT' });
  expect(other.info).toMatchObject({ reason: 'IDEMPOTENCY_CONFLICT' });

  const { message } = await until('both are in the trail', async () => {
    const page = await client.ask(History.listAudit, { collector: 'moralis' });
    return page.message.count >= 2 && page;
  });
  expect(message.entries).toMatchObject([
    { outcome: AuditOutcome.AUDIT_OUTCOME_FAILED, code: 'idempotency_conflict' },
    { outcome: AuditOutcome.AUDIT_OUTCOME_SUCCESS, reason: 'night', operation: 'disableCollector' },
  ]);
  expect(message.entries[0]?.detail).toContain('this key was used');
});

it('a batch tells of each what came of it', async () => {
  const app = await startTestApp();
  const client = grpcClient(app.running().grpcAddress);
  onTestFinished(() => {
    client.close();
  });
  const { message } = await client.ask(Collectors.batchCollectors, {
    names: ['moralis', 'nobody'],
    action: BatchAction.BATCH_ACTION_OPEN_CIRCUIT_BREAKER,
    reason: 'maintenance upstream',
  });
  expect(message).toMatchObject({ succeeded: 1, failed: 1 });
  expect(message.results).toMatchObject([
    { collector: 'moralis', success: true, changed: true },
    { collector: 'nobody', success: false, error: { code: 'collector_not_found' } },
  ]);
});
