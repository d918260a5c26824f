import { afterEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { testDatabases } from '../../test/support/database.js';
import { eventually } from '../../test/support/eventually.js';
import { TcpProxy } from '../../test/support/tcp-proxy.js';
import { testConfig } from '../../test/support/test-config.js';
import { PredictionEntity } from '../prediction-log/entities/prediction.entity.js';
import { MIGRATIONS_TABLE } from './data-source.js';
import { Database } from './database.js';
import { SchemaTooOldError } from './schema-check.js';

Logger.overrideLogger(false);

describe('Database', () => {
  const openDatabase = testDatabases();
  const closers: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of closers.splice(0).toReversed()) await close();
  });

  /** A Database whose PostgreSQL can be taken away. */
  async function open(limits: Record<string, string> = {}) {
    const { env, client } = await openDatabase();
    const proxy = await TcpProxy.start(env.DATABASE_URL);
    const database = new Database(testConfig({ ...env, ...limits, DATABASE_URL: proxy.url }));
    closers.push(
      () => proxy.close(),
      () => database.onApplicationShutdown(),
    );
    return { database, proxy, client };
  }

  it('gives one data source to all who ask', async () => {
    const { database } = await open();
    const [first, second] = await Promise.all([database.dataSource(), database.dataSource()]);
    expect(first).toBe(second);
    expect(await first.getRepository(PredictionEntity).count()).toBe(0);
  });

  it('starts without PostgreSQL, says so to who asks, and is there once PostgreSQL is', async () => {
    const { database, proxy } = await open();
    await proxy.setMode({ kind: 'refuse' });
    await database.onModuleInit();
    await expect(database.dataSource()).rejects.toMatchObject({
      code: 'PREDICTION_LOG_UNAVAILABLE',
      retryAfterSeconds: 1,
    });
    await proxy.setMode({ kind: 'pass' });
    expect((await database.dataSource()).isInitialized).toBe(true);
  });

  it('answers within 2 s when PostgreSQL is silent', async () => {
    const { database, proxy } = await open();
    await proxy.setMode({ kind: 'silent' });
    const startedAt = performance.now();
    await expect(database.dataSource()).rejects.toMatchObject({ code: 'PREDICTION_LOG_UNAVAILABLE' });
    expect(performance.now() - startedAt).toBeLessThan(2000);
  });

  it('makes new connections after an outage', async () => {
    const { database, proxy } = await open();
    const dataSource = await database.dataSource();
    await proxy.setMode({ kind: 'refuse' });
    await expect(dataSource.query('SELECT 1')).rejects.toThrow(/ECONN|terminated/);
    await proxy.setMode({ kind: 'pass' });
    expect(await dataSource.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('gives up a connection that falls silent', async () => {
    const { database, proxy } = await open({ DATABASE_STATEMENT_TIMEOUT_MS: '100' });
    const dataSource = await database.dataSource();
    await proxy.setMode({ kind: 'silent' });
    await expect(dataSource.query('SELECT 1')).rejects.toThrow('PostgreSQL has fallen silent.');
    await proxy.setMode({ kind: 'pass' });
    expect(await dataSource.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('refuses to start on a schema that is too old', async () => {
    const { database, client } = await open();
    await client.query(`DELETE FROM ${MIGRATIONS_TABLE}`);
    await expect(database.onModuleInit()).rejects.toThrow(SchemaTooOldError);
  });

  it('does not use a schema that turns out to be too old later', async () => {
    const { database, proxy, client } = await open();
    await proxy.setMode({ kind: 'refuse' });
    await database.onModuleInit();
    await client.query(`DELETE FROM ${MIGRATIONS_TABLE}`);
    await proxy.setMode({ kind: 'pass' });
    await expect(database.dataSource()).rejects.toMatchObject({ code: 'PREDICTION_LOG_UNAVAILABLE' });
  });

  it('refuses to start with a CA file that cannot be read', async () => {
    const { env } = await openDatabase();
    const database = new Database(testConfig({ ...env, DATABASE_CA_FILE: 'missing.pem' }));
    await expect(database.onModuleInit()).rejects.toThrow('DATABASE_CA_FILE cannot be read');
  });

  it('asks nothing of PostgreSQL with PREDICTION_LOG=off', async () => {
    const database = new Database(testConfig({ DATABASE_URL: 'postgresql://127.0.0.1:9/log' }));
    await expect(database.onModuleInit()).resolves.toBeUndefined();
  });

  it('leaves no connection behind when the application ends', async () => {
    const { database, proxy } = await open();
    await database.dataSource();
    await database.onApplicationShutdown();
    await eventually(() => expect(proxy.openConnections).toBe(0));
  });
});
