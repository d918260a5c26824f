import { Logger } from '@nestjs/common';
import { REPLICATE } from '../../database/replication.js';
import { DomainError } from '../../common/errors/domain-error.js';
import { eraseAgain } from '../erase-again.js';
import { lockErasures } from '../erasure-lock.js';
import type { LogEntry } from '../prediction-record.js';
import { idsOf, type LogRow, logRows } from '../writer/chained-rows.js';
import { inSameMonth } from '../id-time.js';
import { knownIds } from '../known-ids.js';
import { type ChainTransaction, ROWS_PER_STATEMENT, type TransactionWriter } from '../writer/transaction-writer.js';

/** Writes entries that come from the spool: each row once, though it may come more than once, and erased if it must be. */
export class SpooledEntryWriter {
  private readonly logger = new Logger(SpooledEntryWriter.name);

  constructor(
    private readonly transactions: TransactionWriter,
    private readonly chainKey: string,
  ) {}

  /**
   * @param setAside takes what PostgreSQL refuses: it was answered for, so it must not vanish, nor hold up the others
   * @throws DomainError PREDICTION_LOG_UNAVAILABLE; the same entries may then be given again, whatever became of them
   */
  async write(entries: readonly LogEntry[], setAside: (entry: LogEntry) => Promise<void>): Promise<void> {
    try {
      await this.transactions.write((transaction) => this.insert(entries, transaction));
    } catch (error) {
      if (!(error instanceof DomainError) || error.code !== 'PREDICTION_NOT_RECORDED') throw error;
      if (entries.length > 1) {
        for (const entry of entries) await this.write([entry], setAside);
        return;
      }
      await setAside(entries[0]!);
      this.logger.error('PostgreSQL refuses an entry of the spool: it is kept beside it, for a person to look at', {
        requestId: entries[0]!.requestId,
      });
    }
  }

  close(): Promise<void> {
    return this.transactions.close();
  }

  private async insert(entries: readonly LogEntry[], transaction: ChainTransaction): Promise<void> {
    await lockErasures(transaction, 'shared');
    const rows = entries.flatMap(logRows);
    const known = await knownIds(idsOf(rows), transaction);
    const unknown = rows.filter(({ row }) => !known.has(row.id));
    // What is there already may be on this server alone; once it has left the spool it must be on the standby as well.
    if (known.size > 0) await transaction.query(REPLICATE);
    // A connection that was given up may still be committing some of them: then this fails, and the next attempt sees which.
    for (const group of groupsOf(unknown)) await transaction.insert(group);
    await eraseAgain(
      rows.map(({ row }) => row),
      transaction,
      this.chainKey,
    );
  }
}

/** A group has one partition, and hashing more rows at once would hold the event loop for long. */
function groupsOf(rows: readonly LogRow[]): LogRow[][] {
  const groups: LogRow[][] = [];
  for (const row of rows) {
    const last = groups.at(-1);
    if (last && last.length < ROWS_PER_STATEMENT && inSameMonth(last[0]!.row.id, row.row.id)) last.push(row);
    else groups.push([row]);
  }
  return groups;
}
