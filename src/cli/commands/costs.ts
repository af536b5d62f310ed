/** `headgate costs`: what each collector used of its quota, what it cost, where that leads. */
import type { Command } from 'commander';
import type { CollectorCosts, CostTotals } from '../../gen/headgate/v1/collector.js';
import { CollectorServiceService as Collectors } from '../../gen/headgate/v1/collector_service.js';
import type { ClientFlags } from '../client-options.js';
import type { Plain } from '../plain.js';
import { stampText } from '../render/moments.js';
import { compact, counted, money, percent } from '../render/numbers.js';
import { tableLines } from '../render/table.js';
import type { Column } from '../render/table.js';
import { cut } from '../render/width.js';
import { clientCommand } from '../session.js';
import type { Opener, View } from '../session.js';

export function addCosts(root: Command, open: Opener): void {
  clientCommand(root, 'costs', 'what each collector used of its quota, its cost, its forecast', [
    'costs',
    'costs --json',
  ]).action((flags: ClientFlags) =>
    open(flags, async (session) => {
      const answer = await session.ask(Collectors.getCosts, {});
      session.show(answer, () => costLines(answer.collectors, answer.totals, session.view()));
      return undefined;
    }),
  );
}

type Costs = Plain<CollectorCosts>;

const quotaOf = (each: Costs): number | null => each.monthly_quota ?? each.daily_quota;

export function costLines(
  costs: readonly Costs[],
  totals: Plain<CostTotals> | null,
  view: View,
): readonly string[] {
  const lines = tableLines(columns(view), costs, view.paint, view.width);
  if (totals === null) return lines;
  const { total_api_calls: calls, total_estimated_cost: cost, currency } = totals;
  const sum = cost === null ? 'in several currencies' : money(cost, currency ?? undefined);
  const text = `total: ${counted(calls, 'call')}, ${sum}`;
  return [...lines, view.paint(view.width === undefined ? text : cut(text, view.width), 'dim')];
}

function columns(view: View): readonly Column<Costs>[] {
  const left = ({ quota_remaining: rest, ...each }: Costs): string => {
    const quota = quotaOf({ quota_remaining: rest, ...each });
    if (rest === null || quota === null) return '-';
    return quota > 0 ? `${compact(rest)} ${percent(rest / quota)}` : compact(rest);
  };
  const used = ({ current_usage: usage }: Costs): string =>
    usage === null ? '-' : compact(usage.units);
  return [
    { title: 'NAME', cell: ({ name }) => ({ text: name, tone: 'strong' }) },
    { title: 'TIER', drop: 2, cell: ({ tier }) => ({ text: tier }) },
    {
      title: 'CALLS',
      align: 'right',
      drop: 4,
      cell: ({ current_usage: usage }) => ({ text: usage ? compact(usage.api_calls) : '-' }),
    },
    { title: 'UNITS', align: 'right', cell: (each) => ({ text: used(each) }) },
    {
      title: 'QUOTA',
      align: 'right',
      drop: 3,
      cell: (each) => {
        const quota = quotaOf(each);
        return { text: quota === null ? '-' : compact(quota) };
      },
    },
    { title: 'LEFT', align: 'right', cell: (each) => ({ text: left(each) }) },
    {
      title: 'PER HOUR',
      align: 'right',
      drop: 5,
      cell: (each) => ({ text: compact(each.burn_rate) }),
    },
    {
      title: 'AT END',
      align: 'right',
      drop: 1,
      cell: (each) => ({
        text: compact(each.forecast_end_of_period),
        tone: each.exhausts_at === null ? 'plain' : 'warn',
      }),
    },
    {
      title: 'COST',
      align: 'right',
      cell: ({ current_usage: usage, currency }) => ({
        text: usage ? money(usage.estimated_cost, currency) : '-',
      }),
    },
    {
      title: 'USED UP',
      min: 14,
      cell: ({ exhausts_at: at }) => ({
        text: at === null ? 'no' : stampText(Date.parse(at), view),
        tone: at === null ? 'plain' : 'bad',
      }),
    },
  ];
}
