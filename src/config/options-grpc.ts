/** The table of options: the gRPC door. */
import type { OptionSpec } from './option.js';

export const GRPC_OPTIONS = [
  {
    key: 'grpc.host',
    type: 'string',
    pattern: { regex: /^[A-Za-z0-9.:[\]_-]+$/, says: 'a host name or an address' },
    default: '127.0.0.1',
    flag: '--grpc-host',
    meaning: 'Address gRPC listens on. Other than loopback only where a token or JWT is asked for.',
  },
  {
    key: 'grpc.port',
    type: 'integer',
    min: 0,
    max: 65_535,
    default: 50_051,
    flag: '--grpc-port',
    meaning: 'Port of gRPC; 0 takes any free one.',
  },
  {
    key: 'grpc.tls_cert_file',
    type: 'string',
    absent: 'gRPC is served without TLS',
    meaning: 'File with the server’s certificate and those above it, PEM; read at the start.',
  },
  {
    key: 'grpc.tls_key_file',
    type: 'string',
    absent: 'needed together with grpc.tls_cert_file',
    meaning: 'File with the private key of that certificate, PEM, without a passphrase.',
  },
  {
    key: 'grpc.client_ca_file',
    type: 'string',
    absent: 'clients need no certificate',
    meaning:
      'File with certificates, PEM: only clients whose own certificate one of them signed get in.',
  },
] as const satisfies readonly OptionSpec[];
