/** What lent permits tell Prometheus. */
import type { MetricFamily } from '../kernel/observe.js';
import type { PermitDesk } from './permit-parts.js';

export function permitFamilies({ numbers }: Pick<PermitDesk, 'numbers'>): readonly MetricFamily[] {
  const { open, granted, refused, settled } = numbers();
  const counter = (name: string, help: string, value: number): MetricFamily => ({
    name: `headgate_lent_permits_${name}_total`,
    help,
    type: 'counter',
    samples: [{ labels: {}, value }],
  });
  return [
    {
      name: 'headgate_lent_permits_open',
      help: 'Permits lent to other programs and not reported yet.',
      type: 'gauge',
      samples: [{ labels: {}, value: open }],
    },
    counter('granted', 'Permits lent to other programs.', granted),
    counter('refused', 'Permits other programs asked for and did not get.', refused),
    {
      name: 'headgate_lent_permits_settled_total',
      help: 'Lent permits by what came of their call; unknown: no report came in time.',
      type: 'counter',
      samples: Object.entries(settled).map(([outcome, value]) => ({ labels: { outcome }, value })),
    },
  ];
}
