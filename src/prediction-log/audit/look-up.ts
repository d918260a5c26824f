import { DatabaseError } from 'pg';
import { type EntityManager, QueryFailedError } from 'typeorm';
import { DomainError } from '../../common/errors/domain-error.js';
import type { Database } from '../../database/database.js';

const RETRY_AFTER_SECONDS = 2;

/** SQLSTATE classes that say something of the server and nothing of the statement: 08, 53, 55, 57 and 58. */
const SERVER_TROUBLE = /^(08|5[3578])/;

/**
 * Reads from the database.
 *
 * @param read nothing but statements: what it throws is taken for an answer of PostgreSQL, or for the lack of one
 * @throws DomainError PREDICTION_LOG_UNAVAILABLE when PostgreSQL is away, ends the connection or takes too long
 */
export async function lookUp<T>(database: Database, read: (manager: EntityManager) => Promise<T>): Promise<T> {
  const { manager } = await database.dataSource();
  try {
    return await read(manager);
  } catch (error) {
    if (!isServerTrouble(error)) throw error;
    throw new DomainError('PREDICTION_LOG_UNAVAILABLE', {
      detail: 'The database of the prediction log did not answer in time. Try again.',
      retryAfterSeconds: RETRY_AFTER_SECONDS,
      cause: error,
    });
  }
}

function isServerTrouble(error: unknown): boolean {
  const cause = error instanceof QueryFailedError ? error.driverError : error;
  // What PostgreSQL did not say itself, the connection did.
  return !(cause instanceof DatabaseError) || SERVER_TROUBLE.test(cause.code ?? '');
}
