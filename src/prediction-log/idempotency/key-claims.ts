import { DatabaseError, type QueryConfig, type QueryResult } from 'pg';
import type { IdempotentAnswer, LogEntry } from '../prediction-record.js';

/** For how long a key is known. */
export const VALIDITY = '24 hours';
/**
 * The release before claims a key before it scores. A claim of its that is older and has no answer was left behind by a
 * process that died. (If it was not, its answer is refused by that process itself.)
 */
export const LEASE = '30 seconds';

/**
 * How long a claim waits for another transaction that has the same key and is not committed yet. That may be one of a host
 * that has vanished, and the others of the group must not wait for it.
 */
const MAX_WAIT_MS = 50;

const KEY_CONSTRAINT = 'idempotency_records_pkey';
const TABLE = 'idempotency_records';

/** A key with the entry that answers for it. */
export interface KeyClaim extends IdempotentAnswer {
  /** Of the batch, or of the single prediction: who erases it finds the answer by it. */
  entryId: string;
}

/** Of a batch or of a single prediction. */
export const entryIdOf = ({ batchId, rows }: LogEntry): string => batchId ?? rows[0]!.id;

/** Of those entries that have a key. */
export const claimsOf = (entries: readonly LogEntry[]): KeyClaim[] =>
  entries.flatMap((entry) => (entry.idempotency ? [{ ...entry.idempotency, entryId: entryIdOf(entry) }] : []));

/** Its effect ends with the transaction. */
const LIMIT_WAIT = `(SELECT set_config('lock_timeout', '${MAX_WAIT_MS}', true)) AS limited`;

/**
 * Claims keys for single predictions, together with their answers; fails where one is taken. In the order of the keys, so that
 * two of these never wait for each other.
 *
 * @param arrays the parameters: callers, keys, routes, body hashes, ids of the entries, answers
 */
export const insertClaims = (...arrays: readonly [string, string, string, string, string, string]): string => `
  INSERT INTO ${TABLE} (caller, key, route, body_hash, claim, entry_id, response)
  SELECT k.caller, k.key, k.route, k.body_hash, k.entry_id, k.entry_id, k.response
  FROM ${LIMIT_WAIT}, unnest(${arrays[0]}::text[], ${arrays[1]}::text[], ${arrays[2]}::text[], ${arrays[3]}::bytea[],
    ${arrays[4]}::uuid[], ${arrays[5]}::bytea[]) AS k (caller, key, route, body_hash, entry_id, response)
  ORDER BY k.caller COLLATE "C", k.key COLLATE "C"`;

/** Claims a key for a batch, whose answer is written anew from its rows when it is asked for again; fails where it is taken. */
export const insertBatchClaim = (
  { caller, key, route, bodyHash, entryId, answer }: KeyClaim,
  rows: LogEntry['rows'],
): QueryConfig => {
  const ids = rows.map(({ id }) => id);
  return {
    text: `
      INSERT INTO ${TABLE} (caller, key, route, body_hash, claim, entry_id, answer_format, first_id, last_id, row_count)
      SELECT $1, $2, $3, $4, $5, $5, $6, $7, $8, $9 FROM ${LIMIT_WAIT}`,
    values: [
      caller,
      key,
      route,
      bodyHash,
      entryId,
      (answer as { format: number }).format,
      ids.reduce((least, id) => (id < least ? id : least)),
      ids.reduce((most, id) => (id > most ? id : most)),
      ids.length,
    ],
  };
};

/** Whether PostgreSQL refuses because a key is taken. */
export const isKeyTaken = (error: unknown): error is DatabaseError =>
  error instanceof DatabaseError && error.code === '23505' && error.constraint === KEY_CONSTRAINT;

/** Whether PostgreSQL gave up waiting for a transaction that has a key and is not committed yet. */
export const isKeyHeld = (error: unknown): error is DatabaseError =>
  error instanceof DatabaseError && error.code === '55P03' && error.where?.includes(TABLE) === true;

interface Connection {
  query(statement: QueryConfig): Promise<QueryResult>;
}

const keysOf = (claims: readonly Pick<KeyClaim, 'caller' | 'key'>[]) => [
  claims.map(({ caller }) => caller),
  claims.map(({ key }) => key),
];

/**
 * Deletes the records of keys that are not known any more, and claims of the same requests that were left behind.
 *
 * @returns how many
 */
export async function freeKeys(claims: readonly KeyClaim[], connection: Connection): Promise<number> {
  const { rowCount } = await connection.query({
    text: `
      DELETE FROM ${TABLE} WHERE (caller, key) IN (
        SELECT r.caller, r.key
        FROM unnest($1::text[], $2::text[], $3::text[], $4::bytea[]) AS k (caller, key, route, body_hash)
        JOIN ${TABLE} r USING (caller, key)
        WHERE r.claimed_at < now() - interval '${VALIDITY}'
          OR (r.entry_id IS NULL AND r.claimed_at < now() - interval '${LEASE}'
            AND coalesce(r.route = k.route, true) AND r.body_hash = k.body_hash)
        FOR UPDATE OF r SKIP LOCKED)`,
    values: [...keysOf(claims), claims.map(({ route }) => route), claims.map(({ bodyHash }) => bodyHash)],
  });
  return rowCount ?? 0;
}

/** @returns the entries whose keys are taken by another one, and whether one of them has its key itself */
export async function whoseKeysAreTaken(
  claims: readonly KeyClaim[],
  connection: Connection,
): Promise<{ taken: Set<string>; hasOwn: boolean }> {
  const { rows } = await connection.query({
    text: `
      SELECT k.entry_id AS "entryId", r.claim = k.entry_id AS "isOwn"
      FROM unnest($1::text[], $2::text[], $3::uuid[]) AS k (caller, key, entry_id) JOIN ${TABLE} r USING (caller, key)`,
    values: [...keysOf(claims), claims.map(({ entryId }) => entryId)],
  });
  const others = (rows as { entryId: string; isOwn: boolean }[]).filter(({ isOwn }) => !isOwn);
  return { taken: new Set(others.map(({ entryId }) => entryId)), hasOwn: others.length < rows.length };
}

/**
 * Deletes what the keys of erased entries are answered with: a repetition is answered anew.
 *
 * @param entryIds of batches, or of single predictions
 * @returns how many there were
 */
export async function deleteAnswers(entryIds: readonly string[], connection: Connection): Promise<number> {
  const { rowCount } = await connection.query({
    text: `DELETE FROM ${TABLE} WHERE entry_id = ANY ($1::uuid[])`,
    values: [entryIds],
  });
  return rowCount ?? 0;
}
