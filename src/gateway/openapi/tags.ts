/** The chapters of the documentation: by path. */
import type { AnyOperation } from '../operation.js';

type Chapter = { readonly name: string; readonly description: string; readonly holds: RegExp };

/** The first that holds. */
const CHAPTERS: readonly Chapter[] = [
  {
    name: 'Circuit breakers',
    description: 'What stops calls to an upstream that fails.',
    holds: /\/circuit-breaker\b/,
  },
  {
    name: 'Limits and quotas',
    description: 'What keeps calls within what an upstream allows.',
    holds: /\/(rate-limit|quota|permits?)\b/,
  },
  {
    name: 'Records',
    description: 'What was collected, and where the next run goes on.',
    holds: /\/(records|cursor)\b/,
  },
  {
    name: 'History',
    description: 'What happened, and who did what.',
    holds: /\/(events|audit|history|journal|tokens\/events)\b/,
  },
  { name: 'Costs', description: 'What was used and what it costs.', holds: /\/costs\b/ },
  { name: 'Health', description: 'How well the sources are.', holds: /^\/health\/collectors/ },
  {
    name: 'Collectors',
    description: 'What collects, and how to steer it.',
    holds: /^\/collector(s|-types)\b/,
  },
  { name: 'Access', description: 'Who may call.', holds: /^\/tokens\b/ },
  { name: 'Service', description: 'The program itself.', holds: /^\// },
];

/** As they are read: what most come for first. */
const ORDER = ['Collectors', 'Circuit breakers', 'Limits and quotas', 'Records', 'Costs', 'Health'];

const rank = ({ name }: Chapter): number => (ORDER.indexOf(name) + 1 || CHAPTERS.length) - 1;

export const TAGS = CHAPTERS.toSorted((a, b) => rank(a) - rank(b)).map(({ name, description }) => ({
  name,
  description,
}));

export function tagOf({ rest }: AnyOperation): string {
  return CHAPTERS.find(({ holds }) => holds.test(rest.path))?.name ?? 'Service';
}
