/**
 * What does recording every answer cost?
 *
 * Drives the built service with PREDICTION_LOG=off and with `committed` in alternating rounds, at 64 and at 16 connections.
 * The service runs on the first core; PostgreSQL, which DATABASE_URL names, and the load share the second one, as far as
 * this machine lets us say so. Prints one row per round, how long the disk takes to flush, and the median ratios of
 * throughput; exits 1 when one is below its bar.
 *
 *   npm run bench:prediction-log            with DATABASE_URL; ROUNDS=5 ROUND_SECONDS=6 are the defaults
 */
import { execFile } from 'node:child_process';
import { open, rm } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startBuiltService } from '../test/support/built-service.ts';
import { pinToCore, postgresProcesses } from './support/cores.js';
import { printTable, quantile, rounded, sorted } from './support/report.js';

const ROUNDS = Number(process.env.ROUNDS ?? 5);
const ROUND_MS = Number(process.env.ROUND_SECONDS ?? 6) * 1000;
const BARS = { 64: 0.8, 16: 0.65 };
const SERVICE_CORE = 0;
const OTHER_CORE = 1;
const LOAD = fileURLToPath(new URL('support/socket-load.js', import.meta.url));

const { DATABASE_URL } = process.env;
if (!DATABASE_URL) throw new Error('Needs a PostgreSQL of its own: set DATABASE_URL to a migrated database.');

const services = {
  off: await start({ PREDICTION_LOG: 'off' }),
  committed: await start({
    PREDICTION_LOG: 'on',
    DATABASE_URL,
    PREDICTION_LOG_CHAIN_KEY: 'a key of the bench, long enough for all',
  }),
};
try {
  await main();
} finally {
  for (const service of Object.values(services)) await service.stop();
}

async function main() {
  const flushes = await flushTimesMs();
  process.stdout.write(
    `fdatasync of 4 KiB: p50 ${rounded(quantile(flushes, 0.5))} ms, p99 ${rounded(quantile(flushes, 0.99))} ms\n`,
  );
  for (const service of Object.values(services)) await drive(service, 64, 3000); // warm-up
  await pinPostgres();
  const rows = [];
  for (let round = 1; round <= ROUNDS; round++) {
    for (const connections of Object.keys(BARS)) {
      for (const [log, service] of Object.entries(services)) {
        const { perSecond, p50Ms, p99Ms, failed } = await drive(service, connections, ROUND_MS);
        if (failed > 0) throw new Error(`${failed} requests were not answered 200.`);
        rows.push({
          round,
          connections,
          log,
          'req/s': Math.round(perSecond),
          'p50 ms': rounded(p50Ms),
          'p99 ms': rounded(p99Ms),
        });
      }
    }
  }
  printTable(rows);
  const held = Object.entries(BARS).map(([connections, bar]) => report(rows, connections, bar));
  process.exitCode = held.every(Boolean) ? 0 : 1;
}

function report(rows, connections, least) {
  const of = (log) => rows.filter((row) => row.connections === connections && row.log === log);
  const off = of('off');
  const ratios = of('committed').map((row, i) => row['req/s'] / off[i]['req/s']);
  const ratio = quantile(sorted(ratios), 0.5);
  const holds = ratio >= least;
  process.stdout.write(
    `${holds ? 'ok    ' : 'MISSED'} ${connections} connections: ${rounded(ratio)} of the throughput without a log ` +
      `(at least ${least})\n`,
  );
  return holds;
}

async function start(env) {
  const service = await startBuiltService({ NODE_ENV: 'production', ...env });
  await pinToCore(service.process.pid, SERVICE_CORE);
  return service;
}

async function drive({ url }, connections, durationMs) {
  const args = [LOAD, new URL(url).port, connections, durationMs].map(String);
  const { stdout } = await promisify(execFile)('taskset', ['-c', String(OTHER_CORE), process.execPath, ...args]);
  return JSON.parse(stdout);
}

/** As far as PostgreSQL runs on this machine and we may. */
async function pinPostgres() {
  for (const pid of await postgresProcesses()) await pinToCore(pid, OTHER_CORE);
}

async function flushTimesMs() {
  const file = path.join(process.cwd(), '.bench-flush');
  const handle = await open(file, 'w');
  const block = Buffer.alloc(4096);
  const times = [];
  for (let i = 0; i < 200; i++) {
    const startedAt = performance.now();
    await handle.write(block);
    await handle.datasync();
    times.push(performance.now() - startedAt);
  }
  await handle.close();
  await rm(file);
  return sorted(times);
}
