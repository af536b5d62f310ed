/** What others may use of the sandbox. */
export { startSandbox, type Sandbox, type SandboxOptions } from './server.js';
export { SandboxInputInvalid } from './control.js';
export type {
  ProviderSnapshot,
  RequestFilter,
  SandboxChange,
  SandboxControl,
  SandboxSnapshot,
} from './control.js';
export { isScenarioName } from './control-change.js';
export { PROVIDER_NAMES, SANDBOX_KEYS, type ProviderName } from './catalogue.js';
export type { Fault, FaultKind, FaultOf } from './fault-kinds.js';
export {
  inProcessSandbox,
  sandboxTransport,
  type InProcessOptions,
  type InProcessSandbox,
} from './in-process.js';
export type { ProviderCounters, RequestRecord } from './ledger.js';
export { SANDBOX_MORALIS_KEY } from './moralis-settings.js';
export type { ScenarioChoice, ScenarioState } from './scenario-run.js';
export { SCENARIO_NAMES, scenarioList, type ScenarioName } from './scenarios.js';
