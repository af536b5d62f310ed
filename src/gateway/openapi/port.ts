/** The table of operations as documents: what the operations that hand them out reach. */
import type { Answer } from '../answer.js';

export type Descriptions = {
  /** OpenAPI 3.1, for programs. Always the same object. */
  openApi(): Answer;
  /** The same as a page, for people. `origin`: where to send the requests of its examples. */
  page(origin: string): Answer;
};
