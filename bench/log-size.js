/**
 * Does the prediction log grow slow as it grows?
 *
 * Two databases on one PostgreSQL: an empty one, and one with 1,000,000 answers over 28 months, 100,000 of them in the
 * present month, whose partitions are the ones that are written to. Drives a built service on each with 64 connections, in
 * alternating rounds; the empty one is emptied before each of its own. Then looks up answers by id and by reference, one
 * after another. The services run on the first core; PostgreSQL and the clients share the second one. Prints one row per
 * round and per kind of look-up; exits 1 when a bar is missed.
 *
 *   npm run bench:log-size            ROUNDS=5 ROUND_SECONDS=6 ROWS=1000000 are the defaults
 */
import http from 'node:http';
import { once } from 'node:events';
import { Client } from 'pg';
import { startBuiltService } from '../test/support/built-service.ts';
import { pinToCore } from './support/cores.js';
import { openDatabase } from './support/database.js';
import { driveSingles } from './support/drive-singles.js';
import { fillLog } from './support/filled-log.js';
import { bar, printTable, quantile, rounded, sorted } from './support/report.js';

const ROUNDS = Number(process.env.ROUNDS ?? 5);
const ROUND_MS = Number(process.env.ROUND_SECONDS ?? 6) * 1000;
const ROWS = Number(process.env.ROWS ?? 1_000_000);
const MONTHS = 28;
const PRESENT_SHARE = 0.1;
const CONNECTIONS = 64;
const LOOK_UPS = 500;
/** Of the large log to the empty one. */
const MAX_RATIO = 1.1;
const MAX_LOOK_UP_MS = 5;
const SERVICE_CORE = 0;
const OTHER_CORE = 1;
const AUDIT_TOKEN = 'the-token-of-a-bench';
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

await pinToCore(process.pid, OTHER_CORE);
const database = await openDatabase(OTHER_CORE);
const opened = [database];
try {
  await main();
} finally {
  for (const each of opened.toReversed()) await each.close();
}

async function main() {
  const empty = await openLog('empty');
  const large = await openLog('large');
  const startedAt = performance.now();
  await fillLog(large.client, { rows: ROWS, months: MONTHS, presentRows: Math.round(ROWS * PRESENT_SHARE) });
  await describe(large, performance.now() - startedAt);
  const writes = await measureWrites(empty, large);
  const lookUps = [...(await measureLookUps(empty)), ...(await measureLookUps(large))];
  printTable(writes);
  printTable(lookUps);
  report(writes, lookUps);
}

/** A database of its own, a connection to it, and a service that records there. */
async function openLog(name) {
  const url = new URL(database.env.DATABASE_URL);
  const admin = new Client({ connectionString: url.href.replace(/[^/]*$/, 'postgres') });
  await admin.connect();
  // A run that was killed leaves its databases.
  await admin.query(`DROP DATABASE IF EXISTS bench_${name} WITH (FORCE)`);
  await admin.query(`CREATE DATABASE bench_${name} TEMPLATE ${url.pathname.slice(1)}`);
  await admin.end();
  url.pathname = `bench_${name}`;
  const client = new Client({ connectionString: url.href });
  await client.connect();
  opened.push({ close: () => client.end() });
  const service = await startBuiltService({
    NODE_ENV: 'production',
    ...database.env,
    DATABASE_URL: url.href,
    AUDIT_TOKEN,
    PREDICTION_LOG_RETENTION_MONTHS: String(MONTHS),
    // Two services share a core: what waits for the other is not to be refused.
    MAX_EVENT_LOOP_DELAY_MS: '10000',
  });
  opened.push({ close: () => service.stop() });
  await pinToCore(service.process.pid, SERVICE_CORE);
  return { name, client, service };
}

async function describe({ client }, tookMs) {
  const { rows } = await client.query(`
    SELECT (SELECT count(*) FROM predictions)::int AS rows, count(*)::int AS partitions,
      sum(pg_total_relation_size(relid)) / 2^20 AS mib
    FROM pg_partition_tree('predictions') WHERE isleaf`);
  const [{ rows: count, partitions, mib }] = rows;
  process.stdout.write(
    `${count} rows in ${partitions} partitions, ${Math.round(mib)} MiB with indexes, written in ${Math.round(tookMs / 1000)} s\n`,
  );
}

async function measureWrites(...both) {
  for (const { service } of both) await drive(service, 3000); // warm-up
  const rows = [];
  for (let round = 1; round <= ROUNDS; round++) {
    // By turns who is first, so that what changes within a round does not count for one of them.
    for (const log of round % 2 === 1 ? both : both.toReversed()) {
      if (log.name === 'empty') await log.client.query('TRUNCATE predictions, chain_groups');
      await log.client.query('CHECKPOINT');
      const { perSecond, p50Ms, p99Ms } = await drive(log.service, ROUND_MS);
      rows.push({
        round,
        log: log.name,
        'req/s': Math.round(perSecond),
        'p50 ms': rounded(p50Ms),
        'p99 ms': rounded(p99Ms),
      });
    }
  }
  return rows;
}

function drive(service, durationMs) {
  return driveSingles(service, { connections: CONNECTIONS, durationMs, core: OTHER_CORE });
}

async function measureLookUps({ name, client, service }) {
  const { rows } = await client.query(`SELECT id, reference FROM predictions ORDER BY random() LIMIT ${2 * LOOK_UPS}`);
  const requests = {
    id: ({ id }) => [`/predictions/${id}`],
    reference: ({ reference }) => ['/predictions/search', { reference }],
  };
  const measured = [];
  for (const [by, request] of Object.entries(requests)) {
    const lookUp = (row) => {
      const [path, body] = request(row);
      return timeLookUp(service.url + path, body, row.id);
    };
    for (const row of rows.slice(LOOK_UPS)) await lookUp(row); // warm-up
    const times = [];
    for (const row of rows.slice(0, LOOK_UPS)) times.push(await lookUp(row));
    const [p50, p99] = [0.5, 0.99].map((q) => rounded(quantile(sorted(times), q)));
    measured.push({ log: name, by, 'p50 ms': p50, 'p99 ms': p99 });
  }
  return measured;
}

/** @throws Error when the answer does not hold the record */
async function timeLookUp(url, body, id) {
  const startedAt = performance.now();
  const text = await ask(url, body);
  const tookMs = performance.now() - startedAt;
  if (!text.includes(id)) throw new Error('A look-up does not find what is there.');
  return tookMs;
}

async function ask(url, body) {
  const headers = { Authorization: `Bearer ${AUDIT_TOKEN}`, 'Content-Type': 'application/json' };
  const request = http.request(url, { agent, method: body ? 'POST' : 'GET', headers });
  const [response] = await once(request.end(body && JSON.stringify(body)), 'response');
  const text = (await response.setEncoding('utf8').toArray()).join('');
  if (response.statusCode !== 200) throw new Error(`A look-up was answered ${response.statusCode}: ${text}`);
  return text;
}

function report(writes, lookUps) {
  const of = (log) => writes.filter((row) => row.log === log).toSorted((a, b) => a.round - b.round);
  const [empty, large] = [of('empty'), of('large')];
  const ratio = (value) => quantile(sorted(large.map((row, i) => value(row) / value(empty[i]))), 0.5);
  const lookUp = (by) => lookUps.find((row) => row.log === 'large' && row.by === by)['p50 ms'];
  process.stdout.write(`p99 of writes, large to empty: ${rounded(ratio((row) => row['p99 ms']))}\n`);
  const bars = [
    bar(
      'time per write, large to empty',
      ratio((row) => 1 / row['req/s']),
      MAX_RATIO,
    ),
    bar(
      'p50 of writes, large to empty',
      ratio((row) => row['p50 ms']),
      MAX_RATIO,
    ),
    bar('look-up by id in the large log, median ms', lookUp('id'), MAX_LOOK_UP_MS),
    bar('look-up by reference in the large log, median ms', lookUp('reference'), MAX_LOOK_UP_MS),
  ];
  process.exitCode = bars.every(Boolean) ? 0 : 1;
}
