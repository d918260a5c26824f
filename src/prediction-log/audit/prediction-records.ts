import { Injectable } from '@nestjs/common';
import { type EntityManager, In } from 'typeorm';
import { DomainError } from '../../common/errors/domain-error.js';
import { Database } from '../../database/database.js';
import { ChainGroupEntity } from '../entities/chain-group.entity.js';
import { PredictionEntity } from '../entities/prediction.entity.js';
import { PredictionOutcomeEntity } from '../entities/prediction-outcome.entity.js';
import { ScoringContextEntity } from '../entities/scoring-context.entity.js';
import { firstId } from '../id-time.js';
import { encodeCursor } from './cursor.js';
import { lookUp } from './look-up.js';
import { predictionRecord } from './prediction-record-view.js';
import type { PredictionPage, PredictionRecord, RecordFilter } from './record.schemas.js';

/** Reads the log. Every statement finds its rows by an index, and by their ids the partitions to look in. */
@Injectable()
export class PredictionRecords {
  constructor(private readonly database: Database) {}

  /** @throws DomainError PREDICTION_NOT_FOUND, PREDICTION_LOG_UNAVAILABLE */
  async get(id: string): Promise<PredictionRecord> {
    return (await this.getScored(id)).record;
  }

  /**
   * A record with its inputs in the order in which they were scored, null once erased: it names them, and other releases may name
   * them otherwise.
   *
   * @throws as {@link get}
   */
  async getScored(id: string): Promise<{ record: PredictionRecord; inputs: readonly number[] | null }> {
    const found = await lookUp(this.database, async (manager) => {
      const row = await manager.findOneBy(PredictionEntity, { id });
      return row && withSurroundings(manager, [row]);
    });
    if (!found) throw predictionNotFound();
    const [record] = recordsOf(found);
    return { record: record!, inputs: found.rows[0]!.inputs };
  }

  /**
   * Records from the newest to the oldest, by id: what is recorded while somebody turns the pages comes before the first
   * one, so that none is shown twice and none is left out.
   *
   * @throws DomainError PREDICTION_LOG_UNAVAILABLE
   */
  async list({ limit, ...filter }: RecordFilter): Promise<PredictionPage> {
    const { page, hasMore } = await lookUp(this.database, async (manager) => {
      // One more than asked for tells whether another page follows.
      const rows = await newestRows(manager, filter, limit + 1);
      return { page: await withSurroundings(manager, rows.slice(0, limit)), hasMore: rows.length > limit };
    });
    return { predictions: recordsOf(page), nextCursor: hasMore ? encodeCursor(page.rows.at(-1)!.id) : null };
  }
}

export const predictionNotFound = (): DomainError =>
  new DomainError('PREDICTION_NOT_FOUND', {
    detail:
      'No prediction with this id is in the log. It was never answered, is past its retention, or is still on its way ' +
      'from the disk of the instance that answered it.',
  });

async function newestRows(
  manager: EntityManager,
  { reference, from, to, version, cursor }: Omit<RecordFilter, 'limit'>,
  limit: number,
): Promise<PredictionEntity[]> {
  const query = manager.createQueryBuilder(PredictionEntity, 'p').orderBy('p.id', 'DESC').limit(limit);
  if (reference !== undefined) query.andWhere('p.reference = :reference', { reference });
  if (from) query.andWhere('p.id >= :from', { from: firstId(from) });
  if (to) query.andWhere('p.id < :to', { to: firstId(to) });
  if (cursor !== undefined) query.andWhere('p.id < :cursor', { cursor });
  if (version !== undefined) {
    const contextIds = await contextsOf(manager, version);
    if (contextIds.length === 0) return [];
    query.andWhere('p.context_id IN (:...contextIds)', { contextIds });
  }
  return query.getMany();
}

/** There is one per model, alias and runtime that ever served, so few. */
async function contextsOf(manager: EntityManager, modelVersion: string): Promise<string[]> {
  const contexts = await manager.find(ScoringContextEntity, { select: { id: true }, where: { modelVersion } });
  return contexts.map(({ id }) => id);
}

interface RowsWithSurroundings {
  rows: readonly PredictionEntity[];
  contexts: readonly ScoringContextEntity[];
  /** Without hashes. */
  groups: readonly ChainGroupEntity[];
  /** Oldest first. */
  outcomes: readonly PredictionOutcomeEntity[];
}

/** Many rows share a context or a group, so these are read beside the rows and not with each. */
async function withSurroundings(
  manager: EntityManager,
  rows: readonly PredictionEntity[],
): Promise<RowsWithSurroundings> {
  const anyOf = (id: (row: PredictionEntity) => string) => In([...new Set(rows.map(id))]);
  const [contexts, groups, outcomes] = await Promise.all([
    manager.findBy(ScoringContextEntity, { id: anyOf(({ contextId }) => contextId) }),
    manager.find(ChainGroupEntity, {
      select: { id: true, writer: true, sequence: true },
      where: { id: anyOf(({ groupId }) => groupId) },
    }),
    manager.find(PredictionOutcomeEntity, { where: { predictionId: anyOf(({ id }) => id) }, order: { id: 'ASC' } }),
  ]);
  return { rows, contexts, groups, outcomes };
}

function recordsOf({ rows, contexts, groups, outcomes }: RowsWithSurroundings): PredictionRecord[] {
  const contextById = new Map(contexts.map((context) => [context.id, context]));
  const groupById = new Map(groups.map((group) => [group.id, group]));
  const outcomesById = Map.groupBy(outcomes, ({ predictionId }) => predictionId);
  return rows.map((row) =>
    predictionRecord(row, contextById.get(row.contextId), groupById.get(row.groupId), outcomesById.get(row.id) ?? []),
  );
}
