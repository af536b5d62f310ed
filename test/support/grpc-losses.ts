/** What of an answer's JSON did not arrive in its message; by path. */
type Members = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether nothing is said: absent in a message is null or empty in JSON. */
function isNothing(value: unknown): boolean {
  if (typeof value === 'string') return value === '' || value.endsWith('_UNSPECIFIED');
  return value === undefined || value === null;
}

export function losses(json: unknown, message: unknown, at = ''): readonly string[] {
  if (isNothing(json)) return isNothing(message) ? [] : [`${at}: came from nowhere`];
  if (Array.isArray(json)) {
    const told = Array.isArray(message) ? (message as readonly unknown[]) : [];
    if (told.length !== json.length) return [`${at}: ${String(told.length)} of a list arrived`];
    return json.flatMap((each, index) => losses(each, told[index], `${at}/${String(index)}`));
  }
  if (isObject(json)) {
    if (Array.isArray(message)) return namedLosses(json, message as readonly unknown[], at);
    if (!isObject(message)) return [`${at}: did not arrive`];
    return Object.entries(json).flatMap(([name, value]) =>
      losses(value, message[name], `${at}/${name}`),
    );
  }
  return isSame(json, message) ? [] : [`${at}: ${String(json)} became ${String(message)}`];
}

/** REST's object by name: each is in the list, under one of the two names such lists have. */
function namedLosses(json: Members, list: readonly unknown[], at: string): readonly string[] {
  return Object.entries(json).flatMap(([name, value]) => {
    const found = list.find(
      (each) => isObject(each) && (each['name'] === name || each['series'] === name),
    );
    return losses(value, found, `${at}/${name}`);
  });
}

function isSame(json: unknown, message: unknown): boolean {
  if (typeof message === 'bigint') return json === Number(message);
  if (message instanceof Date) return json === message.toISOString();
  if (typeof json !== 'string' || typeof message !== 'string') return json === message;
  // What barred it has a field of its own.
  if (message === 'OUTCOME_BLOCKED') return json.startsWith('blocked');
  return json === message || message.endsWith(`_${json.toUpperCase().replaceAll('-', '_')}`);
}
