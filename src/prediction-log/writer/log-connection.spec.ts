import { afterEach, describe, expect, it } from '@jest/globals';
import { testDatabases } from '../../../test/support/database.js';
import { testConfig } from '../../../test/support/test-config.js';
import { clientOptions } from '../../database/client-options.js';
import { LogConnection } from './log-connection.js';

describe('LogConnection', () => {
  const openDatabase = testDatabases();
  let connection: LogConnection;
  afterEach(() => connection.close());

  it('is one connection, also for those who ask while it is being opened', async () => {
    const { env } = await openDatabase();
    connection = new LogConnection(clientOptions(testConfig(env)));
    const backend = async () => (await connection.query('SELECT pg_backend_pid() AS pid')).rows[0].pid as number;
    const [first, second] = await Promise.all([backend(), backend()]);
    expect(second).toBe(first);
    expect(connection.isOpen).toBe(true);
  });
});
