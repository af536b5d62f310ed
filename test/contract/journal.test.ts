import { memoryJournal } from '../../src/journal/journal.memory.js';
import { cleanUpJournals, openSqlite } from '../support/journal.js';
import { journalContract } from './journal-contract.js';

cleanUpJournals();

journalContract('memory', () => Promise.resolve(memoryJournal().journal));
journalContract('sqlite', () => openSqlite());
