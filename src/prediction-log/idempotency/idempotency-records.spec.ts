import { hash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import type { Client } from 'pg';
import { type TestDatabase, testDatabases } from '../../../test/support/database.js';
import { eventually } from '../../../test/support/eventually.js';
import { logEntry } from '../../../test/support/log-entry.js';
import { predictionLogMetrics } from '../../../test/support/prediction-log-metrics.js';
import { testConfig } from '../../../test/support/test-config.js';
import { clientOptions } from '../../database/client-options.js';
import { Database } from '../../database/database.js';
import { ChainHeads } from '../chain/chain-heads.js';
import { LogConnection } from '../writer/log-connection.js';
import { TransactionWriter } from '../writer/transaction-writer.js';
import { type IdempotencyClaim, IdempotencyRecords } from './idempotency-records.js';
import { storeAnswer } from './store-answer.js';

Logger.overrideLogger(false);

const BODY = hash('sha256', '{"data":1}', 'buffer');
const OTHER_BODY = hash('sha256', '{"data":2}', 'buffer');
const REQUEST = { route: '/predict', bodyHash: BODY };
const RESPONSE = Buffer.from('{"id":"1"}');

const IN_PROGRESS = { code: 'IDEMPOTENCY_IN_PROGRESS', retryAfterSeconds: 1 };
const REUSED = { code: 'IDEMPOTENCY_KEY_REUSED' };

const openDatabase = testDatabases();
let database: TestDatabase & { client: Client };
const closers: (() => Promise<void>)[] = [];

beforeEach(async () => {
  database = await openDatabase();
});
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

/** What an instance of the service has for itself: connections of its own, and nothing in common but the database. */
function startReplica(env: Record<string, string> = {}) {
  const config = testConfig({ ...database.env, ...env });
  const pool = new Database(config);
  const connection = new LogConnection(clientOptions(config));
  const writer = new TransactionWriter(connection, new ChainHeads(config), predictionLogMetrics(), 5000);
  closers.push(
    () => pool.onApplicationShutdown(),
    () => writer.close(),
  );
  const records = new IdempotencyRecords(pool, config);
  return {
    records,
    claim: async (key = 'key-1', body: Buffer = BODY, caller = 'web-shop') =>
      (await records.begin(caller, key, { ...REQUEST, bodyHash: body })) as IdempotencyClaim,
    /** Commits a prediction together with the answer. */
    answer: async (claim: IdempotencyClaim) => {
      const entry = logEntry();
      const answered = { ...claim, response: RESPONSE };
      await writer.record(entry, (transaction) => storeAnswer(transaction, answered, entry.rows[0]!.id));
    },
  };
}

const age = (interval: string) =>
  database.client.query(`UPDATE idempotency_records SET claimed_at = claimed_at - interval '${interval}'`);

async function predictionIds(): Promise<string[]> {
  const { rows } = await database.client.query<{ id: string }>('SELECT id FROM predictions');
  return rows.map(({ id }) => id);
}

describe('an Idempotency-Key', () => {
  it('is claimed by the first request, and in progress for the others until it is answered', async () => {
    const { claim, answer, records } = startReplica();
    const first = await claim();
    await expect(claim()).rejects.toMatchObject(IN_PROGRESS);
    await answer(first);
    expect(await records.begin('web-shop', 'key-1', REQUEST)).toEqual({ response: RESPONSE });
  });

  it('is committed together with its row, which says how to find it', async () => {
    const { claim, answer } = startReplica();
    await answer(await claim());
    const { rows } = await database.client.query<{ entry_id: string }>('SELECT entry_id FROM idempotency_records');
    expect(rows.map((row) => row.entry_id)).toEqual(await predictionIds());
  });

  it('is refused with another body, before and after the answer', async () => {
    const { claim, answer } = startReplica();
    const first = await claim();
    await expect(claim('key-1', OTHER_BODY)).rejects.toMatchObject(REUSED);
    await answer(first);
    await expect(claim('key-1', OTHER_BODY)).rejects.toMatchObject(REUSED);
  });

  it('is a different one for another caller', async () => {
    const { claim, answer } = startReplica();
    await answer(await claim('key-1', BODY, 'web-shop'));
    expect(await claim('key-1', OTHER_BODY, 'branch-7')).toMatchObject({ caller: 'branch-7', key: 'key-1' });
  });

  it('goes to one of many requests that arrive at several replicas at once', async () => {
    const replicas = [startReplica(), startReplica()];
    await Promise.all(replicas.map(({ claim }, i) => claim(`warm-up-${i}`)));
    for (const round of Array.from({ length: 10 }, (_, i) => `key-${i}`)) {
      const claims = Array.from({ length: 8 }, (_, i) => replicas[i % 2]!.claim(round));
      const settled = await Promise.allSettled(claims);
      expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      const reasons = settled.flatMap((each) => (each.status === 'rejected' ? [each.reason as unknown] : []));
      expect(reasons).toEqual(Array.from({ length: 7 }, () => expect.objectContaining(IN_PROGRESS)));
    }
  });

  it('is free again after its request failed, with another body too', async () => {
    const { claim, records } = startReplica();
    await records.release(await claim());
    await expect(claim('key-1', OTHER_BODY)).resolves.toMatchObject({ key: 'key-1' });
  });

  it('keeps an answer that was committed though its request was told otherwise', async () => {
    const { claim, answer, records } = startReplica();
    const first = await claim();
    await answer(first);
    await records.release(first);
    expect(await records.begin('web-shop', 'key-1', REQUEST)).toEqual({ response: RESPONSE });
  });

  it('is unavailable while PostgreSQL is', async () => {
    const { claim } = startReplica();
    await database.client.query('ALTER TABLE idempotency_records RENAME TO elsewhere');
    await expect(claim()).rejects.toMatchObject({ code: 'PREDICTION_LOG_UNAVAILABLE', retryAfterSeconds: 1 });
  });

  it('is unavailable in time while PostgreSQL says nothing, and free once it speaks again', async () => {
    const { claim } = startReplica({ PREDICTION_LOG_COMMIT_TIMEOUT_MS: '200' });
    await database.client.query('BEGIN; LOCK TABLE idempotency_records');
    await expect(claim()).rejects.toMatchObject({ code: 'PREDICTION_LOG_UNAVAILABLE' });
    await database.client.query('COMMIT');
    await eventually(() => claim());
  });
});

describe('a claim that was left behind', () => {
  it('is not taken over before its lease ends', async () => {
    const [dead, other] = [startReplica(), startReplica()];
    await dead.claim();
    await age('29 seconds');
    await expect(other.claim()).rejects.toMatchObject(IN_PROGRESS);
  });

  it('is taken over after that, by one request alone', async () => {
    const [dead, ...others] = [startReplica(), startReplica(), startReplica()];
    await dead.claim();
    await age('31 seconds');
    const settled = await Promise.allSettled(others.map(({ claim }) => claim()));
    expect(settled.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
  });

  it('is not taken over with another body', async () => {
    const [dead, other] = [startReplica(), startReplica()];
    await dead.claim();
    await age('31 seconds');
    await expect(other.claim('key-1', OTHER_BODY)).rejects.toMatchObject(REUSED);
  });

  it.each(['before', 'after'])(
    'commits nothing when its request lives after all, %s the answer of the one that took over',
    async (when) => {
      const [slow, other] = [startReplica(), startReplica()];
      const slowClaim = await slow.claim();
      await age('31 seconds');
      const otherClaim = await other.claim();
      if (when === 'after') await other.answer(otherClaim);
      await expect(slow.answer(slowClaim)).rejects.toMatchObject(IN_PROGRESS);
      await slow.records.release(slowClaim);
      if (when === 'before') await other.answer(otherClaim);
      expect(await predictionIds()).toHaveLength(1);
      expect(await other.records.begin('web-shop', 'key-1', REQUEST)).toEqual({ response: RESPONSE });
    },
  );
});

describe('an answer', () => {
  it.each([
    ['23 hours 59 minutes', false],
    ['24 hours 1 minute', true],
  ])('that is %s old is forgotten: %s', async (interval, isForgotten) => {
    const { claim, answer, records } = startReplica();
    await answer(await claim());
    await age(interval);
    const begun = await records.begin('web-shop', 'key-1', REQUEST);
    expect('claim' in begun).toBe(isForgotten);
  });

  it('that is forgotten no longer binds its key to a body', async () => {
    const { claim, answer } = startReplica();
    await answer(await claim());
    await age('25 hours');
    await answer(await claim('key-1', OTHER_BODY));
    expect(await predictionIds()).toHaveLength(2);
  });
});
