/** TLS by configuration: certificate and key, and, where clients must have one, who signs theirs. */
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { ServerCredentials } from '@grpc/grpc-js';
import { HeadgateError, messageOf } from '../../kernel/errors.js';

/** Paths of PEM files. All absent: no TLS. */
export type TlsFiles = {
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
  /** Given: only clients with a certificate signed by one of these get in. */
  readonly clientCaFile: string | undefined;
};

/** The certificates cannot be used; the message names option and file. */
export class GrpcTlsInvalid extends HeadgateError {
  readonly code = 'grpc_tls_invalid';
  readonly retryable = false;
}

const OPTIONS = {
  certFile: 'grpc.tls_cert_file',
  keyFile: 'grpc.tls_key_file',
  clientCaFile: 'grpc.client_ca_file',
} as const satisfies Record<keyof TlsFiles, string>;

/**
 * What the server shows and asks for; undefined: it is served without TLS. Files are read once: after a renewal the service is restarted.
 * @throws {GrpcTlsInvalid} a file is missing, cannot be read, or is not what its option says.
 */
export function tlsCredentials(files: TlsFiles): ServerCredentials | undefined {
  const { certFile, keyFile, clientCaFile } = files;
  if (certFile === undefined && keyFile === undefined && clientCaFile === undefined) {
    return undefined;
  }
  if (certFile === undefined || keyFile === undefined) {
    const missing = certFile === undefined ? OPTIONS.certFile : OPTIONS.keyFile;
    throw new GrpcTlsInvalid(`${missing} is missing: TLS needs a certificate and its key`);
  }
  const cert = pem('certFile', certFile);
  const key = pem('keyFile', keyFile);
  const ca = clientCaFile === undefined ? null : pem('clientCaFile', clientCaFile);
  checked(`${OPTIONS.certFile} (${certFile}) is not a certificate`, { cert });
  checked(`${OPTIONS.keyFile} (${keyFile}) is not a private key without passphrase`, { key });
  checked(`${OPTIONS.keyFile} (${keyFile}) is not the key of ${OPTIONS.certFile} (${certFile})`, {
    cert,
    key,
  });
  if (ca !== null && !ca.includes('-----BEGIN CERTIFICATE-----')) {
    throw new GrpcTlsInvalid(`${OPTIONS.clientCaFile} (${String(clientCaFile)}) is no certificate`);
  }
  return ServerCredentials.createSsl(ca, [{ cert_chain: cert, private_key: key }], ca !== null);
}

function pem(option: keyof TlsFiles, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    const message = `${OPTIONS[option]} (${path}) cannot be read: ${messageOf(cause)}`;
    throw new GrpcTlsInvalid(message, { cause });
  }
}

/** Node's own reason is left out: of a key it may quote what it could not read. */
function checked(rule: string, context: Parameters<typeof createSecureContext>[0]): void {
  try {
    createSecureContext(context);
  } catch {
    throw new GrpcTlsInvalid(rule);
  }
}
