/** Errors of the writer thread as the port's classes again. */
import type { HeadgateError } from '../kernel/errors.js';
import { JournalCorrupt, JournalLocked, JournalRegressed, JournalUnavailable } from './port.js';
import type { WireError } from './protocol.js';

export function errorOf(error: WireError): HeadgateError {
  const { code, message, outcome = 'not-written', stream = '', revision = 0 } = error;
  switch (code) {
    case 'journal_locked':
      return new JournalLocked(message);
    case 'journal_regressed':
      return new JournalRegressed(message);
    case 'journal_corrupt':
      return new JournalCorrupt(message, { stream, revision });
    case 'journal_unavailable':
      return new JournalUnavailable(message, { outcome });
    default:
      return new JournalUnavailable(`${code}: ${message}`, { outcome });
  }
}
