/** A log line for people: time, level, message, then the fields that are left. */

const SHORT: Readonly<Record<string, string>> = {
  debug: 'debug',
  info: 'info ',
  warn: 'WARN ',
  error: 'ERROR',
};

/** `2026-01-02T03:04:05.678Z` and so on become `03:04:05.678 info  message  name=value`. */
export function prettyLine(record: Readonly<Record<string, unknown>>): string {
  const { time, level, msg, ...fields } = record;
  const clock = String(time).slice(11, 23);
  const stacks: string[] = [];
  const parts = Object.entries(fields).map(([name, value]) => {
    const stack = stackOf(value);
    if (stack !== undefined) stacks.push(stack);
    return `${name}=${fieldText(value)}`;
  });
  const tail = parts.length === 0 ? '' : `  ${parts.join(' ')}`;
  const head = `${clock} ${SHORT[String(level)] ?? String(level)} ${oneLine(String(msg))}${tail}`;
  return [head, ...stacks].join('\n');
}

function fieldText(value: unknown): string {
  if (typeof value === 'string') return /^[\w.:/@+-]+$/.test(value) ? value : JSON.stringify(value);
  if (isError(value)) return JSON.stringify(`${value.name}: ${value.message}`);
  return value === undefined ? 'undefined' : JSON.stringify(value);
}

function isError(
  value: unknown,
): value is { readonly name: string; readonly message: string; readonly stack: string } {
  return typeof value === 'object' && value !== null && 'stack' in value && 'message' in value;
}

function stackOf(value: unknown): string | undefined {
  return isError(value) ? value.stack : undefined;
}

/** A line break in a message would let one line look like two. */
function oneLine(message: string): string {
  return message.replaceAll(/[\r\n]+/g, ' | ');
}
