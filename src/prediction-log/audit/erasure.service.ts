import { Injectable } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import { DomainError } from '../../common/errors/domain-error.js';
import type { Env } from '../../config/env.schema.js';
import { chainErasure } from '../chain-erasure.js';
import { referenceHmac } from '../chain/reference-hmac.js';
import { subjectHash } from '../chain/row-hash.js';
import { lockErasures } from '../erasure-lock.js';
import { deleteAnswers } from '../idempotency/key-claims.js';
import { MONTH_SUFFIX, SELECT_UNATTACHED } from '../maintenance/partitions.js';
import { PredictionLog } from '../prediction-log.js';
import { eraseSubjects } from '../writer/statements.js';
import type { ChainTransaction } from '../writer/transaction-writer.js';
import type { EraseResponse } from './record.schemas.js';

/** A subject has few rows, but nothing keeps a client from giving all of its requests one reference. */
const ROWS_AT_A_TIME = 1000;
/** As long as DEFAULT may be off. */
const RETRY_AFTER_SECONDS = 30;

interface SubjectRow {
  id: string;
  batch_id: string | null;
  inputs: number[];
  salt: Buffer;
}

/** Takes a subject's data out of the log and leaves what proves that the rest is as it was. */
@Injectable()
export class ErasureService {
  private readonly chainKey: string;

  constructor(
    private readonly log: PredictionLog,
    config: ConfigService<Env, true>,
  ) {
    this.chainKey = config.get('PREDICTION_LOG_CHAIN_KEY', { infer: true })!;
  }

  /**
   * Erases inputs, reference and salt of every row with this reference, and the stored answers to Idempotency-Keys that
   * they belong to. Score, model and chain stay: a hash of what was erased takes its place. What is in the spool of an
   * instance is erased on its way into PostgreSQL, because this leaves a record of itself, also where it found nothing.
   *
   * @throws DomainError LEGAL_HOLD, PREDICTION_LOG_UNAVAILABLE while a part of the log is taken off, and as {@link PredictionLog.transaction}
   */
  erase(reference: string, requestId: string): Promise<EraseResponse> {
    return this.log.transaction(async (transaction) => {
      await lockErasures(transaction, 'exclusive');
      await refuseHeld(reference, transaction);
      // From here on a part can begin to be taken off, and be seen to, but not be put back before this ends.
      await transaction.query('LOCK TABLE predictions IN ACCESS SHARE MODE');
      await refuseIncomplete(transaction);
      const erased = await this.eraseRows(reference, requestId, transaction);
      await refuseIncomplete(transaction);
      return erased;
    });
  }

  /** Part by part, each recorded by itself. What was erased no longer has the reference, so the next part begins where one ended. */
  private async eraseRows(reference: string, requestId: string, transaction: ChainTransaction): Promise<EraseResponse> {
    const erasure = { kind: 'asked', referenceHmac: referenceHmac(reference, this.chainKey), requestId } as const;
    const erased = { id: '', predictions: 0, idempotencyRecords: 0 };
    for (;;) {
      const rows = await eraseSome(reference, transaction);
      if (rows.length > 0) erased.idempotencyRecords += await deleteStoredAnswers(rows, transaction);
      erased.predictions += rows.length;
      erased.id = await chainErasure(
        erasure,
        rows.map(({ id }) => id),
        transaction,
        this.chainKey,
      );
      if (rows.length < ROWS_AT_A_TIME) return erased;
    }
  }
}

async function refuseHeld(reference: string, transaction: ChainTransaction): Promise<void> {
  const { rowCount } = await transaction.query({
    text: 'SELECT FROM legal_holds WHERE reference = $1',
    values: [reference],
  });
  if (rowCount === 0) return;
  throw new DomainError('LEGAL_HOLD', {
    detail:
      'The records of this reference are on legal hold, so nothing was erased. Once the hold may end, release it by ' +
      'npm run log:hold -- --reference REFERENCE --release.',
  });
}

/** Rows that are out of sight would be missed, and be back once their partition is. */
async function refuseIncomplete(transaction: ChainTransaction): Promise<void> {
  const { rowCount } = await transaction.query(
    `${SELECT_UNATTACHED} AND relname ~ '^predictions_(default|${MONTH_SUFFIX})$'`,
  );
  if (rowCount === 0) return;
  throw new DomainError('PREDICTION_LOG_UNAVAILABLE', {
    detail:
      'A month of the log is being dropped at the moment, so nothing was erased. Try again; if that goes on, run the ' +
      'maintenance of the log, which finishes what was broken off.',
    retryAfterSeconds: RETRY_AFTER_SECONDS,
  });
}

/** @returns up to {@link ROWS_AT_A_TIME} rows as they were */
async function eraseSome(reference: string, transaction: ChainTransaction): Promise<SubjectRow[]> {
  const { rows } = await transaction.query({
    text: `SELECT id, batch_id, inputs, salt FROM predictions WHERE reference = $1 LIMIT ${ROWS_AT_A_TIME}`,
    values: [reference],
  });
  const erased = (rows as SubjectRow[]).map(({ id, salt, inputs }) => ({
    id,
    subjectHash: subjectHash(salt, Float32Array.from(inputs), reference),
  }));
  if (erased.length > 0) await transaction.query(eraseSubjects(erased));
  return rows as SubjectRow[];
}

const deleteStoredAnswers = (rows: readonly SubjectRow[], transaction: ChainTransaction): Promise<number> =>
  deleteAnswers([...new Set(rows.map(({ id, batch_id }) => batch_id ?? id))], transaction);
