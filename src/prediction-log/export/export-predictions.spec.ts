import { readdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects, parquetSchema } from 'hyparquet';
import type { Client } from 'pg';
import { type TestDatabase, testDatabases } from '../../../test/support/database.js';
import { logEntry, predictionRow, scoringContextFixture } from '../../../test/support/log-entry.js';
import { RecordedLog } from '../../../test/support/recorded-log.js';
import { temporaryDirectories } from '../../../test/support/temporary-directory.js';
import { newId } from '../../common/ids/new-id.js';
import { queryOn } from '../../database/query.js';
import { idRange } from '../scan/id-range.js';
import { exportPredictions } from './export-predictions.js';

Logger.overrideLogger(false);

const openDatabase = testDatabases();
const makeDirectory = temporaryDirectories();
let database: TestDatabase & { client: Client };
let log: RecordedLog;
let directory: string;
let file: string;

beforeEach(async () => {
  database = await openDatabase();
  log = new RecordedLog(database);
  directory = makeDirectory();
  file = path.join(directory, 'predictions.parquet');
});
afterEach(() => log.close());

const exportAll = (range = idRange()) => exportPredictions(queryOn(database.client), range, file);

const read = async () => parquetReadObjects({ file: await asyncBufferFromFile(file) });

const TIME = Date.UTC(2026, 10, 10, 12, 30, 0, 123);

const rowsAt = (time: number) => [predictionRow({ id: newId(time), inputs: Float32Array.of(1, 2) })];

describe('exportPredictions', () => {
  it('writes what the table holds, each input in a column of its own', async () => {
    const context = scoringContextFixture();
    const single = predictionRow({
      id: newId(TIME),
      inputs: Float32Array.of(0.1, NaN),
      warnings: [{ feature: 'income', code: 'OUT_OF_RANGE' }],
    });
    const batch = logEntry({ ids: [newId(TIME + 1), newId(TIME + 2)] });
    await log.record({ ...logEntry({ traceId: 'a'.repeat(32), caller: 'web-shop' }), rows: [single] }, batch);
    expect(await exportAll()).toBe(3);
    const [first, second, third] = await read();
    expect(first).toEqual({
      id: single.id,
      predicted_at: new Date(TIME),
      reference: 'application-1',
      caller: 'web-shop',
      request_id: 'request-1',
      trace_id: 'a'.repeat(32),
      batch_id: null,
      row_index: null,
      model_name: context.modelName,
      model_version: context.modelVersion,
      model_alias: context.modelAlias,
      model_digest: context.modelDigest,
      default_class: '1',
      default_class_from: 'labels',
      onnxruntime_version: context.onnxruntimeVersion,
      platform: context.platform,
      probability: Math.fround(0.3),
      threshold: 0.5,
      prediction: 0,
      warnings: expect.any(String),
      inference_us: 30,
      erased: false,
      defaulted: null,
      outcome_observed_at: null,
      outcome_recorded_at: null,
      outcome_count: 0,
      input_income: Math.fround(0.1),
      input_age_of_account: NaN,
    });
    expect(JSON.parse(first!['warnings'] as string)).toEqual(single.warnings);
    expect([second, third]).toMatchObject([
      { id: batch.rows[0]!.id, batch_id: batch.batchId, row_index: 0 },
      { id: batch.rows[1]!.id, batch_id: batch.batchId, row_index: 1 },
    ]);
  });

  it('gives columns the types that readers expect', async () => {
    await log.record(logEntry());
    await exportAll();
    const { children } = parquetSchema(await parquetMetadataAsync(await asyncBufferFromFile(file)));
    const types = Object.fromEntries(
      children.map(({ element: { name, type, converted_type } }) => [name, converted_type ?? type]),
    );
    expect(types).toMatchObject({
      id: 'UTF8',
      predicted_at: 'TIMESTAMP_MILLIS',
      row_index: 'INT32',
      probability: 'FLOAT',
      threshold: 'DOUBLE',
      prediction: 'INT32',
      erased: 'BOOLEAN',
      defaulted: 'BOOLEAN',
      outcome_observed_at: 'TIMESTAMP_MILLIS',
      outcome_recorded_at: 'TIMESTAMP_MILLIS',
      outcome_count: 'INT32',
      input_income: 'FLOAT',
    });
  });

  it('leaves null what was erased, and says so', async () => {
    const entry = logEntry();
    await log.record(entry);
    await log.erase('application-1');
    await exportAll();
    expect(await read()).toEqual([
      expect.objectContaining({
        erased: true,
        reference: null,
        input_income: null,
        input_age_of_account: null,
        probability: Math.fround(0.3),
      }),
    ]);
  });

  it('has the outcome that was recorded last, whenever it was observed, also of what was erased', async () => {
    const ids = [0, 1, 2].map((minute) => newId(TIME + 60_000 * minute));
    const [corrected, single, none] = ids as [string, string, string];
    await log.record({ ...logEntry(), rows: ids.map((id) => predictionRow({ id, reference: id })) });
    const before = Date.now();
    await log.recordOutcome(corrected, { defaulted: true, observedAt: new Date('2026-11-20T00:00:00Z') });
    await log.recordOutcome(corrected, { defaulted: false, observedAt: new Date('2026-11-15T10:00:00.123Z') });
    await log.recordOutcome(single, { defaulted: true, observedAt: new Date('2026-11-20T00:00:00Z') });
    await log.erase(single);
    await exportAll();
    const rows = await read();
    expect(rows).toMatchObject([
      { id: corrected, defaulted: false, outcome_observed_at: new Date('2026-11-15T10:00:00.123Z'), outcome_count: 2 },
      {
        id: single,
        defaulted: true,
        outcome_observed_at: new Date('2026-11-20T00:00:00Z'),
        outcome_count: 1,
        erased: true,
      },
      { id: none, defaulted: null, outcome_observed_at: null, outcome_recorded_at: null, outcome_count: 0 },
    ]);
    expect((rows[0]!['outcome_recorded_at'] as Date).getTime()).toBeGreaterThanOrEqual(before);
  });

  it('has the inputs of all models of the range, null where a model has none of that name', async () => {
    const other = scoringContextFixture({ modelVersion: '8', featureNames: ['debt', 'income'] });
    const unused = scoringContextFixture({ modelVersion: '9', featureNames: ['unused'] });
    await log.record({ ...logEntry(), rows: rowsAt(TIME) });
    await log.record({ ...logEntry({ context: other }), rows: rowsAt(TIME + 1) });
    await log.record({ ...logEntry({ context: unused }), rows: rowsAt(TIME + 60_000) });
    await exportAll(idRange(new Date(TIME), new Date(TIME + 1000)));
    const [first, second] = await read();
    expect(first).toMatchObject({ model_version: '7', input_income: 1, input_age_of_account: 2, input_debt: null });
    expect(second).toMatchObject({ model_version: '8', input_income: 2, input_age_of_account: null, input_debt: 1 });
    expect(first).not.toHaveProperty('input_unused');
  });

  it('writes the rows of the range alone, in the order of time', async () => {
    const ids = [3, 1, 2, 0].map((minute) => newId(TIME + 60_000 * minute));
    for (const id of ids) await log.record(logEntry({ ids: [id] }));
    expect(await exportAll(idRange(new Date(TIME + 60_000), new Date(TIME + 180_000)))).toBe(2);
    expect((await read()).map(({ id }) => id)).toEqual([ids[1], ids[2]]);
  });

  it('writes as many rows as there are, over pages and row groups', async () => {
    await log.record(logEntry());
    await database.client.query(`
      INSERT INTO predictions (id, context_id, request_id, inputs, probability, prediction, inference_us, group_id, group_index)
      SELECT (lpad(to_hex(n), 8, '0') || substr(id::text, 9))::uuid, context_id, request_id, inputs, n / 65536.0,
        prediction, inference_us, group_id, n
      FROM predictions, generate_series(1, 30000) AS n`);
    expect(await exportAll()).toBe(30_001);
    const { row_groups } = await parquetMetadataAsync(await asyncBufferFromFile(file));
    expect(row_groups.length).toBeGreaterThan(1);
    const rows = await read();
    expect(rows).toHaveLength(30_001);
    expect(rows.slice(0, 30_000).map(({ probability }) => (probability as number) * 65_536)).toEqual(
      Array.from({ length: 30_000 }, (_, i) => i + 1),
    );
  });

  it('writes a file with columns and no rows where there is nothing', async () => {
    expect(await exportAll()).toBe(0);
    expect(await read()).toEqual([]);
    const { children } = parquetSchema(await parquetMetadataAsync(await asyncBufferFromFile(file)));
    expect(children.map(({ element }) => element.name)).toContain('probability');
  });

  it('is for its owner alone', async () => {
    await exportAll();
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('takes the place of an older file only once it is complete, and leaves nothing else', async () => {
    writeFileSync(file, 'older');
    await log.record(logEntry());
    await database.client.query('DELETE FROM scoring_contexts');
    await expect(exportAll()).rejects.toThrow(/names a scoring context that is not there: run log:verify/);
    expect(readdirSync(directory)).toEqual(['predictions.parquet']);
    expect(statSync(file).size).toBe('older'.length);
    await database.client.query('DELETE FROM predictions');
    await exportAll();
    expect(readdirSync(directory)).toEqual(['predictions.parquet']);
    expect(await read()).toEqual([]);
  });

  it('says so when the file cannot be written', async () => {
    file = path.join(directory, 'none', 'predictions.parquet');
    await expect(exportAll()).rejects.toThrow(/ENOENT/);
  });
});
