import { setTimeout as delay } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { REPLICATE } from '../../database/replication.js';
import type { ChainHeads } from '../chain/chain-heads.js';
import type { ChainGroup, ChainWriter } from '../chain/chain-writer.js';
import { eraseAgain } from '../erase-again.js';
import { lockErasures } from '../erasure-lock.js';
import { inProgress } from '../idempotency/in-progress.js';
import {
  claimsOf,
  entryIdOf,
  freeKeys,
  isKeyHeld,
  isKeyTaken,
  type KeyClaim,
  whoseKeysAreTaken,
} from '../idempotency/key-claims.js';
import type { LogEntry } from '../prediction-record.js';
import { type ChainedRows, chainRows, idsOf, logRows } from './chained-rows.js';
import { isRefusal, type LogConnection } from './log-connection.js';
import { logUnavailable, notRecorded } from './log-failures.js';
import type { PendingEntries, PendingEntry } from './pending-entries.js';
import type { PredictionLogMetrics } from './prediction-log-metrics.js';

/** Bounds a statement's size; under the heaviest load groups stay well below. */
const MAX_GROUP_ROWS = 512;
const FIRST_RETRY_MS = 50;
const MAX_RETRY_MS = 1000;

/**
 * One connection with a chain of its own that commits one group at a time. While it waits for the disk, the entries of
 * its next group gather, and other lanes commit theirs.
 */
export class GroupLane {
  private readonly logger = new Logger(GroupLane.name);
  private readonly closing = new AbortController();
  private readonly chain: ChainWriter;
  private running: Promise<void> | undefined;
  private failing = false;

  constructor(
    private readonly connection: LogConnection,
    private readonly heads: ChainHeads,
    private readonly entries: PendingEntries,
    private readonly metrics: PredictionLogMetrics,
    /** PREDICTION_LOG_CHAIN_KEY */
    private readonly chainKey: string,
  ) {
    this.chain = heads.newWriter();
  }

  get isIdle(): boolean {
    return this.running === undefined;
  }

  /** Whether the last attempt to write failed, so that what is given to it now would wait. */
  get isFailing(): boolean {
    return this.failing;
  }

  /** Commits what waits, as long as that fills a group; at least one. Ends when the lane is idle again. */
  run(): Promise<void> {
    return (this.running ??= this.commitGroups().finally(() => {
      this.running = undefined;
    }));
  }

  /** Gives up what cannot be written at once; what is being written may end. */
  async close(): Promise<void> {
    this.closing.abort();
    await this.running;
    await this.connection.close();
  }

  private async commitGroups(): Promise<void> {
    do {
      const group = this.entries.take(MAX_GROUP_ROWS);
      await this.commit(group);
      this.entries.done(group);
    } while (this.entries.fillAGroup);
  }

  /**
   * Never throws. Entries whose keys are taken fail, and the others are tried again. What is refused otherwise, or cannot even
   * be made a group of, is tried again in halves, until the guilty entry stands alone: it fails, and no other.
   */
  private async commit(entries: readonly PendingEntry[]): Promise<void> {
    try {
      const rows = chainRows(entries.flatMap(({ entry }) => logRows(entry)));
      const group = this.chain.link('prediction', idsOf(rows.rows), rows.hashes);
      const claims = claimsOf(entries.map(({ entry }) => entry));
      await this.write({ group, rows, claims }, entries[0]!.lateAfterMs);
      this.chain.committed(group);
      this.settle(entries);
    } catch (error) {
      if (this.closing.signal.aborted && !isRefusal(error)) return this.settle(entries, logUnavailable(error));
      if (error instanceof KeysTaken && (error.areFree || error.taken.size > 0))
        return this.commitOthers(entries, error);
      if (entries.length === 1) return this.settle(entries, this.failed(entries[0]!.entry, error));
      const half = Math.ceil(entries.length / 2);
      await this.commit(entries.slice(0, half));
      await this.commit(entries.slice(half));
    }
  }

  private async commitOthers(entries: readonly PendingEntry[], { taken }: KeysTaken): Promise<void> {
    const others = entries.filter(({ entry }) => !taken.has(entryIdOf(entry)));
    this.settle(
      entries.filter((pending) => !others.includes(pending)),
      inProgress(),
    );
    if (others.length > 0) await this.commit(others);
  }

  /** @returns what the request of the guilty entry is told */
  private failed({ requestId }: LogEntry, error: unknown): Error {
    if (error instanceof KeysTaken || isKeyHeld(error)) return inProgress();
    if (!isRefusal(error)) {
      this.logger.error('An entry cannot be put into a group; its request was answered INTERNAL_ERROR', {
        requestId,
        reason: String(error),
      });
      return error as Error;
    }
    this.metrics.failed('refused');
    this.logger.error('PostgreSQL refuses a row; its request was answered PREDICTION_NOT_RECORDED', {
      requestId,
      sqlState: error.code,
      constraint: error.constraint,
    });
    return notRecorded();
  }

  private settle(entries: readonly PendingEntry[], error?: Error): void {
    for (const pending of entries) this.entries.settle(pending, error);
  }

  /**
   * Sends the same group until it is known to be committed: when a connection broke meanwhile it may be there already, and
   * then nothing happens.
   *
   * @param lateAfterMs of the oldest of its entries
   * @throws DatabaseError when it is refused, or a key of it is held by a transaction that goes on; KeysTaken; Error when the
   *   lane closes
   */
  private async write(linked: LinkedGroup, lateAfterMs: number): Promise<void> {
    const { rowCount } = linked.group;
    // Whether an earlier attempt may be committed, or still be under way in PostgreSQL.
    let isUnknown = false;
    for (let retryMs = FIRST_RETRY_MS; ; retryMs = Math.min(2 * retryMs, MAX_RETRY_MS)) {
      try {
        const startedAt = performance.now();
        await this.connection.ensureContexts(linked.rows.rows);
        await this.insert(linked, lateAfterMs);
        this.metrics.rowsWritten(rowCount);
        this.metrics.groupWritten(rowCount, performance.now() - startedAt);
        if (this.failing) this.logger.log('The prediction log can be written to again');
        this.failing = false;
        return;
      } catch (error) {
        const isFinal = isRefusal(error) || error instanceof KeysTaken || (isKeyHeld(error) && !isUnknown);
        if (isFinal) this.failing = false;
        if (isFinal || this.closing.signal.aborted) throw error;
        isUnknown = true;
        this.metrics.failed('connection', error);
        if (!this.failing) this.logger.error('The prediction log cannot be written to; trying again', reasonOf(error));
        this.failing = true;
        await delay(retryMs, undefined, { signal: this.closing.signal });
      }
    }
  }

  /**
   * A group that was sent in time may still have been executed late, on a connection that stalled: then its rows are looked at
   * once more after it.
   *
   * @throws KeysTaken, unless it is an earlier attempt of this very group that has them: then it is written
   */
  private async insert({ group, rows, claims }: LinkedGroup, lateAfterMs: number): Promise<void> {
    const { connection } = this;
    const insert = () => connection.insert(group, rows, claims);
    try {
      if (performance.now() > lateAfterMs) return await this.erasingAgain(rows, insert);
      await insert();
    } catch (error) {
      if (!isKeyTaken(error)) throw error;
      const areFree = (await freeKeys(claims, connection)) > 0;
      const { taken, hasOwn } = await whoseKeysAreTaken(claims, connection);
      if (!hasOwn) throw new KeysTaken(taken, areFree);
      await connection.query(REPLICATE);
    }
    if (performance.now() > lateAfterMs) await this.erasingAgain(rows);
  }

  /** Erases those rows whose subjects have been erased since they came; in one transaction with what writes them. */
  private async erasingAgain({ rows }: ChainedRows, write?: () => Promise<unknown>): Promise<void> {
    if (rows.every(({ row }) => row.reference === null)) return void (await write?.());
    const { connection } = this;
    let chain: ChainWriter | undefined;
    let erasure: ChainGroup | undefined;
    const transaction: Parameters<typeof eraseAgain>[1] = {
      query: (statement) => connection.query(statement),
      // In a chain of its own: the lane's goes on with the next group, whether this was committed or not.
      link: (kind, ids, hashes) => (erasure = (chain = this.heads.newWriter()).link(kind, ids, hashes)),
    };
    await connection.begin();
    try {
      await lockErasures(connection, 'shared');
      await write?.();
      await eraseAgain(
        rows.map(({ row }) => row),
        transaction,
        this.chainKey,
      );
      await connection.query('COMMIT');
      if (erasure) chain!.committed(erasure);
    } catch (error) {
      if (connection.isOpen) await connection.query('ROLLBACK').catch(() => undefined);
      throw error;
    } finally {
      if (chain) this.heads.end(chain);
    }
  }
}

/** What goes in one statement. */
interface LinkedGroup {
  group: ChainGroup;
  rows: ChainedRows;
  claims: readonly KeyClaim[];
}

/** A group was not written since keys of it are taken. */
class KeysTaken extends Error {
  /**
   * @param taken the entries that have lost theirs
   * @param areFree whether keys that were in the way have been freed, so that the others may be written now
   */
  constructor(
    readonly taken: ReadonlySet<string>,
    readonly areFree: boolean,
  ) {
    super('Keys are taken.');
  }
}

/** A refusal's message may quote a row, so it is told by its SQLSTATE; what a connection says holds no row. */
const reasonOf = (error: unknown) => ({
  reason: error instanceof Error ? error.message : String(error),
  sqlState: (error as { code?: string }).code,
});
