/** `headgate completion`: the scripts, and the quick question behind them. */
import { Argument } from 'commander';
import type { Command } from 'commander';
import {
  CollectorServiceService as Collectors,
  ListCollectorsRequest,
} from '../../gen/headgate/v1/collector_service.js';
import { connectionSettings } from '../client-options.js';
import { ASK_WORD, completed, completionScript, SHELLS } from '../completion.js';
import type { Shell } from '../completion.js';
import { connect } from '../connection.js';
import type { Surroundings } from '../session.js';

/** Whoever presses Tab waits no longer than that. */
const QUICK_MS = 500;
const NAMES_MAX = 1000;

export function addCompletion(root: Command, { terminal, env, clock }: Surroundings): void {
  root
    .command('completion')
    .description('print the completion script of a shell, to be sourced')
    .addArgument(new Argument('<shell>', 'your shell').choices(SHELLS))
    .addHelpText(
      'after',
      [
        '',
        'Examples:',
        '  source <(headgate completion bash)',
        '  headgate completion zsh > "${fpath[1]}/_headgate"',
        '  headgate completion fish | source',
      ].join('\n'),
    )
    .action((shell: Shell) => {
      terminal.out(completionScript(shell, completed(root)));
    });
  root
    .command(ASK_WORD, { hidden: true })
    .argument('<what>')
    .action(async () => {
      // Silent whatever happens: a person is in the middle of a line.
      try {
        const settings = { ...connectionSettings({}, env), timeoutMs: QUICK_MS };
        const connection = connect(settings, clock);
        try {
          const request = ListCollectorsRequest.fromPartial({ page_size: NAMES_MAX });
          const { collectors } = await connection.ask(Collectors.listCollectors, request);
          for (const { name } of collectors) terminal.out(`${name}\n`);
        } finally {
          connection.close();
        }
      } catch {
        return;
      }
    });
}
