/** What the commands about one breaker share: which upstream, and the settings it may have. */
import type { Command } from 'commander';
import { BreakerConfig } from '../../gen/headgate/v1/breaker.js';

/** Which of several upstreams. */
export function addUpstream(command: Command): void {
  command.option('--upstream <name>', 'the upstream whose breaker is meant');
}

export function upstreamOf({ upstream }: { readonly upstream?: string }): {
  readonly upstream: string;
} {
  return { upstream: upstream ?? '' };
}

/** In the order of the contract. */
export const SETTINGS: readonly string[] = Object.keys(BreakerConfig.fromPartial({}));

export const SETTINGS_HELP = [
  'Settings:',
  '  failure_threshold, minimum_calls, half_open_permits, success_threshold   counts',
  '  failure_rate, slow_rate, open_jitter                                     shares, 0 to 1',
  '  slow_call_ms, window_ms, open_ms, open_max_ms, half_open_deadline_ms     milliseconds',
  '  open_multiplier                                                          a factor',
].join('\n');
