/** Numbers as people read them in a column. */

const UNITS = [
  [1e12, 'T'],
  [1e9, 'G'],
  [1e6, 'M'],
  [1e4, 'k'],
] as const;

/** Three figures at least, four at most: `0.5`, `9999`, `12.3k`, `2.99M`. Cut, never rounded up. */
export function compact(value: number): string {
  const size = Math.abs(value);
  for (const [from, unit] of UNITS) {
    if (size < from) continue;
    const scale = unit === 'k' ? 1000 : from;
    return `${figures(value / scale)}${unit}`;
  }
  return figures(value);
}

function figures(value: number): string {
  if (Number.isInteger(value)) return String(value);
  const size = Math.abs(value);
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
  const scale = 10 ** digits;
  const kept = Math.trunc(value * scale) / scale;
  // Less than a thousandth is not nothing.
  return kept === 0 ? value.toPrecision(1) : String(kept);
}

/** Every figure, in groups of three: `3 000 000` with narrow blanks. */
export function whole(value: number): string {
  const [integer = '', fraction] = String(value).split('.');
  if (integer.includes('e')) return String(value);
  const grouped = integer.replaceAll(/\B(?=(\d{3})+$)/g, ',');
  return fraction === undefined ? grouped : `${grouped}.${fraction}`;
}

/** `98 %`; cut, so that only all of it is 100. */
export function percent(ratio: number): string {
  return `${String(Math.floor(ratio * 100))}%`;
}

/** Money of a price book; an amount too small for cents is not shown as nothing. */
export function money(amount: number, currency: string | undefined): string {
  const cents = Math.abs(amount) < 0.1 && amount !== 0 ? 4 : 2;
  const shown = amount.toFixed(cents);
  return currency === undefined || currency === '' ? shown : `${shown} ${currency}`;
}

export function counted(count: number, what: string): string {
  return `${whole(count)} ${what}${count === 1 ? '' : 's'}`;
}
