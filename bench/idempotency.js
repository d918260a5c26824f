/**
 * What does an Idempotency-Key cost?
 *
 * Drives the built service at 64 connections with single rows, each with a key of its own and without one in alternating rounds.
 * The service runs on the first core; a PostgreSQL of its own and the load share the second one. Prints one row per round and
 * the median ratio of throughput; exits 1 when it is below its bar.
 *
 *   npm run bench:idempotency            ROUNDS=5 ROUND_SECONDS=6 are the defaults
 */
import { startBuiltService } from '../test/support/built-service.ts';
import { pinToCore } from './support/cores.js';
import { openDatabase } from './support/database.js';
import { drive } from './support/load.js';
import { printTable, quantile, rounded, sorted } from './support/report.js';

const ROUNDS = Number(process.env.ROUNDS ?? 5);
const ROUND_SECONDS = Number(process.env.ROUND_SECONDS ?? 6);
/** Until the just-in-time compiler has little left to do, which shares the service's core. */
const WARM_UP_SECONDS = 10;
const CONNECTIONS = 64;
const BAR = 0.5;
const SERVICE_CORE = 0;
const OTHER_CORE = 1;
const BODY = { data: { features: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0] }, reference: 'bench' };
/** Where each request sends a text of its own: both ways cost the load the same. */
const HEADERS = { unkeyed: 'X-Text-Of-Its-Own', keyed: 'Idempotency-Key' };

await pinToCore(process.pid, SERVICE_CORE); // the service inherits this
const database = await openDatabase(OTHER_CORE);
const service = await startBuiltService({ NODE_ENV: 'production', ...database.env });
try {
  await main();
} finally {
  await service.stop();
  await database.close();
}

async function main() {
  for (const way of Object.keys(HEADERS)) await predict(way, WARM_UP_SECONDS);
  const rows = [];
  for (let round = 1; round <= ROUNDS; round++) {
    for (const way of Object.keys(HEADERS)) {
      const { perSecond, p50Ms, p99Ms } = await predict(way, ROUND_SECONDS);
      rows.push({ round, way, 'req/s': Math.round(perSecond), 'p50 ms': rounded(p50Ms), 'p99 ms': rounded(p99Ms) });
    }
  }
  printTable(rows);
  const of = (way) => rows.filter((row) => row.way === way).map((row) => row['req/s']);
  const unkeyed = of('unkeyed');
  const ratio = quantile(sorted(of('keyed').map((perSecond, i) => perSecond / unkeyed[i])), 0.5);
  const holds = ratio >= BAR;
  process.stdout.write(
    `${holds ? 'ok    ' : 'MISSED'} ${CONNECTIONS} connections: ${rounded(ratio)} of the throughput without keys (at least ${BAR})\n`,
  );
  process.exitCode = holds ? 0 : 1;
}

function predict(way, seconds) {
  const options = { connections: CONNECTIONS, seconds, core: OTHER_CORE, uniqueHeader: HEADERS[way] };
  return drive(`${service.url}/predict`, BODY, options);
}
