import type { DatabaseOptions } from '../database/client-options.js';
import { type DatabaseProblem, PROBLEM_MESSAGES } from '../database/database-problem.js';
import { endClient, openClient } from '../database/open-client.js';
import { queryOn } from '../database/query.js';
import { assertSchemaIsCurrent } from '../database/schema-check.js';

/** What answers need, with and without Idempotency-Key: table and right. */
const RIGHTS: readonly [string, string][] = [
  ['chain_groups', 'INSERT'],
  ['predictions', 'INSERT'],
  ['scoring_contexts', 'INSERT'],
  ...['SELECT', 'INSERT', 'UPDATE', 'DELETE'].map((right): [string, string] => ['idempotency_records', right]),
];

export interface FoundProblem {
  problem: DatabaseProblem;
  message: string;
}

/**
 * Looks whether PostgreSQL would take answers. A connection of its own meets what a writer meets that has to connect again: a
 * setting of the database or the user holds for new connections alone.
 *
 * @returns undefined where it would
 * @throws Error when there is no connection, or what it is asked for fails: `problemOf` tells what that is
 */
export async function probeDatabase(options: DatabaseOptions): Promise<FoundProblem | undefined> {
  const { client } = await openClient(options);
  try {
    const query = queryOn(client);
    await assertSchemaIsCurrent(query);
    const [found] = await query<{ isReadOnly: boolean; missing: string[] }>(
      // Also on while a standby recovers.
      `SELECT current_setting('transaction_read_only')::boolean AS "isReadOnly", ARRAY(
        SELECT needed.right || ' on ' || needed.table FROM unnest($1::text[], $2::text[]) AS needed ("table", "right")
        WHERE NOT has_table_privilege(needed.table, needed.right)) AS missing`,
      [RIGHTS.map(([table]) => table), RIGHTS.map(([, right]) => right)],
    );
    const { isReadOnly, missing } = found!;
    if (isReadOnly) return { problem: 'read_only', message: PROBLEM_MESSAGES.read_only };
    if (missing.length === 0) return undefined;
    return { problem: 'not_granted', message: `${PROBLEM_MESSAGES.not_granted} Missing: ${missing.join(', ')}.` };
  } finally {
    await endClient(client);
  }
}
