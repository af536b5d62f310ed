/** Scenarios on the command line: their list, and a clear word about a name that is none of them. */
import { UsageInvalid } from './exit.js';

type Scenario = { readonly name: string; readonly about: string };

/** In place of a name: shows them. */
export const SCENARIO_LIST = 'list';

/** One line each, as `--help` and `--scenario list` show them. */
export function scenariosHelp(scenarios: readonly Scenario[]): string {
  const width = Math.max(0, ...scenarios.map(({ name }) => name.length));
  const lines = scenarios.map(({ name, about }) => `  ${name.padEnd(width)}  ${about}`);
  return ['Scenarios of the demo (--scenario <name>):', ...lines].join('\n');
}

/** The name, if there is such a scenario. @throws {UsageInvalid} there is none. */
export function scenarioNamed(name: string, scenarios: readonly Scenario[]): string {
  const names = scenarios.map((scenario) => scenario.name);
  if (names.includes(name)) return name;
  const known = [...names, SCENARIO_LIST].join(', ');
  throw new UsageInvalid([`--scenario: must be one of ${known}, got ${JSON.stringify(name)}`]);
}
