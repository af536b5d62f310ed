/** Fills the room that a SQLite file may take with ballast, and takes the ballast away again. */
import Database from 'better-sqlite3';

/** The file's page limit is the sink's own; ballast in another table takes what is left of it. */
export function fillDisk(path: string): (isFull: boolean) => Promise<void> {
  return (isFull) => {
    const db = new Database(path, { timeout: 5000 });
    try {
      db.exec('CREATE TABLE IF NOT EXISTS ballast (bytes BLOB)');
      if (isFull) db.prepare('INSERT INTO ballast VALUES (zeroblob(?))').run(990 * 4096);
      else db.exec('DELETE FROM ballast');
    } finally {
      db.close();
    }
    return Promise.resolve();
  };
}
