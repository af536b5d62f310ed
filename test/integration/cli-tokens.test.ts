/** Real tokens and TLS from the command line: the first one without a service, the others by it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTestApp } from '../support/app-service.js';
import type { TestApp } from '../support/app-service.js';
import { until } from '../support/app-http.js';
import { certificatesIn } from '../support/cli-certificates.js';
import type { Certificates } from '../support/cli-certificates.js';
import { runProcess } from '../support/cli-process.js';
import type { Exited } from '../support/cli-process.js';

const TIMEOUT_MS = 90_000;
const TOKEN = /^hg_[^_\s]+_\S+\n$/;

const directory = mkdtempSync(join(tmpdir(), 'headgate-cli-'));
let pems: Certificates;
let app: TestApp;
let admin = '';

const journalOf = (of: TestApp): string => join(of.directory, 'data', 'journal.db');

/** As somebody, over TLS. */
function as(token: string | undefined, ...args: readonly string[]): Promise<Exited> {
  const server = { HEADGATE_SERVER: app.running().grpcAddress };
  const own = token === undefined ? {} : { HEADGATE_TOKEN: token };
  return runProcess([...args, '--ca-file', pems.caFile], { ...server, ...own });
}

async function made(role: string): Promise<string> {
  const { code, out, err } = await as(admin, 'token', 'create', '--role', role, '--name', role);
  expect(code, err).toBe(0);
  expect(out).toMatch(TOKEN);
  expect(err).toContain(`token:${role}, ${role}`);
  return out.trim();
}

beforeAll(async () => {
  pems = certificatesIn(directory);
  const { certFile, keyFile } = pems;
  const grpc = { port: 0, tls_cert_file: certFile, tls_key_file: keyFile };
  app = await openTestApp({ config: { grpc } });
  await app.stop();
  const args = ['token', 'create', '--role', 'admin', '--name', 'first'];
  const { code, out, err } = await runProcess([...args, '--journal', journalOf(app)]);
  expect(code, err).toBe(0);
  expect(out).toMatch(TOKEN);
  expect(err).toContain('the only time it is shown');
  admin = out.trim();
  await app.restart();
}, TIMEOUT_MS);

afterAll(async () => {
  await app.close();
  rmSync(directory, { recursive: true, force: true });
});

describe('a token', { timeout: TIMEOUT_MS }, () => {
  it('made while no service ran opens it; without one, or with a wrong one, nobody gets in', async () => {
    expect(await as(admin, 'status')).toMatchObject({ code: 0, err: '' });
    for (const wrong of [undefined, `${admin}x`]) {
      const ran = await as(wrong, 'status');
      expect(ran).toMatchObject({ code: 6, out: '' });
      expect(ran.err).toMatch(/^headgate: [^\n]*HEADGATE_TOKEN[^\n]*\n$/);
      expect(ran.err).not.toContain(admin);
    }
  });

  it('comes from a file, or from the command line with a warning', async () => {
    const file = join(directory, 'token');
    writeFileSync(file, `${admin}\n`);
    expect(await as(undefined, 'status', '--token-file', file)).toMatchObject({ code: 0, err: '' });
    const shown = await as(undefined, 'status', '--token', admin);
    expect(shown.code).toBe(0);
    expect(shown.err).toMatch(/^headgate: warning: ps shows --token[^\n]*\n$/);
  });

  it('of a viewer looks and does not steer, and is told whom to ask', async () => {
    const viewer = await made('viewer');
    expect(await as(viewer, 'status', 'moralis')).toMatchObject({ code: 0 });
    const ran = await as(viewer, 'disable', 'moralis');
    expect(ran).toMatchObject({ code: 6, out: '' });
    expect(ran.err).toMatch(/^headgate: [^\n]*role operator, and yours is viewer; [^\n]*\n$/);
    expect(ran.err).toContain('headgate token create --role');
    // Refusals are written behind.
    await until('the trail tells of it', async () => {
      const asked = ['audit', '--outcome', 'denied', '--actor', 'token:viewer', '--json'];
      const { out } = await as(admin, ...asked);
      const { entries } = JSON.parse(out) as { entries: readonly Record<string, unknown>[] };
      const [first] = entries;
      return first?.['operation'] === 'disableCollector' && first['interface'] === 'cli';
    });
  });

  it('of an operator steers until it is revoked', async () => {
    const operator = await made('operator');
    expect(await as(operator, 'enable', 'moralis')).toMatchObject({ code: 0 });
    const listed = await as(admin, 'token', 'list');
    expect(listed.out).not.toContain(operator.split('_')[2]);
    const [, id = ''] = operator.split('_');
    expect(listed.out).toMatch(new RegExp(`^${id} +operator +operator `, 'm'));
    const revoked = await as(admin, 'token', 'revoke', id, '--reason', 'laptop lost');
    expect(revoked, revoked.err).toMatchObject({ code: 0 });
    expect(await as(operator, 'enable', 'moralis')).toMatchObject({ code: 6, out: '' });
    expect((await as(admin, 'token', 'list')).out).not.toContain(id);
    expect(await as(admin, 'token', 'revoke', 'nix')).toMatchObject({ code: 5 });
  });

  it('cannot be written into a journal that a service has open', async () => {
    const args = ['token', 'create', '--role', 'admin', '--name', 'x', '--journal', journalOf(app)];
    const ran = await runProcess(args);
    expect(ran).toMatchObject({ code: 1, out: '' });
    expect(ran.err).toMatch(/^headgate: [^\n]*lock[^\n]*\n$/);
  });
});

describe('a secure connection', { timeout: TIMEOUT_MS }, () => {
  it('is needed where the service has one', async () => {
    const env = { HEADGATE_SERVER: app.running().grpcAddress, HEADGATE_TOKEN: admin };
    const ran = await runProcess(['status'], env);
    expect(ran).toMatchObject({ code: 7, out: '' });
    expect(ran.err).toMatch(/^headgate: [^\n]*--tls[^\n]*\n$/);
  });

  it('is not made with somebody else', async () => {
    const env = { HEADGATE_SERVER: app.running().grpcAddress, HEADGATE_TOKEN: admin };
    const ran = await runProcess(['status', '--ca-file', pems.otherCaFile], env);
    expect(ran).toMatchObject({ code: 7, out: '' });
    expect(ran.err).toMatch(
      /^headgate: no secure connection to [^\n]*: unable to verify [^\n]*certificate; [^\n]*--ca-file[^\n]*\n$/,
    );
  });
});
