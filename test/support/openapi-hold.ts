/** What every test of the whole service asks along the way: is the answer what the document promises? */
import { expect } from 'vitest';
import { OPERATIONS, STREAMS } from '../../src/gateway/api.js';
import { openApiDocument } from '../../src/gateway/openapi/document.js';
import { answerCheck, type AnswerCheck } from './openapi-check.js';

let check: AnswerCheck | undefined;

export type Got = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
};

/**
 * Fails the test when an answer of a documented operation is not as documented. A member that the schema
 * in src/gateway/schemas/ does not name is such a failure: write it there.
 */
export function expectDocumented(method: string, path: string, told: Got): void {
  check ??= answerCheck(
    openApiDocument({ operations: OPERATIONS, streams: STREAMS, version: 'test' }),
  );
  const { status, headers, text } = told;
  const type = headers['content-type'] ?? '';
  const wrong = check({ method, path, status, type, text });
  const about = `the answer is not as src/gateway/schemas/ says: ${wrong.join('; ')}`;
  expect(wrong, about).toEqual([]);
}
