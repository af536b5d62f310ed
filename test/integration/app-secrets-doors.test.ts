/**
 * Judge: no token and no key appears in any log, event, metric or error. Every place a caller can put one,
 * over both edges; then every place where something can be read is searched, to the bytes of the files.
 */
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ServiceError } from '@grpc/grpc-js';
import { describe, expect, it, onTestFinished } from 'vitest';
import { AdminServiceService as Admin } from '../../src/gen/headgate/v1/admin_service.js';
import { CollectorServiceService as Collectors } from '../../src/gen/headgate/v1/collector_service.js';
import { HistoryServiceService as History } from '../../src/gen/headgate/v1/history_service.js';
import { startTestApp, type TestApp } from '../support/app-service.js';
import { grpcClient, type GrpcClient } from '../support/grpc-client.js';
import { sse } from '../support/streams-sse.js';

const KEY = 'mk-9Qm2vX7TtWzR4-tell-nobody-5LkPbE';
const JSON_TYPE = { 'content-type': 'application/json' };
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

async function made(app: TestApp, name: string, role: string, by?: string, more: object = {}) {
  const headers = { ...JSON_TYPE, ...(by === undefined ? {} : bearer(by)) };
  const body = JSON.stringify({ name, role, ...more });
  const told = await app.send('POST', '/tokens', { headers, body });
  expect(told.status).toBe(200);
  const { secret, token } = told.body as { secret: string; token: { id: string } };
  return { text: secret, id: token.id };
}

/** What a gRPC call told: its answer, or its status with the bytes of its details. */
async function heardOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    (told) => JSON.stringify(told),
    (thrown: unknown) => {
      const { details, message, metadata } = thrown as ServiceError;
      const bytes = metadata.get('grpc-status-details-bin').map((each) => each.toString('latin1'));
      return JSON.stringify([details, message, metadata.getMap(), bytes]);
    },
  );
}

/** A secret in every member and every metadata of gRPC that takes a text. */
async function misplaced(client: GrpcClient, secret: string, admin: string) {
  const metadata = bearer(admin);
  const name = 'moralis';
  const enable = (request: object, more: Readonly<Record<string, string>> = {}) =>
    heardOf(
      client.ask(
        Collectors.enableCollector,
        { name, ...request },
        { metadata: { ...metadata, ...more } },
      ),
    );
  return Promise.all([
    enable({ reason: `because ${secret}` }),
    enable({ request_id: secret }),
    enable({ etag: secret }),
    enable({ name: secret }),
    enable({}, { 'x-request-id': secret }),
    enable({}, { 'x-headgate-interface': secret }),
    enable({}, { traceparent: secret }),
    enable({}, { authorization: secret }),
    enable({}, { authorization: `Basic ${secret}` }),
    enable({}, { authorization: `Bearer ${secret}` }),
    heardOf(client.ask(Admin.revokeToken, { id: secret, reason: secret }, { metadata })),
    heardOf(client.ask(Admin.createToken, { name: secret, role: 'ROLE_VIEWER' }, { metadata })),
    heardOf(client.ask(History.listAudit, { actor: secret, page_token: secret }, { metadata })),
    heardOf(client.ask(Collectors.listCollectors, { page_token: secret }, { metadata })),
  ]);
}

const PAGES = [
  '/',
  '/docs',
  '/openapi.json',
  '/collectors',
  '/collectors/moralis',
  '/collectors/costs',
  '/collector-types',
  '/health',
  '/events?limit=1000',
  '/events?categories=audit,settings&limit=1000',
  '/collectors/moralis/events?limit=1000',
  '/collectors/moralis/circuit-breaker/history',
  '/audit?page_size=100',
  '/audit/head',
  '/audit/verify',
  '/tokens',
  '/nothing',
];

async function everything(app: TestApp, admin: string): Promise<ReadonlyMap<string, Buffer>> {
  const found = new Map<string, Buffer>();
  for (const path of PAGES) {
    const { text, headers } = await app.send('GET', path, { headers: bearer(admin) });
    found.set(`GET ${path}`, Buffer.from(`${JSON.stringify(headers)}\n${text}`));
  }
  const stream = await sse(`${app.running().restUrl}/events?follow=false`, bearer(admin));
  found.set('GET /events as a stream', Buffer.from(JSON.stringify(await stream.rest())));
  found.set('metrics', Buffer.from(await app.metrics()));
  const files = (): void => {
    for (const entry of readdirSync(app.directory, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const bytes = readFileSync(join(entry.parentPath, entry.name));
      found.set(entry.name, Buffer.concat([found.get(entry.name) ?? Buffer.of(), bytes]));
    }
  };
  files(); // with the write-ahead logs of a service that runs
  await app.stop();
  files();
  found.set('log', Buffer.from(app.log.text()));
  return found;
}

describe('a secret', () => {
  it('put wherever gRPC takes a text, or the key of an upstream, is repeated nowhere', async () => {
    const app = await startTestApp({
      collectors: { moralis: { enabled: true } },
      secrets: { MORALIS_API_KEY: KEY },
    });
    const client = grpcClient(app.grpcUrl());
    onTestFinished(() => {
      client.close();
    });
    const admin = await made(app, 'admin', 'admin');
    const gone = await made(app, 'gone', 'viewer', admin.text);
    const viewer = await made(app, 'viewer', 'viewer', admin.text);
    await client.ask(Admin.revokeToken, { id: gone.id }, { metadata: bearer(admin.text) });
    const wrong = `${viewer.text.slice(0, -6)}AAAAAA`;
    const given = [admin.text, viewer.text, gone.text, wrong];
    const secrets = [...given.map((text) => text.slice(16, 50)), KEY];
    const holds = (bytes: Buffer | string): boolean =>
      secrets.some((secret) => bytes.includes(secret));
    for (const text of given) {
      for (const answer of await misplaced(client, text, admin.text)) {
        expect(holds(answer), answer.slice(0, 300)).toBe(false);
      }
    }
    const found = await everything(app, admin.text);
    expect([...found.keys()]).toEqual(
      expect.arrayContaining(['journal.db', 'journal.db-wal', 'records.db', 'views.db', 'log']),
    );
    expect([...found].filter(([, bytes]) => holds(bytes)).map(([place]) => place)).toEqual([]);
    // What is kept of a token is kept in the journal, and shown by no door.
    const hash = createHash('sha256').update(viewer.text.slice(16)).digest('hex');
    const shown = [...found].filter(([, bytes]) => bytes.includes(hash)).map(([place]) => place);
    expect(shown.length).toBeGreaterThan(0);
    expect(shown.every((place) => place.startsWith('journal.db'))).toBe(true);
    expect(found.get('GET /events?limit=1000')?.includes('(hidden)')).toBe(true);
  });
});
