/** What main.ts may see of the command. */
export { EXIT, UsageInvalid } from './exit.js';
export { program } from './program.js';
export type { OfflineTokens } from './commands/token.js';
export type { CliDeps, Flags, Handlers, Switch } from './program.js';
export type { Damage, VerifyReport } from './verify.js';
