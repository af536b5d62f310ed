/** Log lines by pino: JSON for machines or one short line for people, redacted in either form. */
import { pino } from 'pino';
import type { Logger as PinoLogger } from 'pino';
import type { LogFields, Logger } from '../kernel/observe.js';
import { isoTime } from '../kernel/time.js';
import type { Clock } from '../kernel/time.js';
import { prettyLine } from './pretty.js';
import { redactor } from './redact.js';
import type { Redact } from './redact.js';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

export type LogOptions = {
  readonly level: LogLevel;
  readonly format: 'json' | 'pretty';
  readonly clock: Pick<Clock, 'now'>;
  /** Takes whole lines; absent: standard output, written before the call returns. */
  readonly destination?: { write(line: string): unknown };
  /** Values that may be in no line; read at each line. */
  readonly secrets?: () => readonly string[];
};

/** Fields that pino's own would be confused with get a `_` before their name. */
const OWN_FIELDS = new Set(['time', 'level', 'msg']);

export function pinoLogger(options: LogOptions): Logger {
  const redact = redactor(options.secrets ?? (() => []));
  const output = options.destination ?? pino.destination({ fd: 1, sync: true });
  const lines =
    options.format === 'json'
      ? output
      : { write: (line: string) => output.write(`${prettyLine(parsed(line))}\n`) };
  const base = pino(
    {
      level: options.level,
      base: null,
      timestamp: () => `,"time":"${isoTime(options.clock.now())}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    lines,
  );
  return adapted(base, redact);
}

function parsed(line: string): Readonly<Record<string, unknown>> {
  return JSON.parse(line) as Readonly<Record<string, unknown>>;
}

/** The redacted fields of `child` are redacted once, those of a line when its level is written. */
function adapted(log: PinoLogger, redact: Redact): Logger {
  const at =
    (level: 'debug' | 'info' | 'warn' | 'error') =>
    (message: string, fields?: LogFields): void => {
      if (!log.isLevelEnabled(level)) return;
      log[level](cleaned(fields, redact), '%s', redact(message));
    };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => adapted(log.child(cleaned(fields, redact)), redact),
  };
}

function cleaned(fields: LogFields | undefined, redact: Redact): Record<string, unknown> {
  const safe = redact(fields ?? {}) as Readonly<Record<string, unknown>>;
  const renamed = Object.entries(safe).map(([name, value]) => [
    OWN_FIELDS.has(name) ? `_${name}` : name,
    value,
  ]);
  return Object.fromEntries(renamed) as Record<string, unknown>;
}
