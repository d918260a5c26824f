import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Client } from 'pg';
import request from 'supertest';
import { readVariables } from '../../src/config/env.schema.js';
import { clientOptions, DATABASE_VARIABLES } from '../../src/database/client-options.js';
import { migrate } from '../../src/database/migrate.js';
import { monthBounds } from '../../src/prediction-log/id-time.js';
import { exportPredictions } from '../../src/prediction-log/export/export-predictions.js';
import { chainErasureBaseline } from '../../src/prediction-log/maintenance/erasure-baseline.js';
import { partitionName } from '../../src/prediction-log/maintenance/partitions.js';
import { idRange } from '../../src/prediction-log/scan/id-range.js';
import { onSnapshot } from '../../src/prediction-log/scan/snapshot.js';
import { verifyLog } from '../../src/prediction-log/verify/verify-log.js';
import { AUDIT_TOKEN } from '../support/audited-app.js';
import { type TestDatabase, testDatabases } from '../support/database.js';
import { insertLines, releaseLog, toReleaseSchema } from '../support/release-log.js';
import { temporaryDirectories } from '../support/temporary-directory.js';
import { startTestApp } from '../support/test-app.js';
import { testConfig } from '../support/test-config.js';

/** Of `application-2`: an input of it is missing. */
const SCORED = { id: '01a22ee9-c3aa-72c0-9dc0-543435c97bba', probability: 0.5212690234184265 };
/** The release's instances are gone by then. */
const A_DAY_LATER = new Date('2026-12-02T00:00:00Z');

const openDatabase = testDatabases();
const directories = temporaryDirectories();
let database: TestDatabase & { client: Client };
let app: NestFastifyApplication | undefined;

beforeEach(async () => {
  database = await openDatabase();
  await toReleaseSchema(database);
});
afterEach(async () => {
  await app?.close();
  app = undefined;
});

const migrateDatabase = () => migrate(readVariables(DATABASE_VARIABLES, { DATABASE_URL: database.url }), 0);

const onLog = <T>(read: Parameters<typeof onSnapshot<T>>[1]) =>
  onSnapshot(clientOptions(testConfig(database.env)), read);

const verify = () => onLog((query) => verifyLog(query, idRange(), database.env.PREDICTION_LOG_CHAIN_KEY, []));

const start = async () => (app = await startTestApp({ MODEL_URI: 'file:ml/model', AUDIT_TOKEN, ...database.env }));

const erase = (reference: string) =>
  request(app!.getHttpServer()).post('/predictions/erasures').auth(AUDIT_TOKEN, { type: 'bearer' }).send({ reference });

async function predict(reference: string): Promise<void> {
  const features = [90_000, 0, 1, 0, 0, 0.3, 0.2, 0.05, 7000, 0.8];
  await request(app!.getHttpServer()).post('/predict').send({ reference, data: { features } }).expect(200);
}

describe('A log that the release before has written', () => {
  it('verifies, is exported, replayed and erased, and its erasures are named by the baseline', async () => {
    await insertLines(releaseLog, database.client);
    await migrateDatabase();
    expect(await verify()).toMatchObject({
      findings: { described: [] },
      contents: { predictions: { rows: 8, erased: 2 } },
      evidence: { named: 0, unproven: 2 },
    });
    const file = path.join(directories(), 'log.parquet');
    expect(await onLog((query) => exportPredictions(query, idRange(), file))).toBe(8);

    await start();
    const { body } = await request(app!.getHttpServer())
      .get(`/predictions/${SCORED.id}/replay`)
      .auth(AUDIT_TOKEN, { type: 'bearer' })
      .expect(200);
    expect(body.recorded.probability).toBe(SCORED.probability);
    expect(body.replayed.probability).toBeCloseTo(SCORED.probability, 6);
    await erase('application-5').expect(409);
    expect((await erase('application-2').expect(201)).body).toMatchObject({ predictions: 1 });
    expect(await verify()).toMatchObject({ findings: { described: [] }, evidence: { named: 1, unproven: 2 } });

    const key = database.env.PREDICTION_LOG_CHAIN_KEY;
    const baseline = await chainErasureBaseline(clientOptions(testConfig(database.env)), key, A_DAY_LATER);
    expect(baseline).toMatchObject({ rows: 2, saidRows: 2 });
    expect(await verify()).toMatchObject({
      findings: { described: [] },
      evidence: { named: 3, unproven: 0, absent: 0 },
    });
  });

  it('goes on while instances are replaced: that release and this one write, and all of it verifies', async () => {
    const tables = new Set(['chain_groups', 'predictions']);
    const firstGroup = releaseLog.find(({ table }) => table === 'chain_groups')!.row['id'];
    const before = releaseLog.filter(
      ({ table, row }) => tables.has(table) && (row['group_id'] ?? row['id']) === firstGroup,
    );
    const context = releaseLog.filter(({ table }) => table === 'scoring_contexts');
    await insertLines([...context, ...before], database.client);
    await migrateDatabase();
    await start();
    await predict('application-1');
    await insertLines(
      releaseLog.filter((line) => !before.includes(line) && !context.includes(line)),
      database.client,
    );
    await predict('application-2');
    await erase('application-2').expect(201);
    expect(await database.client.query('SELECT DISTINCT format FROM chain_groups ORDER BY 1')).toMatchObject({
      rows: [{ format: 1 }, { format: 2 }],
    });
    expect(await verify()).toMatchObject({
      findings: { described: [] },
      contents: { predictions: { rows: 10, erased: 4 } },
      evidence: { named: 2, unproven: 2 },
    });
  });

  it('is migrated with the months that are being dropped, also where that was broken off', async () => {
    const { client } = database;
    for (const month of ['2024-07', '2024-08']) {
      const { from, to } = monthBounds(new Date(month));
      const name = partitionName('chain_groups', new Date(month));
      await client.query(`CREATE TABLE ${name} PARTITION OF chain_groups FOR VALUES FROM ('${from}') TO ('${to}')`);
    }
    await client.query('ALTER TABLE chain_groups DETACH PARTITION chain_groups_default');
    await client.query('ALTER TABLE chain_groups DETACH PARTITION chain_groups_2024_07');
    const reader = new Client({ connectionString: database.url });
    await reader.connect();
    await reader.query('BEGIN');
    await reader.query('SELECT FROM chain_groups');
    await client.query('SET statement_timeout = 200');
    await expect(
      client.query('ALTER TABLE chain_groups DETACH PARTITION chain_groups_2024_08 CONCURRENTLY'),
    ).rejects.toMatchObject({ code: '57014' });
    await client.query('RESET statement_timeout');
    await reader.end();

    await migrateDatabase();
    const { rows } = await client.query(
      `SELECT relname FROM pg_class WHERE relname LIKE 'chain_groups%' AND relkind IN ('r', 'p') AND NOT EXISTS
         (SELECT FROM pg_attribute WHERE attrelid = pg_class.oid AND attname = 'format')`,
    );
    expect(rows).toEqual([]);
    const tables = await client.query(
      `SELECT relname FROM pg_class WHERE relname ~ '^chain_groups_(2024_0[78]|default)$'`,
    );
    expect(tables.rows).toHaveLength(3);
  });
});
