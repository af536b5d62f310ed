/** The table of options: process, stores and edges. `options-run.ts` has what runs collectors. */
import type { OptionSpec } from './option.js';
import { AUTH_OPTIONS } from './options-auth.js';
import { GRPC_OPTIONS } from './options-grpc.js';
import { RUN_OPTIONS } from './options-run.js';

const PORT = { type: 'integer', min: 0, max: 65_535 } as const;
const COUNT = { type: 'integer', min: 1 } as const;
const DURATION = { type: 'integer', unit: 'ms', min: 0 } as const;
const BYTES = { type: 'integer', unit: 'bytes', min: 1 } as const;
const HOST = {
  type: 'string',
  pattern: { regex: /^[A-Za-z0-9.:[\]_-]+$/, says: 'a host name or an address' },
} as const;
const MIB = 1_048_576;

export const OPTIONS = [
  {
    key: 'config',
    type: 'string',
    absent: 'no file is read',
    flag: '--config',
    bootstrap: true,
    meaning: 'File with options, YAML or JSON, the keys nested at their dots.',
  },
  {
    key: 'mode',
    type: 'string',
    allowed: ['live', 'sandbox'],
    default: 'live',
    meaning: 'Which upstreams collectors use unless they say otherwise: the real, or the bundled.',
  },
  {
    key: 'only',
    type: 'string',
    absent: 'every source has one, and those the file adds',
    pattern: {
      regex: /^[a-z0-9_-]+( *, *[a-z0-9_-]+)*$/,
      says: 'names of collectors, separated by commas',
    },
    meaning: 'Names of the collectors that exist; whatever else is configured is left out.',
  },
  {
    key: 'sources',
    type: 'list',
    absent: 'only the built-in sources are there',
    flag: '--sources',
    meaning:
      'Modules with sources of your own (docs/adding-a-source.md), relative to the file that names ' +
      'them, else to the working directory. They are code: it runs with the rights of the service.',
  },
  {
    key: 'node.name',
    type: 'string',
    default: 'node-1',
    pattern: { regex: /^[a-z0-9][a-z0-9_-]{0,62}$/, says: 'lower-case letters, digits, - and _' },
    meaning: 'Name of this node in events, logs and the names of audit streams.',
  },
  {
    key: 'data.dir',
    type: 'string',
    default: 'data',
    flag: '--data-dir',
    meaning: 'Directory of everything that is kept; made when it is not there.',
  },

  {
    key: 'journal.url',
    type: 'string',
    derived: 'sqlite:<data.dir>/journal.db',
    pattern: { regex: /^(sqlite:.+|memory:)$/, says: 'sqlite:<path> or memory:' },
    flag: '--journal',
    alias: 'JOURNAL',
    meaning: 'Where the events are. memory: forgets everything when the process ends.',
  },
  {
    key: 'journal.accept_regressed',
    type: 'boolean',
    default: false,
    flag: '--accept-regressed',
    meaning:
      'Start although the journal ends before what its witness saw (a lost tail, an old copy).',
  },
  {
    key: 'journal.queue_max',
    ...COUNT,
    default: 20_000,
    unit: 'events',
    meaning: 'Events that may wait for the writer; more are refused as unavailable.',
  },
  {
    key: 'journal.queue_bytes_max',
    ...BYTES,
    default: 64 * MIB,
    meaning: 'Bytes that may wait for the writer; more are refused as unavailable.',
  },
  {
    key: 'journal.batch_events_max',
    ...COUNT,
    default: 512,
    max: 10_000,
    unit: 'events',
    meaning: 'Events that one commit may hold.',
  },
  {
    key: 'journal.batch_bytes_max',
    ...BYTES,
    default: MIB,
    max: 64 * MIB,
    meaning: 'Bytes that one commit may hold.',
  },
  {
    key: 'journal.event_bytes_max',
    ...BYTES,
    default: 262_144,
    max: MIB,
    meaning: 'Bytes that one event may have.',
  },
  {
    key: 'records.path',
    type: 'string',
    derived: '<data.dir>/records.db',
    meaning: 'File of the collected records.',
  },
  {
    key: 'records.retention_days',
    type: 'number',
    above: 0,
    default: 30,
    unit: 'days',
    meaning: 'Records collected longer ago are removed.',
  },
  {
    key: 'records.per_collector_max',
    ...COUNT,
    default: 1_000_000,
    unit: 'records',
    meaning: 'Records kept for one collector; the oldest go first.',
  },
  {
    key: 'readstore.path',
    type: 'string',
    derived: '<data.dir>/views.db',
    meaning: 'File of the read models; it may be deleted, they are folded anew from the journal.',
  },
  {
    key: 'rest.host',
    ...HOST,
    default: '127.0.0.1',
    flag: '--rest-host',
    meaning: 'Address REST listens on. Other than loopback only where a token or JWT is asked for.',
  },
  {
    key: 'rest.port',
    ...PORT,
    default: 8000,
    flag: '--rest-port',
    meaning: 'Port of REST; 0 takes any free one.',
  },
  {
    key: 'rest.body_bytes_max',
    ...BYTES,
    default: 65_536,
    max: 16 * MIB,
    meaning: 'Largest request body that is read.',
  },
  {
    key: 'rest.insecure',
    type: 'boolean',
    default: false,
    flag: '--insecure',
    meaning:
      'Let anyone steer who reaches the service: for an address other than loopback without tokens ' +
      'and JWT.',
  },
  {
    key: 'rest.cors_origins',
    type: 'list',
    absent: 'no other site’s page may call',
    pattern: {
      regex: /^https?:\/\/[a-z0-9.-]+(:\d{1,5})?$|^https?:\/\/\[[0-9a-f:]+\](:\d{1,5})?$/,
      says: 'origins such as https://ops.example.com, in lower case, without a path',
    },
    meaning: 'Origins of pages that may call from a browser; each still needs a token.',
  },
  ...GRPC_OPTIONS,
  {
    key: 'metrics.host',
    ...HOST,
    default: '127.0.0.1',
    meaning: 'Address the Prometheus endpoint listens on.',
  },
  {
    key: 'metrics.port',
    ...PORT,
    default: 9001,
    flag: '--metrics-port',
    meaning: 'Port of the Prometheus endpoint; 0 takes any free one.',
  },
  {
    key: 'log.level',
    type: 'string',
    allowed: ['debug', 'info', 'warn', 'error', 'silent'],
    default: 'info',
    flag: '--log-level',
    meaning: 'Log lines of this level and above are written.',
  },
  {
    key: 'log.format',
    type: 'string',
    allowed: ['json', 'pretty'],
    default: 'json',
    flag: '--log-format',
    meaning: 'One JSON object per line for machines, or one short line for people.',
  },
  {
    key: 'shutdown.drain_ms',
    ...DURATION,
    default: 10_000,
    meaning: 'How long a stop waits for what is in flight before it is aborted.',
  },
  {
    key: 'sandbox.port',
    ...PORT,
    default: 0,
    flag: '--sandbox-port',
    meaning: 'Port of the bundled upstream, on loopback; 0 takes any free one.',
  },
  ...AUTH_OPTIONS,
  ...RUN_OPTIONS,
] as const satisfies readonly OptionSpec[];
