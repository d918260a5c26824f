/**
 * How fast is the service beside others that serve the same model?
 *
 * Starts each server by itself on the first core, compares its answers with onnxruntime's, and drives it from the second core,
 * which PostgreSQL shares; round after round. Prints the medians, writes them to docs/benchmarks.md and
 * docs/benchmarks.json when all servers were measured, and exits 1 when a bar is missed or an answer is wrong.
 *
 *   make bench        ROUNDS=3 SECONDS=4 are the defaults; SERVERS="ours bare-node" measures these alone
 */
import { execFileSync } from 'node:child_process';
import { bars } from './compare/bars.js';
import { compareAnswers } from './compare/compare-answers.js';
import { describeMachine } from './compare/machine.js';
import { BATCHES, measure } from './compare/measure.js';
import { medians } from './compare/medians.js';
import { rows, rowsPerSecond } from './compare/model.js';
import { report } from './compare/report.js';
import { servers } from './compare/servers.js';
import { pinToCore } from './support/cores.js';
import { openDatabase } from './support/database.js';
import { flushTimesMs } from './support/disk.js';
import { loadGenerator } from './support/load.js';
import { quantile } from './support/report.js';

const ROUNDS = Number(process.env.ROUNDS ?? 3);
const SECONDS = Number(process.env.ROUND_SECONDS ?? 4);
const ONLY = process.env.SERVERS?.split(/[\s,]+/).filter(Boolean) ?? [];
const SERVER_CORE = 0;
const LOAD_CORE = 1;

if (loadGenerator !== 'wrk') {
  print('wrk is missing, and autocannon takes its place: a slower client. Debian and Ubuntu: apt-get install wrk.');
}
await pinToCore(process.pid, SERVER_CORE); // what this process starts inherits it
const database = await openDatabase(LOAD_CORE);
try {
  await main();
} finally {
  await database.close();
}

async function main() {
  const all = servers(database.env);
  const compared = ONLY.length === 0 ? all : all.filter(({ name }) => ONLY.includes(name));
  const unknown = ONLY.filter((name) => all.every((server) => server.name !== name));
  if (unknown.length > 0)
    throw new Error(`No server ${unknown.join(', ')}: ${all.map(({ name }) => name).join(', ')}.`);
  const machine = describeMachine();
  const rounds = [];
  const flushesMs = { p50: [], p99: [] };
  for (let round = 1; round <= ROUNDS; round++) {
    const flushes = await flushTimesMs(database.directory);
    flushesMs.p50.push(quantile(flushes, 0.5));
    flushesMs.p99.push(quantile(flushes, 0.99));
    const measured = { onnxruntime: { rowsPerSecond: await measureAlone() } };
    for (const server of compared) {
      measured[server.name] = await measureServer(server);
      print(`round ${round}, ${server.name}: ${summary(measured[server.name])}`);
    }
    rounds.push(measured);
  }
  const results = {
    machine,
    settings: { measuredOn: new Date().toISOString().slice(0, 10), commit: commit(), rounds: ROUNDS, seconds: SECONDS },
    titles: Object.fromEntries(compared.map(({ name, title }) => [name, title])),
    bars: bars(rounds),
    strangersShare: Math.max(...rounds.flatMap(Object.values).map(({ strangersShare = 0 }) => strangersShare)),
    flushesMs,
    medians: medians(rounds),
    rounds,
  };
  await report(results, compared.length === all.length);
  process.exitCode = results.bars.every(({ holds }) => holds) ? 0 : 1;
}

async function measureServer(server) {
  const running = await server.start();
  try {
    await compareAnswers(server, running.url);
    const where = { serverCore: SERVER_CORE, loadCore: LOAD_CORE, databasePid: database.pid };
    return await measure(server, running, { seconds: SECONDS, ...where });
  } finally {
    await running.stop();
  }
}

async function measureAlone() {
  const figures = [];
  for (const count of BATCHES) figures.push([count, await rowsPerSecond(rows(count), SECONDS)]);
  return Object.fromEntries(figures);
}

function summary({ singles, rowsPerSecond: batches }) {
  return [
    ...Object.entries(singles).map(
      ([connections, { perSecond }]) => `${Math.round(perSecond)} req/s at ${connections}`,
    ),
    ...Object.entries(batches).map(([count, perSecond]) => `${Math.round(perSecond)} rows/s by ${count}`),
  ].join(', ');
}

function commit() {
  return execFileSync('git', ['describe', '--always', '--dirty'], { encoding: 'utf8' }).trim();
}

function print(text) {
  process.stdout.write(`${text}\n`);
}
