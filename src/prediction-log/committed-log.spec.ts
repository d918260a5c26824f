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
import { testConfig } from '../../test/support/test-config.js';
import { waitingLocks } from '../../test/support/waiting-locks.js';
import { ChainHeads } from './chain/chain-heads.js';
import { groupHmac } from './chain/chain-writer.js';
import { CommittedLog } from './committed-log.js';
import { lockErasures } from './erasure-lock.js';
import type { LogEntry } from './prediction-record.js';
import { logRows } from './writer/chained-rows.js';

/** A value that PostgreSQL refuses, whatever gets past the service's own checks: text cannot hold it. */
const REFUSED = 'a\u0000b';

Logger.overrideLogger(false);

let database: TestDatabase;
let proxy: TcpProxy;
let reader: Client;
let log: CommittedLog;
let metrics: Registry;

beforeEach(async () => {
  database = await createDatabase();
  proxy = await TcpProxy.start(database.url);
  reader = new Client(database.url);
  await reader.connect();
});

afterEach(async () => {
  await log.onApplicationShutdown();
  await reader.end();
  await proxy.close();
  await database.close();
});

function start(env: Record<string, string> = {}): CommittedLog {
  const config = testConfig({
    ...database.env,
    DATABASE_URL: proxy.url,
    PREDICTION_LOG_WRITERS: '1',
    PREDICTION_LOG_COMMIT_TIMEOUT_MS: '5000',
    ...env,
  });
  metrics = new Registry();
  return (log = new CommittedLog(config, new ChainHeads(config), predictionLogMetrics(metrics)));
}

async function column(sql: string): Promise<unknown[]> {
  const { rows } = await reader.query({ text: sql, rowMode: 'array' });
  return rows.map(([value]) => value as unknown);
}

const idleTransactions = () =>
  column("SELECT FROM pg_stat_activity WHERE state = 'idle in transaction' AND datname = current_database()");

const recordedIds = () => column('SELECT id FROM predictions ORDER BY id');

const outcomesOf = async (entries: readonly LogEntry[]) =>
  (await Promise.allSettled(entries.map((entry) => log.record(entry)))).map((outcome) =>
    outcome.status === 'fulfilled' ? 'recorded' : (outcome.reason as { code: string }).code,
  );

/** Records so many singles at once. `begun` resolves when they have been looked at, before anything else comes in. */
function together(count: number, requestId: string): { outcomes: Promise<string[]>; begun: Promise<void> } {
  const outcomes = outcomesOf(Array.from({ length: count }, () => logEntry({ requestId })));
  const begun = new Promise<void>((resolve) => {
    process.nextTick(resolve);
  });
  return { outcomes, begun };
}

describe('CommittedLog', () => {
  it('has written every column when it resolves', async () => {
    start();
    const entry = logEntry({ traceId: '0af7651916cd43dd8448eb211c80319c', caller: 'web-shop' });
    const row = predictionRow({ warnings: [{ feature: 'income', code: 'OUT_OF_RANGE' }] });
    await log.record({ ...entry, rows: [row] });
    const { rows } = await reader.query('SELECT * FROM predictions JOIN scoring_contexts c ON c.id = context_id');
    expect(rows).toEqual([
      expect.objectContaining({
        reference: 'application-1',
        request_id: 'request-1',
        trace_id: '0af7651916cd43dd8448eb211c80319c',
        caller: 'web-shop',
        batch_id: null,
        row_index: null,
        inputs: [50_000, Number.NaN],
        probability: 0.3,
        prediction: 0,
        warnings: [{ feature: 'income', code: 'OUT_OF_RANGE' }],
        inference_us: 30,
        model_name: 'test-model',
        model_version: '7',
        model_alias: 'production',
        feature_names: ['income', 'age_of_account'],
      }),
    ]);
  });

  it('commits what arrives together in one group', async () => {
    start();
    await Promise.all(Array.from({ length: 20 }, () => log.record(logEntry())));
    expect(await column('SELECT row_count FROM chain_groups')).toEqual([20]);
  });

  it('links its groups by sequence and hash', async () => {
    start();
    for (let i = 0; i < 3; i++) await log.record(logEntry());
    const { rows } = await reader.query('SELECT * FROM chain_groups ORDER BY sequence');
    expect(rows.map(({ sequence }) => sequence)).toEqual(['0', '1', '2']);
    expect(rows.map((group) => group.previous_hash)).toEqual([Buffer.alloc(32), rows[0].hmac, rows[1].hmac]);
    for (const [i, group] of rows.entries()) {
      const {
        id,
        format,
        kind,
        writer,
        previous_hash: previousHash,
        row_count: rowCount,
        row_hashes: rowHashes,
      } = group;
      const linked = { id, format, kind, writer, sequence: i, previousHash, rowCount, rowHashes };
      expect(group.hmac).toEqual(groupHmac(linked, database.env.PREDICTION_LOG_CHAIN_KEY));
    }
  });

  it('fails the one request whose row PostgreSQL refuses, and no other of its group', async () => {
    start();
    const entries = Array.from({ length: 33 }, () => logEntry());
    const guilty = logEntry({ caller: REFUSED });
    const outcomes = await outcomesOf([...entries.slice(0, 20), guilty, ...entries.slice(20)]);
    expect(outcomes.filter((outcome) => outcome !== 'recorded')).toEqual(['PREDICTION_NOT_RECORDED']);
    expect(outcomes[20]).toBe('PREDICTION_NOT_RECORDED');
    expect(await recordedIds()).toEqual(idsOf(entries));
    const sequences = await column('SELECT sequence::int FROM chain_groups ORDER BY sequence');
    expect(sequences).toEqual(Array.from({ length: sequences.length }, (_, i) => i));
  });

  it('gives what waits to a lane that ends, while the other one hangs with more', async () => {
    start({ PREDICTION_LOG_WRITERS: '2', PREDICTION_LOG_COMMIT_TIMEOUT_MS: '2000' });
    // Both lanes are connected, and have the scoring context.
    const first = together(1, 'first');
    await first.begun;
    await Promise.all([first.outcomes, together(1, 'second').outcomes]);
    await proxy.setMode({ kind: 'stall', sends: 'hangs' });
    // Nothing comes from PostgreSQL between these.
    const short = together(25, 'short');
    await short.begun;
    const hanging = together(50, 'hangs');
    await hanging.begun;
    expect(new Set(await together(40, 'waits').outcomes)).toEqual(new Set(['recorded']));
    await proxy.setMode({ kind: 'pass' });
    expect(new Set([...(await short.outcomes), ...(await hanging.outcomes)])).toEqual(new Set(['recorded']));
  });

  it('records all rows of a batch or none, and singles go on beside it', async () => {
    start();
    const good = logEntry({ rows: 1000 });
    const bad = logEntry({ rows: 1000 });
    const guilty = { ...bad, rows: bad.rows.map((row, i) => (i === 999 ? { ...row, reference: REFUSED } : row)) };
    const single = logEntry();
    expect(await outcomesOf([good, guilty, single])).toEqual(['recorded', 'PREDICTION_NOT_RECORDED', 'recorded']);
    expect(await recordedIds()).toEqual(idsOf([good, single]));
    expect(await column('SELECT row_index FROM predictions WHERE batch_id IS NOT NULL ORDER BY row_index')).toEqual(
      Array.from({ length: 1000 }, (_, i) => i),
    );
  });

  it.each(['single', 'batch'])(
    'refuses a %s in time while PostgreSQL is away, and recovers by itself',
    async (kind) => {
      const entry = () => logEntry({ rows: kind === 'batch' ? 3 : 1 });
      start({ PREDICTION_LOG_COMMIT_TIMEOUT_MS: '200' });
      await proxy.setMode({ kind: 'refuse' });
      const startedAt = performance.now();
      expect(await outcomesOf([entry()])).toEqual(['PREDICTION_LOG_UNAVAILABLE']);
      expect(performance.now() - startedAt).toBeLessThan(2000);
      await proxy.setMode({ kind: 'pass' });
      await eventually(() => log.record(entry()));
    },
  );

  it('does not write a single that was refused while it waited', async () => {
    start({ PREDICTION_LOG_COMMIT_TIMEOUT_MS: '300' });
    await eventually(() => log.record(logEntry()));
    await proxy.setMode({ kind: 'refuse' });
    // The first is being written when the second arrives.
    const [first, second] = [logEntry(), logEntry()];
    const writing = outcomesOf([first]);
    await eventually(() => expect(log.isAvailable).toBe(false));
    expect(await outcomesOf([second])).toEqual(['PREDICTION_LOG_UNAVAILABLE']);
    expect(await writing).toEqual(['PREDICTION_LOG_UNAVAILABLE']);
    await proxy.setMode({ kind: 'pass' });
    await eventually(() => expect(log.unresolved).toBe(0));
    expect(await recordedIds()).not.toContain(second.rows[0]!.id);
  });

  it('sends a group again when its connection broke before the answer, and it is there once', async () => {
    start();
    await log.record(logEntry());
    await proxy.setMode({ kind: 'silent' });
    const silence = proxy.silence();
    const entry = logEntry();
    const recorded = log.record(entry);
    await silence;
    await proxy.setMode({ kind: 'reset' });
    await proxy.setMode({ kind: 'pass' });
    await recorded;
    expect((await recordedIds()).filter((id) => id === entry.rows[0]!.id)).toHaveLength(1);
    expect(await column('SELECT sequence::int FROM chain_groups ORDER BY sequence')).toEqual([0, 1]);
  });

  it('keeps the scoring context of a batch, though the first batch that had it was refused', async () => {
    start();
    const bad = logEntry({ rows: 2 });
    const guilty = { ...bad, rows: bad.rows.map((row) => ({ ...row, reference: REFUSED })) };
    const good = logEntry({ rows: 2 });
    expect(await outcomesOf([guilty, good])).toEqual(['PREDICTION_NOT_RECORDED', 'recorded']);
    expect(await column('SELECT id FROM scoring_contexts')).toEqual([good.context.id]);
  });

  it('does not commit what nobody waits for any more', async () => {
    start({ PREDICTION_LOG_COMMIT_TIMEOUT_MS: '200' });
    const stalled = Promise.withResolvers<void>();
    const outcome = log.transaction(async (transaction) => {
      await transaction.insert(logRows(logEntry({ rows: 2 })));
      await stalled.promise;
    });
    await expect(outcome).rejects.toMatchObject({ code: 'PREDICTION_LOG_UNAVAILABLE' });
    stalled.resolve();
    await eventually(() => log.transaction(async () => undefined));
    expect(await recordedIds()).toEqual([]);
  });

  it('links no group of a batch that another connection wrote meanwhile', async () => {
    start();
    const batch = logEntry({ rows: 2 });
    expect(await outcomesOf([batch, batch])).toEqual(['recorded', 'PREDICTION_LOG_UNAVAILABLE']);
    expect(await column('SELECT row_count FROM chain_groups')).toEqual([2]);
  });

  it('records batches while an erasure waits for its turn', async () => {
    start();
    await reader.query('BEGIN');
    await lockErasures(reader, 'exclusive');
    const erasure = log.transaction((transaction) => lockErasures(transaction, 'exclusive'));
    await eventually(async () => expect(await waitingLocks(reader)).toBe(1));
    expect(await outcomesOf([logEntry({ rows: 2 })])).toEqual(['recorded']);
    await reader.query('COMMIT');
    await erasure;
  });

  it('is available again once PostgreSQL answers, though with a refusal', async () => {
    start({ PREDICTION_LOG_COMMIT_TIMEOUT_MS: '200' });
    await proxy.setMode({ kind: 'refuse' });
    expect(await outcomesOf([logEntry({ caller: REFUSED })])).toEqual(['PREDICTION_LOG_UNAVAILABLE']);
    expect(log.isAvailable).toBe(false);
    await proxy.setMode({ kind: 'pass' });
    await eventually(() => expect(log.isAvailable).toBe(true));
  });

  it('erases a row that it could not write until its subject had been erased', async () => {
    start({ PREDICTION_LOG_COMMIT_TIMEOUT_MS: '200' });
    await proxy.setMode({ kind: 'refuse' });
    const entry = logEntry();
    expect(await outcomesOf([entry])).toEqual(['PREDICTION_LOG_UNAVAILABLE']);
    await recordErasure(reader, database.env.PREDICTION_LOG_CHAIN_KEY);
    await proxy.setMode({ kind: 'pass' });
    await eventually(() => expectErasedLate(reader, entry.rows[0]!.id, database.env.PREDICTION_LOG_CHAIN_KEY));
  });

  it('erases a row that it sent before its subject was erased, and that was executed after that', async () => {
    start({ PREDICTION_LOG_COMMIT_TIMEOUT_MS: '200' });
    await eventually(() => log.record(logEntry()));
    await proxy.setMode({ kind: 'stall' });
    const entry = logEntry();
    expect(await outcomesOf([entry])).toEqual(['PREDICTION_LOG_UNAVAILABLE']);
    await recordErasure(reader, database.env.PREDICTION_LOG_CHAIN_KEY);
    expect(await recordedIds()).not.toContain(entry.rows[0]!.id);
    await proxy.setMode({ kind: 'pass' });
    await eventually(() => expectErasedLate(reader, entry.rows[0]!.id, database.env.PREDICTION_LOG_CHAIN_KEY));
  });

  it('erases it too where its request is still answered', async () => {
    start({ PREDICTION_LOG_COMMIT_TIMEOUT_MS: '10000' });
    await log.record(logEntry());
    const stalled = proxy.silence();
    await proxy.setMode({ kind: 'stall' });
    const entry = logEntry();
    const recorded = log.record(entry);
    await stalled;
    await recordErasure(reader, database.env.PREDICTION_LOG_CHAIN_KEY);
    const later = performance.now() + 600;
    await eventually(() => expect(performance.now()).toBeGreaterThan(later));
    await proxy.setMode({ kind: 'pass' });
    await recorded;
    await expectErasedLate(reader, entry.rows[0]!.id, database.env.PREDICTION_LOG_CHAIN_KEY);
  });

  it('erases rows of a batch whose subject was erased while the batch was written', async () => {
    start({ PREDICTION_LOG_COMMIT_TIMEOUT_MS: '10000' });
    await log.record(logEntry({ rows: 2 }));
    const stalled = proxy.silence();
    await proxy.setMode({ kind: 'stall' });
    const entry = logEntry({ rows: 2 });
    const recorded = log.record(entry);
    await stalled;
    await recordErasure(reader, database.env.PREDICTION_LOG_CHAIN_KEY);
    const later = performance.now() + 600;
    await eventually(() => expect(performance.now()).toBeGreaterThan(later));
    await proxy.setMode({ kind: 'pass' });
    await recorded;
    const { rows } = await reader.query('SELECT id FROM predictions WHERE salt IS NULL AND reference IS NULL');
    expect(rows.map(({ id }) => id as string).toSorted()).toEqual(idsOf([entry]).toSorted());
  });

  it('has PostgreSQL end a transaction that it left open, so that nothing waits for it', async () => {
    start({ DATABASE_STATEMENT_TIMEOUT_MS: '300' });
    const left = Promise.withResolvers<void>();
    const transaction = log.transaction(async (opened) => {
      await opened.query('SELECT');
      await left.promise;
    });
    const ended = Promise.allSettled([transaction]);
    await eventually(async () => expect(await idleTransactions()).toHaveLength(1));
    await eventually(async () => expect(await idleTransactions()).toHaveLength(0));
    left.resolve();
    expect(await ended).toMatchObject([{ status: 'rejected', reason: { code: 'PREDICTION_LOG_UNAVAILABLE' } }]);
  });

  it('begins another chain when it cannot know whether a batch was committed', async () => {
    start({ PREDICTION_LOG_COMMIT_TIMEOUT_MS: '500' });
    await eventually(() => log.record(logEntry({ rows: 2 })));
    await proxy.setMode({ kind: 'silent' });
    expect(await outcomesOf([logEntry({ rows: 2 })])).toEqual(['PREDICTION_LOG_UNAVAILABLE']);
    await proxy.setMode({ kind: 'reset' });
    await proxy.setMode({ kind: 'pass' });
    const after = logEntry({ rows: 2 });
    await eventually(() => log.record(after));
    expect(await recordedIds()).toEqual(expect.arrayContaining(idsOf([after])));
  });

  it('counts rows as written once they are committed, and each row once', async () => {
    start({ PREDICTION_LOG_COMMIT_TIMEOUT_MS: '200' });
    const batch = logEntry({ rows: 3 });
    await proxy.setMode({ kind: 'stall', sends: 'COMMIT' });
    expect(await outcomesOf([batch])).toEqual(['PREDICTION_LOG_UNAVAILABLE']);
    await proxy.setMode({ kind: 'reset' });
    await proxy.setMode({ kind: 'pass' });
    await eventually(() => expect(log.unresolved).toBe(0));
    expect(await rowsWritten(metrics)).toBe(0);
    await eventually(() => log.record(batch));
    await eventually(() => log.record(logEntry()));
    expect(await outcomesOf([batch])).toEqual(['PREDICTION_LOG_UNAVAILABLE']);
    expect(await rowsWritten(metrics)).toBe(4);
  });

  it('counts a group once that it sent again because it could not know whether it was committed', async () => {
    start();
    await log.record(logEntry());
    await proxy.setMode({ kind: 'silent' });
    const silence = proxy.silence();
    const recorded = log.record(logEntry());
    await silence;
    await proxy.setMode({ kind: 'reset' });
    await proxy.setMode({ kind: 'pass' });
    await recorded;
    expect(await rowsWritten(metrics)).toBe(2);
  });

  it('refuses what would be more rows than PREDICTION_LOG_QUEUE_MAX', async () => {
    start({ PREDICTION_LOG_QUEUE_MAX: '10' });
    const outcomes = await outcomesOf([logEntry({ rows: 6 }), logEntry({ rows: 5 }), logEntry({ rows: 4 })]);
    expect(outcomes).toEqual(['recorded', 'PREDICTION_LOG_FULL', 'recorded']);
  });

  it('counts the rows of a batch as long as it holds them, also when nobody waits for it any more', async () => {
    start({ PREDICTION_LOG_QUEUE_MAX: '10', PREDICTION_LOG_COMMIT_TIMEOUT_MS: '200' });
    await eventually(() => log.record(logEntry({ rows: 2 })));
    await proxy.setMode({ kind: 'silent' });
    expect(await outcomesOf([logEntry({ rows: 6 })])).toEqual(['PREDICTION_LOG_UNAVAILABLE']);
    expect(await outcomesOf([logEntry({ rows: 6 })])).toEqual(['PREDICTION_LOG_FULL']);
    await proxy.setMode({ kind: 'reset' });
  });

  it('writes what waits before it closes', async () => {
    start();
    const entries = Array.from({ length: 5 }, () => logEntry());
    const outcomes = outcomesOf(entries);
    await eventually(() => expect(log.unresolved).toBe(0));
    await outcomes;
    await log.onApplicationShutdown();
    expect(await recordedIds()).toEqual(idsOf(entries));
  });

  it('writes a late arrival of a month without a partition to the default one', async () => {
    start();
    const entry = logEntry({ ids: ['00000000-0001-7000-8000-000000000001'] });
    await log.record(entry);
    expect(await column('SELECT tableoid::regclass::text FROM predictions')).toEqual(['predictions_default']);
  });
});
