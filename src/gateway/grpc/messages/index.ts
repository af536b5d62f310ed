/** What each rpc's messages mean to its operation. A test holds these tables against api.ts. */
import { COMMAND_MESSAGES } from './commands.js';
import { HISTORY_MESSAGES, HISTORY_STREAMS } from './history.js';
import { PERMIT_MESSAGES } from './permits.js';
import type { StreamTable, UnaryTable } from './port.js';
import { QUESTION_MESSAGES, WATCH_MESSAGES } from './questions.js';

export const UNARY_MESSAGES: UnaryTable = {
  ...QUESTION_MESSAGES,
  ...COMMAND_MESSAGES,
  ...HISTORY_MESSAGES,
  ...PERMIT_MESSAGES,
};

export const STREAM_MESSAGES: StreamTable = { ...WATCH_MESSAGES, ...HISTORY_STREAMS };
