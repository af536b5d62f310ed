/**
 * Reads one user: a record whenever its profile or its counts differ from those seen last. The cursor
 * holds their digest and how often they changed, so that what returns to an old state is a new record.
 */
import { Type, type Static } from '@sinclair/typebox';
import { canonicalJson, sha256Hex } from '../kernel/canonical.js';
import { storedCursor } from './cursors.js';
import type { Pages } from './in-turn.js';
import type { SourceContext } from './port.js';
import { calendarMoment } from './rows.js';
import { USER_FIELDS, userFacts, userSchema } from './twitter-rows.js';

const cursorSchema = Type.Object({
  changes: Type.Integer({ minimum: 1 }),
  digest: Type.String({ pattern: '^[0-9a-f]{16}$' }),
});
export type UserCursor = Static<typeof cursorSchema>;

/** `username` in lower case. */
export async function* readUser(context: SourceContext<unknown>, username: string): Pages {
  const series = userSeries(username);
  const reply = await context.request('users_by_username', {
    path: `/users/by/username/${username}`,
    query: { 'user.fields': USER_FIELDS },
    schema: userSchema,
    check: ({ data }) => {
      if (data.username.toLowerCase() !== username) return 'data/username: somebody else';
      const isOdd = data.created_at !== undefined && Number.isNaN(calendarMoment(data.created_at));
      return isOdd ? 'data/created_at: a moment no calendar has' : undefined;
    },
  });
  if (!reply.ok) return reply;
  const data = userFacts(reply.body.data);
  const digest = sha256Hex(canonicalJson(data)).slice(0, 16);
  const before = storedCursor(context, series, cursorSchema);
  if (before?.digest === digest) return undefined;
  const cursor: UserCursor = { changes: (before?.changes ?? 0) + 1, digest };
  const id = `twitter_user:${reply.body.data.id}:${String(cursor.changes)}:${digest}`;
  const record = { id, kind: 'twitter_user', series, at: context.now(), data };
  yield { series, records: [record], cursor };
  return undefined;
}

/** `username` in lower case. */
export function userSeries(username: string): string {
  return `users/${username}`;
}
