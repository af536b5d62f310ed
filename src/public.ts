/** What `import … from 'headgate'` gives to a user's own sources (docs/adding-a-source.md). */
export { Type, type Static, type TObject, type TSchema } from '@sinclair/typebox';
export { defineProfile, defineSource, SourceInvalid } from './sources/define.js';
export type { BucketDraft, ProfileDraft, SourceDraft } from './sources/draft.js';
export type { HeaderReader, ResetUnit } from './sources/headers.js';
export { judging, type Answer, type JudgingRules, type Meaning } from './sources/profile.js';
export { trios, type LimitTrio, type PolicyBucket } from './sources/rate-limit-fields.js';
export { memberAt, observing, reading, type LimitHeaders, type Sign } from './sources/signs.js';
export type {
  BucketProfile,
  Exchange,
  Keys,
  Observation,
  Outcome,
  ProviderProfile,
  Reply,
  RequestFailure,
  RequestSpec,
  SourceContext,
  SourceDefinition,
  SourcePage,
  TokenProfile,
  Verdict,
} from './sources/port.js';
export type { CollectedRecord } from './kernel/record.js';
export type { Json, JsonObject } from './kernel/types.js';
