import { mkdir, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { Client } from 'pg';
import { Registry } from 'prom-client';
import { createDatabase, type TestDatabase } from '../../test/support/database.js';
import { eventually } from '../../test/support/eventually.js';
import { expectErasedLate, recordErasure } from '../../test/support/erasures.js';
import { idsOf, logEntry, predictionRow } from '../../test/support/log-entry.js';
import { predictionLogMetrics, rowsWritten } from '../../test/support/prediction-log-metrics.js';
import { TcpProxy } from '../../test/support/tcp-proxy.js';
import { temporaryDirectories } from '../../test/support/temporary-directory.js';
import { testConfig } from '../../test/support/test-config.js';
import { waitingLocks } from '../../test/support/waiting-locks.js';
import { createLog } from './create-log.js';
import { ChainHeads } from './chain/chain-heads.js';
import { lockErasures } from './erasure-lock.js';
import { SpooledLog } from './spooled-log.js';

Logger.overrideLogger(false);

let database: TestDatabase;
let proxy: TcpProxy;
let reader: Client;
let directory: string;
let logs: SpooledLog[];
/** Of the log that was started last. */
let metrics: Registry;

beforeEach(async () => {
  database = await createDatabase();
  proxy = await TcpProxy.start(database.url);
  reader = new Client(database.url);
  await reader.connect();
  directory = directories();
  logs = [];
});

afterEach(async () => {
  for (const log of logs) await log.onApplicationShutdown();
  await reader.end();
  await proxy.close();
  await database.close();
});

/** Removed after the logs have closed: hooks run in the order in which they are registered. */
const directories = temporaryDirectories();

async function start(env: Record<string, string> = {}): Promise<SpooledLog> {
  const config = testConfig({
    ...database.env,
    DATABASE_URL: proxy.url,
    PREDICTION_LOG_DURABILITY: 'spooled',
    PREDICTION_LOG_COMMIT_TIMEOUT_MS: '200',
    PREDICTION_LOG_SPOOL_DIR: directory,
    ...env,
  });
  metrics = new Registry();
  const log = createLog(config, new ChainHeads(config), predictionLogMetrics(metrics)) as SpooledLog;
  await log.onModuleInit();
  logs.push(log);
  return log;
}

async function recordedIds(): Promise<string[]> {
  const { rows } = await reader.query('SELECT id FROM predictions ORDER BY id');
  return rows.map(({ id }) => id as string);
}

/** Every row stands in exactly the group that names it. */
async function expectRowsToFitTheirGroups(): Promise<void> {
  const { rows } = await reader.query(`
    SELECT g.row_count, count(p.id)::int AS rows FROM chain_groups g LEFT JOIN predictions p ON p.group_id = g.id
    GROUP BY g.id, g.row_count`);
  expect(rows.filter((group) => group.row_count !== group.rows)).toEqual([]);
}

/** @returns the id of a row of `application-1` that is in the spool alone, while PostgreSQL is away */
async function spoolOne(): Promise<string> {
  const log = await start({ PREDICTION_LOG_WRITERS: '1' });
  await proxy.setMode({ kind: 'refuse' });
  // This one is in flight when it is spooled, so the connection knows that PostgreSQL is away, and the next is spooled alone.
  await log.record({ ...logEntry(), rows: [predictionRow({ reference: null })] });
  const entry = logEntry();
  await log.record(entry);
  return entry.rows[0]!.id;
}

describe('SpooledLog', () => {
  it('commits in PostgreSQL while that is there, and leaves no spool behind', async () => {
    const log = await start();
    const entry = logEntry();
    await log.record(entry);
    expect(await recordedIds()).toEqual(idsOf([entry]));
    await log.onApplicationShutdown();
    expect(await readdir(path.join(directory, '0'))).toEqual(['lock']);
  });

  it('answers while PostgreSQL is away, and every row is there once when it is back', async () => {
    const log = await start();
    await log.record(logEntry());
    await proxy.setMode({ kind: 'refuse' });
    const entries = [...Array.from({ length: 50 }, () => logEntry()), logEntry({ rows: 300 })];
    await Promise.all(entries.map((entry) => log.record(entry)));
    await proxy.setMode({ kind: 'pass' });
    await eventually(async () => expect(await recordedIds()).toEqual(expect.arrayContaining(idsOf(entries))));
    expect(await recordedIds()).toHaveLength(351);
    await eventually(() => expectRowsToFitTheirGroups());
  });

  it('answers while PostgreSQL is silent, though what is in flight may be committed too', async () => {
    const log = await start({ DATABASE_STATEMENT_TIMEOUT_MS: '300' });
    await log.record(logEntry());
    await proxy.setMode({ kind: 'silent' });
    const entries = Array.from({ length: 20 }, () => logEntry());
    await Promise.all(entries.map((entry) => log.record(entry)));
    await proxy.setMode({ kind: 'reset' });
    await proxy.setMode({ kind: 'pass' });
    await eventually(async () => expect(await recordedIds()).toHaveLength(21));
    await eventually(() => expectRowsToFitTheirGroups());
  });

  it('writes what an earlier process spooled, also when that wrote a part of it already', async () => {
    const first = await start();
    await proxy.setMode({ kind: 'refuse' });
    const entries = Array.from({ length: 5 }, () => logEntry());
    for (const entry of entries) await first.record(entry);
    await first.onApplicationShutdown();
    await proxy.setMode({ kind: 'pass' });
    const other = await start({
      PREDICTION_LOG_SPOOL_DIR: directories(),
    });
    await other.record(entries[2]!);
    await start();
    await eventually(async () => expect(await recordedIds()).toEqual(idsOf(entries)));
    await expectRowsToFitTheirGroups();
  });

  it('counts what it drained once, though it had to drain it again', async () => {
    const first = await start();
    await proxy.setMode({ kind: 'refuse' });
    const entries = Array.from({ length: 5 }, () => logEntry());
    for (const entry of entries) await first.record(entry);
    await first.onApplicationShutdown();
    await proxy.setMode({ kind: 'stall', sends: 'COMMIT' });
    const stalled = proxy.silence();
    await start();
    await stalled;
    await proxy.setMode({ kind: 'reset' });
    await proxy.setMode({ kind: 'pass' });
    await eventually(async () => expect(await recordedIds()).toEqual(idsOf(entries)));
    await eventually(async () => expect(await rowsWritten(metrics)).toBe(5));
  });

  it('writes a row already erased when its subject was erased while it was in the spool', async () => {
    const id = await spoolOne();
    await recordErasure(reader, database.env.PREDICTION_LOG_CHAIN_KEY);
    await proxy.setMode({ kind: 'pass' });
    await eventually(() => expectErasedLate(reader, id, database.env.PREDICTION_LOG_CHAIN_KEY));
  });

  it('erases a row that it wrote itself before it was drained, when its subject had been erased meanwhile', async () => {
    const log = await start({ PREDICTION_LOG_WRITERS: '1' });
    await proxy.setMode({ kind: 'refuse' });
    const entry = logEntry();
    await log.record(entry);
    await recordErasure(reader, database.env.PREDICTION_LOG_CHAIN_KEY);
    await proxy.setMode({ kind: 'pass' });
    await eventually(() => expectErasedLate(reader, entry.rows[0]!.id, database.env.PREDICTION_LOG_CHAIN_KEY));
  });

  it('erases a row that is in the table in clear by the time it is drained', async () => {
    const first = await start();
    await proxy.setMode({ kind: 'refuse' });
    const entry = logEntry();
    await first.record(entry);
    await first.onApplicationShutdown();
    await proxy.setMode({ kind: 'pass' });
    const other = await start({ PREDICTION_LOG_SPOOL_DIR: directories() });
    await other.record(entry);
    await recordErasure(reader, database.env.PREDICTION_LOG_CHAIN_KEY);
    await start();
    await eventually(() => expectErasedLate(reader, entry.rows[0]!.id, database.env.PREDICTION_LOG_CHAIN_KEY));
  });

  it('waits for an erasure that is under way, and then writes its subject erased', async () => {
    const id = await spoolOne();
    await reader.query('BEGIN');
    await lockErasures(reader, 'exclusive');
    await proxy.setMode({ kind: 'pass' });
    await eventually(async () => expect(await waitingLocks(reader)).toBe(1));
    await recordErasure(reader, database.env.PREDICTION_LOG_CHAIN_KEY);
    await reader.query('COMMIT');
    await eventually(() => expectErasedLate(reader, id, database.env.PREDICTION_LOG_CHAIN_KEY));
  });

  it('keeps what PostgreSQL refuses beside the spool, and writes the others', async () => {
    const log = await start({ PREDICTION_LOG_WRITERS: '1' });
    await proxy.setMode({ kind: 'refuse' });
    const inFlight = logEntry();
    await log.record(inFlight);
    const good = logEntry();
    await Promise.all([log.record(logEntry({ caller: 'a\u0000b' })), log.record(good)]);
    await proxy.setMode({ kind: 'pass' });
    await eventually(async () => expect(await recordedIds()).toEqual(idsOf([inFlight, good])));
    await eventually(async () => expect((await readdir(path.join(directory, '0'))).join()).toMatch(/\.refused/));
  });

  it('sheds when the spool is full', async () => {
    const log = await start({ PREDICTION_LOG_SPOOL_MAX_BYTES: '1' });
    await proxy.setMode({ kind: 'refuse' });
    await log.record(logEntry());
    await expect(log.record(logEntry())).rejects.toMatchObject({ code: 'PREDICTION_LOG_FULL', retryAfterSeconds: 2 });
  });

  it('does not start without a directory that it can write to', async () => {
    const file = path.join(directory, 'file');
    await writeFile(file, '');
    await expect(start({ PREDICTION_LOG_SPOOL_DIR: file })).rejects.toThrow('PREDICTION_LOG_SPOOL_DIR');
    await mkdir(path.join(directory, 'fine'));
    await expect(start({ PREDICTION_LOG_SPOOL_DIR: path.join(directory, 'fine') })).resolves.toBeDefined();
  });
});
