import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { credentials } from '@grpc/grpc-js';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { GrpcTlsInvalid, tlsCredentials } from '../../src/gateway/grpc/tls.js';
import type { TlsFiles } from '../../src/gateway/grpc/tls.js';
import { CollectorServiceService as Collectors } from '../../src/gen/headgate/v1/collector_service.js';
import { grpcClient } from '../support/grpc-client.js';
import type { GrpcClient } from '../support/grpc-client.js';
import { servedGrpc } from '../support/grpc-served.js';

const directory = mkdtempSync(join(tmpdir(), 'headgate-tls-'));
const at = (name: string): string => join(directory, name);
afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

const openssl = (...args: readonly string[]): void => {
  execFileSync('openssl', args, { cwd: directory, stdio: 'ignore' });
};

function hasOpenssl(): boolean {
  try {
    openssl('version');
    return true;
  } catch {
    if (process.env['CI'] === 'true') throw new Error('openssl is missing: CI never skips TLS');
    process.stderr.write('skipped: openssl is missing, so no certificate can be made\n');
    return false;
  }
}

/** A CA, and what it signed. */
function makeCertificates(): void {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  for (const ca of ['ca', 'other']) {
    const out = ['-keyout', `${ca}.key`, '-out', `${ca}.pem`, '-days', '2', '-subj', `/CN=${ca}`];
    openssl('req', '-x509', ...key, ...out);
  }
  writeFileSync(at('names.cnf'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n');
  for (const [name, ca] of [
    ['server', 'ca'],
    ['client', 'ca'],
    ['stranger', 'other'],
  ] as const) {
    openssl('req', ...key, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
    const by = ['-CA', `${ca}.pem`, '-CAkey', `${ca}.key`, '-CAcreateserial', '-days', '2'];
    openssl(
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      '-out',
      `${name}.pem`,
      ...by,
      '-extfile',
      'names.cnf',
    );
  }
}

const isPossible = hasOpenssl();
if (isPossible) makeCertificates();

const FILES: TlsFiles = {
  certFile: at('server.pem'),
  keyFile: at('server.key'),
  clientCaFile: undefined,
};

async function secured(files: TlsFiles): Promise<string> {
  const made = tlsCredentials(files);
  if (made === undefined) throw new Error('no TLS');
  return (await servedGrpc({ credentials: made })).target;
}

function trusting(target: string, ca = 'ca', own?: string): GrpcClient {
  const pem = (name: string): Buffer => readFileSync(at(name));
  const client = grpcClient(
    target,
    own === undefined
      ? credentials.createSsl(pem(`${ca}.pem`))
      : credentials.createSsl(pem(`${ca}.pem`), pem(`${own}.key`), pem(`${own}.pem`)),
  );
  onTestFinished(() => {
    client.close();
  });
  return client;
}

const get = (client: GrpcClient): Promise<unknown> =>
  client.ask(Collectors.getCollector, { name: 'moralis' });

describe.skipIf(!isPossible)('TLS', () => {
  it('serves who trusts its certificate, and nobody else', async () => {
    const target = await secured(FILES);
    await expect(get(trusting(target))).resolves.toBeDefined();
    await expect(get(trusting(target, 'other'))).rejects.toMatchObject({ code: 14 });
    const plain = grpcClient(target);
    await expect(get(plain)).rejects.toMatchObject({ code: 14 });
    plain.close();
  });

  it('with a client CA lets in only clients with a certificate it signed', async () => {
    const target = await secured({ ...FILES, clientCaFile: at('ca.pem') });
    await expect(get(trusting(target, 'ca', 'client'))).resolves.toBeDefined();
    await expect(get(trusting(target, 'ca', 'stranger'))).rejects.toMatchObject({ code: 14 });
    await expect(get(trusting(target))).rejects.toMatchObject({ code: 14 });
  });

  it.each([
    ['no key', { keyFile: undefined }, 'grpc.tls_key_file is missing'],
    ['no certificate', { certFile: undefined }, 'grpc.tls_cert_file is missing'],
    ['a file that is not there', { keyFile: at('none.key') }, 'none.key) cannot be read'],
    [
      'a certificate that is none',
      { certFile: at('names.cnf') },
      'names.cnf) is not a certificate',
    ],
    ['a key that is none', { keyFile: at('server.pem') }, 'is not a private key'],
    [
      'the key of another one',
      { keyFile: at('client.key') },
      'is not the key of grpc.tls_cert_file',
    ],
    ['a client CA that is none', { clientCaFile: at('names.cnf') }, 'grpc.client_ca_file'],
  ])('refuses %s, naming option and file', (_name, change, words) => {
    const start = (): unknown => tlsCredentials({ ...FILES, ...change });
    expect(start).toThrow(GrpcTlsInvalid);
    expect(start).toThrow(words);
  });
});

it('no option about TLS means none', () => {
  const none = { certFile: undefined, keyFile: undefined, clientCaFile: undefined };
  expect(tlsCredentials(none)).toBeUndefined();
});
