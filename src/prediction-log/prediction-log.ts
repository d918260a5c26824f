import type { LogEntry } from './prediction-record.js';
import type { ChainTransaction } from './writer/transaction-writer.js';

/**
 * Where answers are recorded before they are given.
 *
 * A port: `CommittedLog` and `SpooledLog` keep the promise in their own ways, `NoLog` is PREDICTION_LOG=off.
 */
export abstract class PredictionLog {
  /** Whether anything is recorded: with PREDICTION_LOG=off no record is even built. */
  abstract readonly enabled: boolean;

  /**
   * Resolves once the entry is durable, by the meaning that PREDICTION_LOG_DURABILITY gives to the word. Only then may the
   * reply leave.
   *
   * @throws DomainError PREDICTION_LOG_UNAVAILABLE, PREDICTION_LOG_FULL or PREDICTION_NOT_RECORDED; what was thrown for may
   *   nevertheless have been recorded
   */
  abstract record(entry: LogEntry): Promise<void>;

  /**
   * Runs what is no answer and has to be part of a chain all the same, such as outcomes, in a transaction. It takes
   * PostgreSQL, whatever the durability.
   *
   * @throws as `TransactionWriter.write`
   */
  abstract transaction<T>(action: (transaction: ChainTransaction) => Promise<T>): Promise<T>;
}
