/**
 * What does recording every answer cost?
 *
 * Drives the built service with PREDICTION_LOG=off and with `committed` in alternating rounds, at 64 and at 16 connections.
 * The service runs on the first core; a PostgreSQL of its own and the load share the second one. Prints one row per round,
 * how long the disk takes to flush, and the median ratios of throughput; exits 1 when one is below its bar.
 *
 *   npm run bench:prediction-log            ROUNDS=5 ROUND_SECONDS=6 are the defaults
 */
import { startBuiltService } from '../test/support/built-service.ts';
import { pinToCore } from './support/cores.js';
import { openDatabase } from './support/database.js';
import { flushTimesMs } from './support/disk.js';
import { drive } from './support/load.js';
import { printTable, quantile, rounded, sorted } from './support/report.js';

const ROUNDS = Number(process.env.ROUNDS ?? 5);
const ROUND_SECONDS = Number(process.env.ROUND_SECONDS ?? 6);
/** Until the just-in-time compiler has little left to do, which shares the service's core. */
const WARM_UP_SECONDS = 10;
const BARS = { 64: 0.8, 16: 0.65 };
const SERVICE_CORE = 0;
const OTHER_CORE = 1;
const BODY = { data: { features: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0] }, reference: 'bench' };

await pinToCore(process.pid, SERVICE_CORE); // the services inherit this
const database = await openDatabase(OTHER_CORE);
const services = {
  off: await start({ PREDICTION_LOG: 'off' }),
  committed: await start(database.env),
};
try {
  await main();
} finally {
  for (const service of Object.values(services)) await service.stop();
  await database.close();
}

async function main() {
  const flushes = await flushTimesMs(database.directory);
  process.stdout.write(
    `fdatasync of 4 KiB: p50 ${rounded(quantile(flushes, 0.5))} ms, p99 ${rounded(quantile(flushes, 0.99))} ms\n`,
  );
  for (const service of Object.values(services)) {
    for (const connections of Object.keys(BARS)) await predict(service, connections, WARM_UP_SECONDS);
  }
  const rows = [];
  for (let round = 1; round <= ROUNDS; round++) {
    for (const connections of Object.keys(BARS)) {
      for (const [log, service] of Object.entries(services)) {
        const { perSecond, p50Ms, p99Ms } = await predict(service, connections, ROUND_SECONDS);
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

function start(env) {
  return startBuiltService({ NODE_ENV: 'production', ...env });
}

function predict({ url }, connections, seconds) {
  return drive(`${url}/predict`, BODY, { connections, seconds, core: OTHER_CORE });
}
