/** What `import … from 'headgate/testing'` gives: checks for sources of one's own, for any test runner. */
export { assertSource, checkSource, type SourceCheck } from './check.js';
export { CHECKS, findingLine, type CheckName, type Finding } from './finding.js';
export { recordingsIn, replaying, type Recording } from './recording.js';
export type { Upstream, UpstreamAnswer, UpstreamRequest } from './port.js';
