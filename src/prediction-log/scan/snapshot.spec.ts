import { describe, expect, it } from '@jest/globals';
import { testDatabases } from '../../../test/support/database.js';
import { eventually } from '../../../test/support/eventually.js';
import { testConfig } from '../../../test/support/test-config.js';
import { waitingLocks } from '../../../test/support/waiting-locks.js';
import { directOptions } from '../../database/client-options.js';
import { SCHEMA_LOCK } from '../../database/schema-lock.js';
import { onSnapshot } from './snapshot.js';

const openDatabase = testDatabases();

const optionsOf = (url: string) => directOptions(testConfig({ DATABASE_URL: url }));

const INSERT_CONTEXT = `
  INSERT INTO scoring_contexts (id, model_name, model_version, model_digest, threshold, feature_names, onnxruntime_version, platform)
  VALUES (gen_random_uuid(), '', '', '', 0.5, '{}', '', '')`;

describe('onSnapshot', () => {
  it('sees nothing of what is written after its first look', async () => {
    const { url, client } = await openDatabase();
    const counts = await onSnapshot(optionsOf(url), async (query) => {
      const before = await query('SELECT count(*)::int FROM scoring_contexts');
      await client.query(INSERT_CONTEXT);
      return [before, await query('SELECT count(*)::int FROM scoring_contexts')];
    });
    expect(counts).toEqual([[{ count: 0 }], [{ count: 0 }]]);
  });

  it('cannot write', async () => {
    const { url } = await openDatabase();
    const writing = onSnapshot(optionsOf(url), (query) => query(INSERT_CONTEXT));
    await expect(writing).rejects.toThrow(/read-only transaction/);
  });

  it('keeps months from being dropped, and ends with its action', async () => {
    const { url, client } = await openDatabase();
    const canBeDropped = async () =>
      (await client.query<{ free: boolean }>('SELECT pg_try_advisory_lock($1) AS free', [SCHEMA_LOCK])).rows[0]!.free;
    const failing = onSnapshot(optionsOf(url), async () => {
      expect(await canBeDropped()).toBe(false);
      throw new Error('broken off');
    });
    await expect(failing).rejects.toThrow('broken off');
    await eventually(async () => expect(await canBeDropped()).toBe(true));
  });

  it('waits until months that are being dropped are gone', async () => {
    const { url, client } = await openDatabase();
    await client.query('SELECT pg_advisory_lock($1)', [SCHEMA_LOCK]);
    const seen = onSnapshot(optionsOf(url), (query) => query('SELECT count(*)::int FROM scoring_contexts'));
    await eventually(async () => expect(await waitingLocks(client)).toBe(1));
    await client.query(INSERT_CONTEXT);
    await client.query('SELECT pg_advisory_unlock($1)', [SCHEMA_LOCK]);
    expect(await seen).toEqual([{ count: 1 }]);
  });
});
