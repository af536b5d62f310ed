/** A certificate for this machine's own address, and the PEM of who signed it; made by openssl. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

export type Certificates = {
  readonly certFile: string;
  readonly keyFile: string;
  readonly caFile: string;
  /** Of somebody who signed nothing here. */
  readonly otherCaFile: string;
};

/** @throws openssl is missing: TLS is never skipped. */
export function certificatesIn(directory: string): Certificates {
  const at = (name: string): string => join(directory, name);
  const openssl = (...args: readonly string[]): void => {
    execFileSync('openssl', args, { cwd: directory, stdio: 'ignore' });
  };
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  for (const ca of ['ca', 'other']) {
    const out = ['-keyout', `${ca}.key`, '-out', `${ca}.pem`, '-days', '2', '-subj', `/CN=${ca}`];
    openssl('req', '-x509', ...key, ...out);
  }
  writeFileSync(at('names.cnf'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n');
  openssl('req', ...key, '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=server');
  const by = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2'];
  const names = ['-extfile', 'names.cnf'];
  openssl('x509', '-req', '-in', 'server.csr', '-out', 'server.pem', ...by, ...names);
  return {
    certFile: at('server.pem'),
    keyFile: at('server.key'),
    caFile: at('ca.pem'),
    otherCaFile: at('other.pem'),
  };
}
