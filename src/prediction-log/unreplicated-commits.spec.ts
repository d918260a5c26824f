import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { Client } from 'pg';
import { PostgresServer } from '../../deploy/local/postgres-server.ts';
import { eventually } from '../../test/support/eventually.js';
import { idsOf, logEntry } from '../../test/support/log-entry.js';
import { predictionLogMetrics } from '../../test/support/prediction-log-metrics.js';
import { testConfig } from '../../test/support/test-config.js';
import { migrate } from '../database/migrate.js';
import { ChainHeads } from './chain/chain-heads.js';
import { CommittedLog } from './committed-log.js';

Logger.overrideLogger(false);

describe('A PostgreSQL whose commits wait for a standby that is away', () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'credit-default-standby-'));
  const server = new PostgresServer(path.join(directory, 'data'));
  let admin: Client;
  let log: CommittedLog;

  beforeAll(async () => {
    chmodSync(directory, 0o755);
    await server.initialise();
    await server.start();
    await migrate(testConfig({ DATABASE_URL: server.url('postgres')! }), 0);
  });
  afterAll(async () => {
    await server.stop();
    rmSync(directory, { recursive: true });
  });

  beforeEach(async () => {
    admin = new Client(server.url('postgres'));
    await admin.connect();
    const config = testConfig({
      PREDICTION_LOG: 'on',
      DATABASE_URL: server.url('postgres')!,
      PREDICTION_LOG_CHAIN_KEY: 'the chain key of the tests, not secret',
      PREDICTION_LOG_WRITERS: '1',
      PREDICTION_LOG_COMMIT_TIMEOUT_MS: '20000',
      DATABASE_STATEMENT_TIMEOUT_MS: '20000',
    });
    log = new CommittedLog(config, new ChainHeads(config), predictionLogMetrics());
    // Its scoring context is there then, and what waits below is the entry itself.
    await log.record(logEntry());
    await setStandbys('standby');
  });
  afterEach(async () => {
    await setStandbys('');
    await log.onApplicationShutdown();
    await admin.end();
  });

  /** Without any, those who wait for one go on, as when it has come back. */
  async function setStandbys(names: string): Promise<void> {
    await admin.query('SET synchronous_commit = local');
    await admin.query(`ALTER SYSTEM SET synchronous_standby_names = '${names}'`);
    await admin.query('SELECT pg_reload_conf()');
    await eventually(async () => {
      const { rows } = await admin.query('SHOW synchronous_standby_names');
      expect(rows).toEqual([{ synchronous_standby_names: names }]);
    });
  }

  /** The process whose commit waits for the standby, once it is another one than before. */
  const waiting = (besides = 0) =>
    eventually(async () => {
      const { rows } = await admin.query<{ pid: number }>(
        `SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND pid <> ${besides}`,
      );
      expect(rows).toHaveLength(1);
      return rows[0]!.pid;
    });

  const rowsOf = async (ids: readonly string[]) =>
    (await admin.query('SELECT FROM predictions WHERE id = ANY ($1)', [ids])).rowCount;

  it('has no single answered whose wait was cancelled, until the standby is back', async () => {
    const entry = logEntry();
    let isRecorded = false;
    const recorded = log.record(entry).then(() => (isRecorded = true));
    const first = await waiting();
    await admin.query('SELECT pg_cancel_backend($1)', [first]);
    // It is there, on this server alone; the next attempt waits for the standby all the same.
    await waiting(first);
    expect(await rowsOf(idsOf([entry]))).toBe(1);
    expect(isRecorded).toBe(false);
    await setStandbys('');
    await recorded;
    expect(await rowsOf(idsOf([entry]))).toBe(1);
  });

  it('has no batch answered whose wait was cancelled', async () => {
    const entry = logEntry({ rows: 3 });
    const outcome = log.record(entry).catch((error: unknown) => error);
    await admin.query('SELECT pg_cancel_backend($1)', [await waiting()]);
    expect(await outcome).toMatchObject({ code: 'PREDICTION_LOG_UNAVAILABLE' });
    expect(await rowsOf(idsOf([entry]))).toBe(3);
  });
});
