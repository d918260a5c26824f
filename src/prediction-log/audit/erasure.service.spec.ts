import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import type { Client } from 'pg';
import { type TestDatabase, testDatabases } from '../../../test/support/database.js';
import { logEntry, predictionRow } from '../../../test/support/log-entry.js';
import { RecordedLog } from '../../../test/support/recorded-log.js';
import { newId } from '../../common/ids/new-id.js';
import { queryOn } from '../../database/query.js';
import { attachDefaults, detachPartition, reattachPartition } from '../maintenance/detach-partition.js';
import { ensurePartitions } from '../maintenance/partitions.js';

Logger.overrideLogger(false);

const SEPTEMBER = new Date('2024-09-01T00:00:00Z');

const openDatabase = testDatabases();
let database: TestDatabase & { client: Client };
let log: RecordedLog;

beforeEach(async () => {
  database = await openDatabase();
  log = new RecordedLog(database);
});
afterEach(() => log.close());

const record = (at: string) =>
  log.record({ ...logEntry(), rows: [predictionRow({ id: newId(Date.parse(at)), reference: 'subject-1' })] });

const references = async () => (await database.client.query('SELECT reference FROM predictions ORDER BY id')).rows;

const unavailable = { code: 'PREDICTION_LOG_UNAVAILABLE', retryAfterSeconds: 30 };

describe('An erasure', () => {
  it('is refused while DEFAULT is off, whose rows it would miss', async () => {
    await record('1999-01-01T00:00:00Z');
    await database.client.query('ALTER TABLE predictions DETACH PARTITION predictions_default');
    await expect(log.erase('subject-1')).rejects.toMatchObject(unavailable);
    await attachDefaults(queryOn(database.client));
    await log.erase('subject-1');
    expect(await references()).toEqual([{ reference: null }]);
  });

  it('is refused while a month is off, whose rows may come back', async () => {
    const query = queryOn(database.client);
    await ensurePartitions(query, SEPTEMBER, 1);
    await record('2024-09-15T00:00:00Z');
    await detachPartition(query, 'predictions', SEPTEMBER);
    await expect(log.erase('subject-1')).rejects.toMatchObject(unavailable);
    await reattachPartition(query, 'predictions', SEPTEMBER);
    await log.erase('subject-1');
    expect(await references()).toEqual([{ reference: null }]);
  });
});
