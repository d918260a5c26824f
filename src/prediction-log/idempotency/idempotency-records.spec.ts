import { hash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import type { Client } from 'pg';
import { type TestDatabase, testDatabases } from '../../../test/support/database.js';
import { eventually } from '../../../test/support/eventually.js';
import { expectErased, recordErasure } from '../../../test/support/erasures.js';
import { idsOf, logEntry } from '../../../test/support/log-entry.js';
import { predictionLogMetrics } from '../../../test/support/prediction-log-metrics.js';
import { TcpProxy } from '../../../test/support/tcp-proxy.js';
import { testConfig } from '../../../test/support/test-config.js';
import { clientOptions } from '../../database/client-options.js';
import { Database } from '../../database/database.js';
import { ChainHeads } from '../chain/chain-heads.js';
import { CommittedLog } from '../committed-log.js';
import type { KeyedRequest, LogEntry } from '../prediction-record.js';
import { idRange } from '../scan/id-range.js';
import { onSnapshot } from '../scan/snapshot.js';
import { verifyLog } from '../verify/verify-log.js';
import { IdempotencyRecords } from './idempotency-records.js';

Logger.overrideLogger(false);

const BODY = hash('sha256', '{"data":1}', 'buffer');
const OTHER_BODY = hash('sha256', '{"data":2}', 'buffer');
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

const keyed = (key = 'key-1', bodyHash: Buffer = BODY, caller = 'web-shop'): KeyedRequest => ({
  caller,
  key,
  route: '/predict',
  bodyHash,
});

const singleFor = (request: KeyedRequest, answer = RESPONSE): LogEntry =>
  logEntry({ idempotency: { ...request, answer } });

const batchFor = (request: KeyedRequest, rows = 3): LogEntry =>
  logEntry({ rows, idempotency: { ...request, answer: { format: 1 } } });

/** What an instance of the service has for itself: connections of its own, and nothing in common but the database. */
function startReplica(env: Record<string, string> = {}) {
  const config = testConfig({ ...database.env, PREDICTION_LOG_COMMIT_TIMEOUT_MS: '5000', ...env });
  const pool = new Database(config);
  const log = new CommittedLog(config, new ChainHeads(config), predictionLogMetrics());
  closers.push(
    () => log.onApplicationShutdown(),
    () => pool.onApplicationShutdown(),
  );
  const records = new IdempotencyRecords(pool, config);
  return {
    log,
    find: (request = keyed()) => records.find(request),
    /** Commits a single prediction together with its answer. */
    answer: async (request = keyed(), answer = RESPONSE) => {
      const entry = singleFor(request, answer);
      await log.record(entry);
      return entry;
    },
  };
}

/** A replica with a network that can be broken. Its lane is connected. */
async function startBehindProxy(env: Record<string, string> = {}) {
  const proxy = await TcpProxy.start(database.url);
  const replica = startReplica({ DATABASE_URL: proxy.url, PREDICTION_LOG_WRITERS: '1', ...env });
  closers.push(() => proxy.close());
  await replica.log.record(logEntry());
  await replica.log.record(logEntry({ rows: 2 }));
  return { ...replica, proxy, before: await predictionIds() };
}

const age = (interval: string) =>
  database.client.query(`UPDATE idempotency_records SET claimed_at = claimed_at - interval '${interval}'`);

async function predictionIds(): Promise<string[]> {
  const { rows } = await database.client.query<{ id: string }>('SELECT id FROM predictions ORDER BY id');
  return rows.map(({ id }) => id);
}

/** What the release before does first with a key. @returns whether it has claimed it */
async function claimAsBefore({ caller, key, route, bodyHash }: KeyedRequest): Promise<boolean> {
  const { rowCount } = await database.client.query(
    `INSERT INTO idempotency_records AS record (caller, key, route, body_hash, claim) VALUES ($1, $2, $3, $4, gen_random_uuid())
      ON CONFLICT (caller, key) DO UPDATE
        SET route = excluded.route, body_hash = excluded.body_hash, claim = excluded.claim, claimed_at = now(),
          entry_id = NULL, response = NULL
        WHERE record.claimed_at < now() - interval '24 hours'
          OR (record.response IS NULL AND coalesce(record.route = $3, true) AND record.body_hash = $4
            AND record.claimed_at < now() - interval '30 seconds')
      RETURNING claim`,
    [caller, key, route, bodyHash],
  );
  return rowCount === 1;
}

async function expectChainToFit(): Promise<void> {
  const { findings } = await onSnapshot(clientOptions(testConfig(database.env)), (query) =>
    verifyLog(query, idRange(undefined, undefined), database.env.PREDICTION_LOG_CHAIN_KEY, []),
  );
  expect(findings.described).toEqual([]);
}

const outcomesOf = async (attempts: readonly Promise<unknown>[]) =>
  (await Promise.allSettled(attempts)).map((outcome) =>
    outcome.status === 'fulfilled' ? 'recorded' : (outcome.reason as { code: string }).code,
  );

const times = <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));

describe('an Idempotency-Key', () => {
  it('is free until a request with it was answered, and has that answer then', async () => {
    const { find, answer } = startReplica();
    expect(await find()).toBeUndefined();
    await answer();
    expect(await find()).toEqual(RESPONSE);
  });

  it('is committed together with its row, which says how to find it', async () => {
    const { answer } = startReplica();
    const entry = await answer();
    const { rows } = await database.client.query<{ entry_id: string }>('SELECT entry_id FROM idempotency_records');
    expect(rows.map((row) => row.entry_id)).toEqual([entry.rows[0]!.id]);
    expect(await predictionIds()).toEqual(idsOf([entry]));
  });

  it('is refused with another body, or at another path', async () => {
    const { find, answer } = startReplica();
    await answer();
    await expect(find(keyed('key-1', OTHER_BODY))).rejects.toMatchObject(REUSED);
    await expect(find({ ...keyed(), route: '/predict/batch' })).rejects.toMatchObject(REUSED);
  });

  it('is a different one for another caller', async () => {
    const { find, answer } = startReplica();
    await answer(keyed('key-1', BODY, 'web-shop'));
    await answer(keyed('key-1', OTHER_BODY, 'branch-7'), Buffer.from('{"id":"2"}'));
    expect(await find(keyed('key-1', OTHER_BODY, 'branch-7'))).toEqual(Buffer.from('{"id":"2"}'));
    expect(await find()).toEqual(RESPONSE);
  });

  it('is found among many that are asked for at the same time', async () => {
    const { find, answer } = startReplica();
    await Promise.all(times(50, (i) => answer(keyed(`key-${i}`), Buffer.from(String(i)))));
    const found = await Promise.all(times(100, (i) => find(keyed(`key-${i}`))));
    expect(found).toEqual(times(100, (i) => (i < 50 ? Buffer.from(String(i)) : undefined)));
  });

  it('goes to one of many requests that are recorded at once on several replicas', async () => {
    const replicas = [startReplica(), startReplica()];
    for (const round of times(10, (i) => i)) {
      const request = keyed(`key-${round}`);
      const answers = times(8, (i) => Buffer.from(String(i)));
      const outcomes = await outcomesOf(answers.map((answer, i) => replicas[i % 2]!.answer(request, answer)));
      expect(outcomes.toSorted()).toEqual([...times(7, () => 'IDEMPOTENCY_IN_PROGRESS'), 'recorded']);
      expect(await replicas[0]!.find(request)).toEqual(answers[outcomes.indexOf('recorded')]);
    }
    expect(await predictionIds()).toHaveLength(10);
    await expectChainToFit();
  });

  it('is unavailable while PostgreSQL is', async () => {
    const { find } = startReplica();
    await database.client.query('ALTER TABLE idempotency_records RENAME TO elsewhere');
    await expect(find()).rejects.toMatchObject({ code: 'PREDICTION_LOG_UNAVAILABLE', retryAfterSeconds: 1 });
  });

  it('is unavailable in time while PostgreSQL says nothing, and can be asked for again once it speaks', async () => {
    const { find } = startReplica({ PREDICTION_LOG_COMMIT_TIMEOUT_MS: '200' });
    await database.client.query('BEGIN; LOCK TABLE idempotency_records');
    await expect(find()).rejects.toMatchObject({ code: 'PREDICTION_LOG_UNAVAILABLE' });
    await database.client.query('COMMIT');
    await eventually(() => find());
  });

  it.each([
    ['23 hours 59 minutes', false],
    ['24 hours 1 minute', true],
  ])('that was answered %s ago is forgotten: %s', async (interval, isForgotten) => {
    const { find, answer } = startReplica();
    await answer();
    await age(interval);
    expect((await find()) === undefined).toBe(isForgotten);
  });

  it.each([
    ['single', singleFor],
    ['batch', batchFor],
  ])('that is forgotten is free for another %s', async (_kind, entryFor) => {
    const { find, answer, log } = startReplica();
    await answer();
    await age('25 hours');
    await log.record(entryFor(keyed('key-1', OTHER_BODY)));
    await expect(find()).rejects.toMatchObject(REUSED);
  });

  it('is free again where its answer was erased', async () => {
    const { find, answer } = startReplica();
    await answer();
    await database.client.query('DELETE FROM idempotency_records');
    expect(await find()).toBeUndefined();
    await answer();
    expect(await predictionIds()).toHaveLength(2);
  });
});

describe('a claim that loses', () => {
  it('costs its own request alone, however many are in its group', async () => {
    const [first, other] = [startReplica(), startReplica({ PREDICTION_LOG_WRITERS: '1' })];
    await Promise.all([first.answer(keyed('taken-1')), first.answer(keyed('taken-2'))]);
    const entries = [
      ...times(20, () => logEntry()),
      ...times(20, (i) => singleFor(keyed(`free-${i}`))),
      singleFor(keyed('taken-1')),
      singleFor(keyed('taken-2')),
      ...times(20, () => logEntry()),
    ];
    const outcomes = await outcomesOf(entries.map((entry) => other.log.record(entry)));
    expect(outcomes.flatMap((outcome, i) => (outcome === 'recorded' ? [] : [i]))).toEqual([40, 41]);
    expect(new Set(outcomes.slice(40, 42))).toEqual(new Set(['IDEMPOTENCY_IN_PROGRESS']));
    expect(await predictionIds()).toHaveLength(2 + 60);
    const { rows } = await database.client.query('SELECT row_count FROM chain_groups WHERE row_count > 1');
    expect(rows).toContainEqual({ row_count: 60 });
    await expectChainToFit();
  });

  it('does not wait for a transaction that hangs, and neither do the others of its group', async () => {
    const { log, find, answer } = startReplica({ PREDICTION_LOG_WRITERS: '1' });
    await log.record(logEntry());
    await database.client.query('BEGIN');
    await claimAsBefore(keyed('held'));
    const startedAt = performance.now();
    const others = times(31, (i) => (i % 2 ? logEntry() : singleFor(keyed(`free-${i}`))));
    const outcomes = await outcomesOf([answer(keyed('held')), ...others.map((entry) => log.record(entry))]);
    expect(outcomes).toEqual(['IDEMPOTENCY_IN_PROGRESS', ...times(31, () => 'recorded')]);
    expect(performance.now() - startedAt).toBeLessThan(2000);
    await database.client.query('ROLLBACK');
    await answer(keyed('held'));
    expect(await find(keyed('held'))).toEqual(RESPONSE);
    await expectChainToFit();
  });

  it('of a batch commits none of its rows', async () => {
    const { log, answer, find } = startReplica();
    await answer();
    expect(await outcomesOf([log.record(batchFor(keyed()))])).toEqual(['IDEMPOTENCY_IN_PROGRESS']);
    expect(await predictionIds()).toHaveLength(1);
    expect(await find()).toEqual(RESPONSE);
    await log.record(batchFor(keyed('key-2')));
    await expectChainToFit();
  });

  it('never is part of a deadlock, in whichever order groups have the same keys', async () => {
    const replicas = [startReplica({ PREDICTION_LOG_WRITERS: '4' }), startReplica({ PREDICTION_LOG_WRITERS: '4' })];
    for (const round of times(20, (i) => i)) {
      const keys = times(30, (i) => `key-${round}-${i}`);
      const attempts = [keys, keys.toReversed()].map((ordered, replica) =>
        outcomesOf(ordered.map((key) => replicas[replica]!.answer(keyed(key)))),
      );
      const outcomes = (await Promise.all(attempts)).flat();
      expect(outcomes.filter((outcome) => outcome === 'recorded')).toHaveLength(30);
      expect(new Set(outcomes)).toEqual(new Set(['recorded', 'IDEMPOTENCY_IN_PROGRESS']));
    }
    expect(await predictionIds()).toHaveLength(600);
    const { rows } = await database.client.query(
      'SELECT deadlocks::int FROM pg_stat_database WHERE datname = current_database()',
    );
    expect(rows).toEqual([{ deadlocks: 0 }]);
    await expectChainToFit();
  });
});

describe('a key whose commit is interrupted', () => {
  it('is recorded once when its group broke off before PostgreSQL had it', async () => {
    const { proxy, log, find, before } = await startBehindProxy();
    await proxy.setMode({ kind: 'stall', sends: 'key-1' });
    const stalled = proxy.silence();
    const recorded = Promise.all([log.record(singleFor(keyed())), log.record(logEntry())]);
    await stalled;
    await proxy.setMode({ kind: 'reset' });
    await proxy.setMode({ kind: 'pass' });
    await recorded;
    expect(await eventually(() => find())).toEqual(RESPONSE);
    expect(await predictionIds()).toHaveLength(before.length + 2);
    await expectChainToFit();
  });

  it('is its own when its group broke off after the commit', async () => {
    const { proxy, log, find, before } = await startBehindProxy();
    await proxy.setMode({ kind: 'silent' });
    const silence = proxy.silence();
    const recorded = Promise.all([log.record(singleFor(keyed())), log.record(logEntry())]);
    await silence;
    await proxy.setMode({ kind: 'reset' });
    await proxy.setMode({ kind: 'pass' });
    await recorded;
    expect(await eventually(() => find())).toEqual(RESPONSE);
    expect(await predictionIds()).toHaveLength(before.length + 2);
    await expectChainToFit();
  });

  it('is not lost to another request that was faster meanwhile, on another replica', async () => {
    const { proxy, log, before } = await startBehindProxy({ PREDICTION_LOG_COMMIT_TIMEOUT_MS: '300' });
    const other = startReplica();
    await proxy.setMode({ kind: 'refuse' });
    const attempt = outcomesOf([log.record(singleFor(keyed(), Buffer.from('late')))]);
    expect(await attempt).toEqual(['PREDICTION_LOG_UNAVAILABLE']);
    await other.answer();
    await proxy.setMode({ kind: 'pass' });
    await eventually(() => log.record(logEntry()));
    await eventually(() => expect(log.unresolved).toBe(0));
    expect(await other.find()).toEqual(RESPONSE);
    expect(await predictionIds()).toHaveLength(before.length + 2);
    await expectChainToFit();
  });

  it('of a batch is free when PostgreSQL did not get the COMMIT', async () => {
    const { proxy, log, find, before } = await startBehindProxy({ PREDICTION_LOG_COMMIT_TIMEOUT_MS: '300' });
    await proxy.setMode({ kind: 'stall', sends: 'COMMIT' });
    expect(await outcomesOf([log.record(batchFor(keyed()))])).toEqual(['PREDICTION_LOG_UNAVAILABLE']);
    await proxy.setMode({ kind: 'reset' });
    await proxy.setMode({ kind: 'pass' });
    expect(await eventually(() => find())).toBeUndefined();
    await eventually(() => log.record(batchFor(keyed())));
    expect(await predictionIds()).toHaveLength(before.length + 3);
    await expectChainToFit();
  });

  it('keeps no answer of a row that was erased before it could be written', async () => {
    const { proxy, log, find } = await startBehindProxy({ PREDICTION_LOG_COMMIT_TIMEOUT_MS: '200' });
    await proxy.setMode({ kind: 'refuse' });
    const entry = singleFor(keyed());
    expect(await outcomesOf([log.record(entry)])).toEqual(['PREDICTION_LOG_UNAVAILABLE']);
    await recordErasure(database.client, database.env.PREDICTION_LOG_CHAIN_KEY);
    await proxy.setMode({ kind: 'pass' });
    await eventually(() => expectErased(database.client, entry.rows[0]!.id));
    expect(await eventually(() => find())).toBeUndefined();
  });
});

describe('a claim of the release before', () => {
  it('is in progress, for the rest of its lease', async () => {
    const { find, answer } = startReplica();
    await claimAsBefore(keyed());
    await age('29 seconds');
    await expect(find()).rejects.toMatchObject(IN_PROGRESS);
    await expect(answer()).rejects.toMatchObject(IN_PROGRESS);
  });

  it('is free for the same request after that, and then not for its own any more', async () => {
    const { find, answer } = startReplica();
    await claimAsBefore(keyed());
    await age('31 seconds');
    expect(await find()).toBeUndefined();
    await answer();
    expect(await find()).toEqual(RESPONSE);
    expect(await claimAsBefore(keyed())).toBe(false);
  });

  it('is not free for another one', async () => {
    const { find, answer } = startReplica();
    await claimAsBefore(keyed());
    await age('31 seconds');
    await expect(find(keyed('key-1', OTHER_BODY))).rejects.toMatchObject(REUSED);
    await expect(answer(keyed('key-1', OTHER_BODY))).rejects.toMatchObject(IN_PROGRESS);
  });

  it('gets nothing that this release has answered, batches neither, though these keep no answer', async () => {
    const { answer, log } = startReplica();
    await answer(keyed('single'));
    await log.record(batchFor(keyed('batch')));
    await age('23 hours');
    expect(await claimAsBefore(keyed('single'))).toBe(false);
    expect(await claimAsBefore(keyed('batch'))).toBe(false);
    await age('2 hours');
    expect(await claimAsBefore(keyed('batch'))).toBe(true);
  });

  it('that was answered keeps its answer', async () => {
    const { find } = startReplica();
    await claimAsBefore(keyed());
    await database.client.query('UPDATE idempotency_records SET response = $1, entry_id = gen_random_uuid()', [
      RESPONSE,
    ]);
    expect(await find()).toEqual(RESPONSE);
    await database.client.query('UPDATE idempotency_records SET route = NULL');
    expect(await find()).toEqual(RESPONSE);
  });
});

describe('the answer to a batch', () => {
  it('is found by where its rows are', async () => {
    const { find, log } = startReplica();
    const entry = batchFor(keyed(), 300);
    const rows = entry.rows.map((row, i) => ({
      ...row,
      probability: Math.fround(i / 300),
      warnings: i % 7 === 0 ? ([{ feature: 'income', code: 'OUT_OF_RANGE' }] as const) : null,
    }));
    await log.record({ ...entry, rows });
    const { modelName: name, modelVersion: version, modelAlias: alias, modelDigest: digest, threshold } = entry.context;
    expect(await find()).toEqual({
      format: 1,
      threshold,
      model: { name, version, alias, digest },
      ids: rows.map(({ id }) => id),
      probabilities: Float32Array.from(rows, ({ probability }) => probability),
      warnings: new Map(rows.flatMap(({ warnings }, i) => (warnings ? [[i, warnings]] : []))),
    });
  });

  it('is unavailable while some of its rows are out of sight', async () => {
    const { find, log } = startReplica();
    const entry = batchFor(keyed());
    await log.record(entry);
    await database.client.query('DELETE FROM predictions WHERE id = $1', [entry.rows[1]!.id]);
    await expect(find()).rejects.toMatchObject({ code: 'PREDICTION_LOG_UNAVAILABLE', retryAfterSeconds: 1 });
  });
});
