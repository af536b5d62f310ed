/** The configuration of the process: the table's values as one typed tree, and the rules between them. */
import { camel } from './option.js';
import type { ConfigOf, OptionSpec } from './option.js';
import { OPTIONS } from './options.js';
import type { ConfigProblem } from './problem.js';
import { isLoopback } from './url.js';

export type ProcessConfig = ConfigOf<(typeof OPTIONS)[number]>;

/** `given`: values of the right types by key; whatever is missing gets its default. */
export function processConfig(given: ReadonlyMap<string, unknown>): ProcessConfig {
  const value = (spec: OptionSpec): unknown => given.get(spec.key) ?? spec.default;
  const tree: Record<string, unknown> = {};
  for (const spec of OPTIONS) {
    const [group = '', member] = spec.key.split('.');
    if (member === undefined) {
      tree[camel(group)] = value(spec);
    } else {
      const members = (tree[camel(group)] ?? {}) as Record<string, unknown>;
      members[camel(member)] = value(spec);
      tree[camel(group)] = members;
    }
  }
  // The table's rows make both this tree and its type; a test walks both.
  const raw = tree as unknown as ProcessConfig;
  const inData = (file: string): string => `${raw.data.dir.replace(/\/+$/, '')}/${file}`;
  const text = (key: string): string | undefined => given.get(key) as string | undefined;
  const journalUrl = text('journal.url') ?? `sqlite:${inData('journal.db')}`;
  return {
    ...raw,
    journal: { ...raw.journal, url: journalUrl },
    records: { ...raw.records, path: text('records.path') ?? inData('records.db') },
    readstore: { ...raw.readstore, path: text('readstore.path') ?? inData('views.db') },
  };
}

/** What `journal.url` says. */
export type JournalTarget =
  { readonly kind: 'memory' } | { readonly kind: 'sqlite'; readonly path: string };

export function journalTarget(url: string): JournalTarget {
  return url === 'memory:'
    ? { kind: 'memory' }
    : { kind: 'sqlite', path: url.slice('sqlite:'.length) };
}

type Tell = (option: string, rule: string, value: unknown) => void;

/** What no single option can break. */
export function processProblems(config: ProcessConfig): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const wrong: Tell = (option, rule, value) => {
    const given = value === '' ? {} : { value: String(value) };
    problems.push({ option, from: '', rule, ...given });
  };
  authProblems(config, wrong);
  grpcProblems(config, wrong);
  const ports = [config.rest.port, config.metrics.port, config.sandbox.port];
  if (config.metrics.port !== 0 && config.metrics.port === config.rest.port) {
    wrong('metrics.port', 'must differ from rest.port', config.metrics.port);
  }
  if (config.sandbox.port !== 0 && ports.indexOf(config.sandbox.port) < 2) {
    wrong('sandbox.port', 'must differ from rest.port and metrics.port', config.sandbox.port);
  }
  if (config.retry.capMs < config.retry.baseMs) {
    wrong('retry.cap_ms', 'must be at least retry.base_ms', config.retry.capMs);
  }
  const journal = journalTarget(config.journal.url);
  const paths = journal.kind === 'sqlite' ? [journal.path] : [];
  for (const [option, path] of [
    ['records.path', config.records.path],
    ['readstore.path', config.readstore.path],
  ] as const) {
    if (paths.includes(path)) wrong(option, 'must be a file of its own', path);
    paths.push(path);
  }
  return problems;
}

/**
 * Whether tokens are there is known when the journal is open, and looked at where a door is opened; a
 * journal that begins empty has none.
 */
function authProblems({ rest, grpc, auth, journal }: ProcessConfig, wrong: Tell): void {
  const mayHaveTokens = journalTarget(journal.url).kind !== 'memory';
  const asks = mayHaveTokens || auth.jwksUrl !== undefined;
  for (const [option, host] of [
    ['rest.host', rest.host],
    ['grpc.host', grpc.host],
  ] as const) {
    if (isLoopback(host) || rest.insecure || asks) continue;
    const rule =
      'must be a loopback address, or rest.insecure must be true: nobody is asked who they are';
    wrong(option, rule, host);
  }
  if (auth.jwksUrl === undefined) return;
  if (!isFit(auth.jwksUrl)) {
    wrong('auth.jwks_url', 'must be https://..., file:///..., or http://... on loopback', '');
  }
  for (const [option, value] of [
    ['auth.jwt_issuer', auth.jwtIssuer],
    ['auth.jwt_audience', auth.jwtAudience],
  ] as const) {
    if (value === undefined) wrong(option, 'must be given together with auth.jwks_url', '');
  }
}

function grpcProblems({ grpc, rest, metrics, sandbox }: ProcessConfig, wrong: Tell): void {
  if (grpc.port !== 0 && [rest.port, metrics.port, sandbox.port].includes(grpc.port)) {
    wrong('grpc.port', 'must differ from the other ports', grpc.port);
  }
  if ((grpc.tlsCertFile === undefined) !== (grpc.tlsKeyFile === undefined)) {
    const missing = grpc.tlsCertFile === undefined ? 'cert' : 'key';
    wrong(`grpc.tls_${missing}_file`, 'must be given: TLS needs a certificate and its key', '');
  } else if (grpc.clientCaFile !== undefined && grpc.tlsCertFile === undefined) {
    wrong('grpc.client_ca_file', 'needs grpc.tls_cert_file: there is no mTLS without TLS', '');
  }
}

/** Whoever could change the keys on their way could be anyone. */
function isFit(url: string): boolean {
  try {
    const { protocol, hostname, host } = new URL(url);
    if (protocol === 'file:') return host === '';
    return protocol === 'https:' || isLoopback(hostname);
  } catch {
    return false;
  }
}
