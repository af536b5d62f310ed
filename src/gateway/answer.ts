/** What an operation comes to: an answer as text, or a problem. */
import type { Result } from '../kernel/types.js';
import type { Problem } from './problems.js';

/**
 * JSON text of an object, unless its operation `produces` something else. `shared` answers are the same object for as long as nothing changed, so an
 * edge may keep what it made of one; others are seen once.
 */
export type Answer = {
  readonly text: string;
  readonly shared: boolean;
  /** Command revisions of the collector it is about, "c.b.l": what `If-Match` takes. */
  readonly etag?: string;
  /** The whole Content-Security-Policy: what a page may load and run; absent: nothing. */
  readonly csp?: string;
  /**
   * Of a command: whether it wrote facts that carry its caller. Absent: nobody knows, and the trail tells
   * of it in a fact of its own.
   */
  readonly changed?: boolean;
};

export type Outcome = Result<Answer, Problem>;

/** An answer that is made for one caller. */
export function answer(value: object, more: Pick<Answer, 'etag' | 'changed'> = {}): Outcome {
  return { ok: true, value: { text: JSON.stringify(value), shared: false, ...more } };
}
