import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import type { Client } from 'pg';
import { Counter, Gauge, Registry } from 'prom-client';
import { type TestDatabase, testDatabases } from '../../../test/support/database.js';
import { eventually } from '../../../test/support/eventually.js';
import { TcpProxy } from '../../../test/support/tcp-proxy.js';
import { testConfig } from '../../../test/support/test-config.js';
import { waitingLocks } from '../../../test/support/waiting-locks.js';
import { newId } from '../../common/ids/new-id.js';
import { MIGRATIONS_TABLE } from '../../database/data-source.js';
import { SCHEMA_LOCK } from '../../database/schema-lock.js';
import { Maintenance } from './maintenance.js';
import { MaintenanceMetrics } from './maintenance-metrics.js';
import { ensurePartitions } from './partitions.js';
import { queryOn } from '../../database/query.js';

Logger.overrideLogger(false);

/** So late that no partition exists that the tests do not make. */
const NOW = new Date('2040-06-15T12:00:00Z');

describe('Maintenance', () => {
  const openDatabase = testDatabases();
  let database: TestDatabase & { client: Client };
  let registry: Registry;
  let maintenance: Maintenance;
  beforeEach(async () => {
    database = await openDatabase();
    registry = new Registry();
    maintenance = maintenanceOf(database.env);
  });
  afterEach(async () => {
    await maintenance.onApplicationShutdown();
    jest.useRealTimers();
  });

  function maintenanceOf(env: Record<string, string>): Maintenance {
    registry.clear();
    const of = { help: '-', registers: [registry] };
    const metrics = new MaintenanceMetrics(
      new Gauge({ ...of, name: 'default_rows', labelNames: ['table'] }),
      new Gauge({ ...of, name: 'last_success' }),
      new Counter({ ...of, name: 'failures', labelNames: ['task'] }),
      new Counter({ ...of, name: 'months_dropped' }),
      new Gauge({ ...of, name: 'months_on_hold' }),
    );
    return new Maintenance(testConfig(env), metrics);
  }

  const sql = async (text: string): Promise<unknown[]> => (await database.client.query(text)).rows as unknown[];

  /** `{ 'name{label}': value }` of what was recorded. */
  async function recorded(): Promise<Record<string, number>> {
    const lines = (await registry.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    return Object.fromEntries(
      lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
    );
  }

  const insertOutcome = (time: Date) =>
    sql(`INSERT INTO prediction_outcomes (id, prediction_id, defaulted, observed_at, request_id, group_id, group_index)
         SELECT id, id, true, now(), 'r', id, 0 FROM (SELECT uuid '${newId(time.getTime())}' AS id) AS outcome`);

  const partitionsOf2040 = async () =>
    (await sql(`SELECT relname FROM pg_class WHERE relname ~ '^predictions_2040_..$' ORDER BY relname`)).map(
      (row) => (row as { relname: string }).relname,
    );

  it('makes the partitions of this month and three more', async () => {
    expect(await maintenance.run(NOW, 'all')).toBe(true);
    expect(await partitionsOf2040()).toEqual([
      'predictions_2040_06',
      'predictions_2040_07',
      'predictions_2040_08',
      'predictions_2040_09',
    ]);
    expect((await recorded())['last_success']).toBe(NOW.getTime() / 1000);
  });

  it('counts what is outside the months that have a partition', async () => {
    await insertOutcome(new Date('1999-12-31'));
    await maintenance.run(NOW, 'all');
    expect(await recorded()).toMatchObject({
      'default_rows{table="predictions"}': 0,
      'default_rows{table="prediction_outcomes"}': 1,
      'default_rows{table="chain_groups"}': 0,
    });
  });

  it('deletes the idempotency records that have expired', async () => {
    await sql(`INSERT INTO idempotency_records (caller, key, body_hash, claim, claimed_at)
               SELECT 'c', 'old ' || i, bytea '', gen_random_uuid(), now() - interval '25 hours' FROM generate_series(1, 12345) i
               UNION ALL SELECT 'c', 'young', '', gen_random_uuid(), now() - interval '23 hours'`);
    await maintenance.run(NOW, 'all');
    expect(await sql('SELECT key FROM idempotency_records')).toEqual([{ key: 'young' }]);
  });

  it('drops what is older than PREDICTION_LOG_RETENTION_MONTHS, and says what only a hold keeps', async () => {
    maintenance = maintenanceOf({ ...database.env, PREDICTION_LOG_RETENTION_MONTHS: '2' });
    await ensurePartitions(queryOn(database.client), new Date('2040-02-01'), 3);
    await sql(`INSERT INTO legal_holds (reference, reason) VALUES ('held', 'litigation')`);
    const id = newId(Date.parse('2040-03-15'));
    await sql(`INSERT INTO predictions
                 (id, context_id, reference, request_id, probability, prediction, inference_us, group_id, group_index)
               VALUES ('${id}', '${id}', 'held', 'r', 0.5, 0, 1, '${id}', 0)`);
    await maintenance.run(NOW, 'all');
    expect((await partitionsOf2040()).slice(0, 2)).toEqual(['predictions_2040_03', 'predictions_2040_04']);
    expect(await recorded()).toMatchObject({ months_on_hold: 1 });
    expect((await recorded())['months_dropped']).toBeGreaterThan(0);
  });

  it('does the other tasks when one fails, and counts it', async () => {
    await sql('DROP TABLE idempotency_records');
    expect(await maintenance.run(NOW, 'all')).toBe(false);
    expect(await recorded()).toMatchObject({ 'failures{task="idempotency-records"}': 1, months_on_hold: 0 });
    expect(await partitionsOf2040()).toHaveLength(4);
  });

  it('does what takes rights on rows alone, where the rest is left to a command', async () => {
    await ensurePartitions(queryOn(database.client), new Date('2030-01-01'), 1);
    await sql(`INSERT INTO idempotency_records (caller, key, body_hash, claim, claimed_at)
               VALUES ('c', 'old', '', gen_random_uuid(), now() - interval '25 hours')`);
    expect(await maintenance.run(NOW, 'rows')).toBe(true);
    expect(await partitionsOf2040()).toEqual([]);
    expect(await sql(`SELECT to_regclass('predictions_2030_01') AS kept`)).toEqual([{ kept: 'predictions_2030_01' }]);
    expect(await sql('SELECT FROM idempotency_records')).toHaveLength(0);
    expect(await recorded()).toMatchObject({
      'default_rows{table="predictions"}': 0,
      last_success: NOW.getTime() / 1000,
    });
  });

  it('leaves everything to somebody else who is at it', async () => {
    await sql(`SELECT pg_advisory_lock(${SCHEMA_LOCK})`);
    expect(await maintenance.run(NOW, 'all')).toBe(false);
    expect(await partitionsOf2040()).toEqual([]);
    expect(await recorded()).toMatchObject({ 'failures{task="connection"}': 0 });
  });

  it('touches no schema that is too old', async () => {
    await sql(`DELETE FROM ${MIGRATIONS_TABLE}`);
    expect(await maintenance.run(NOW, 'all')).toBe(false);
    expect(await partitionsOf2040()).toEqual([]);
  });

  it('goes on after PostgreSQL was away', async () => {
    const proxy = await TcpProxy.start(database.url);
    maintenance = maintenanceOf({ ...database.env, DATABASE_URL: proxy.url });
    await proxy.setMode({ kind: 'refuse' });
    expect(await maintenance.run(NOW, 'all')).toBe(false);
    expect(await recorded()).toMatchObject({ 'failures{task="connection"}': 1 });
    await proxy.setMode({ kind: 'pass' });
    expect(await maintenance.run(NOW, 'all')).toBe(true);
    await proxy.close();
  });

  it('is broken off when the application ends', async () => {
    await sql('BEGIN; LOCK TABLE idempotency_records');
    const running = maintenance.run(NOW, 'all');
    await eventually(async () => expect(await waitingLocks(database.client)).toBe(1));
    await maintenance.onApplicationShutdown();
    expect(await running).toBe(false);
  });

  it('leaves no DEFAULT partition off when it is broken off', async () => {
    maintenance = maintenanceOf({ ...database.env, PREDICTION_LOG_RETENTION_MONTHS: '2' });
    await ensurePartitions(queryOn(database.client), new Date('2040-03-01'), 1);
    // Who reads the month, and not the whole table, is waited for once DEFAULT is off.
    await sql('BEGIN; SELECT FROM predictions_2040_03');
    const running = maintenance.run(NOW, 'all');
    await eventually(async () => expect(await waitingLocks(database.client)).toBe(1));
    const attached = () => sql(`SELECT FROM pg_inherits WHERE inhrelid = 'predictions_default'::regclass`);
    expect(await attached()).toHaveLength(0);
    await maintenance.onApplicationShutdown();
    expect(await running).toBe(false);
    expect(await attached()).toHaveLength(1);
  });

  it('runs soon after the start, and then every day; after a failure, within minutes', async () => {
    jest.useFakeTimers();
    const run = jest.spyOn(maintenance, 'run').mockResolvedValueOnce(true).mockResolvedValueOnce(false);
    run.mockResolvedValue(true);
    const runsWithin = async (seconds: number) => {
      run.mockClear();
      await jest.advanceTimersByTimeAsync(1000 * seconds);
      return run.mock.calls.length;
    };
    maintenance.onApplicationBootstrap();
    expect(await runsWithin(15)).toBe(1);
    expect(run).toHaveBeenLastCalledWith(expect.any(Date), 'all');
    expect(await runsWithin(21 * 3600)).toBe(0);
    expect(await runsWithin(6 * 3600)).toBe(2);
    await maintenance.onApplicationShutdown();
    expect(await runsWithin(48 * 3600)).toBe(0);
  });

  it('does as much by itself as PREDICTION_LOG_MAINTENANCE says', async () => {
    jest.useFakeTimers();
    maintenance = maintenanceOf({ ...database.env, PREDICTION_LOG_MAINTENANCE: 'rows' });
    const run = jest.spyOn(maintenance, 'run').mockResolvedValue(true);
    maintenance.onApplicationBootstrap();
    await jest.advanceTimersByTimeAsync(15_000);
    expect(run).toHaveBeenCalledWith(expect.any(Date), 'rows');
  });

  it('does not run with PREDICTION_LOG=off', () => {
    jest.useFakeTimers();
    maintenanceOf({}).onApplicationBootstrap();
    expect(jest.getTimerCount()).toBe(0);
  });
});
