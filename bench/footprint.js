/**
 * How soon is the service ready, how much memory does it take, and does that grow?
 *
 * Starts the built service, with the log off and committed, and the bare node:http server around the same model, by turns:
 * the time from the start of the process to its first answer, and resident memory then. Where MLFLOW_TRACKING_URI is set, the
 * service also starts with a version of a real MLflow that is in its cache. Then sends 1,000,000 single rows to each and
 * watches resident memory, and half as many again between two collections of its garbage: only what leaks can grow there, while
 * garbage alone may gather for two million requests before V8 collects it. Each server runs on the first core; PostgreSQL and
 * the load on the second one. Prints figures, ratios to the bare server, and the size of the image where Docker has one; exits 1
 * when memory grew.
 *
 *   npm run bench:footprint            STARTS=5 REQUESTS=1000000 are the defaults
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { eventually } from '../test/support/eventually.ts';
import { freePort } from '../test/support/free-port.ts';
import { RegistryLab } from '../test/support/registry-lab.ts';
import { MODEL, MODEL_DIRECTORY, rows, THRESHOLD } from './compare/model.js';
import { predict } from './compare/requests.js';
import { startServer } from './compare/start-server.js';
import { pinToCore } from './support/cores.js';
import { openDatabase } from './support/database.js';
import { COLLECTED, COLLECTS_GARBAGE } from './support/garbage-collection.js';
import { drive } from './support/load.js';
import { residentMegabytes } from './support/process-tree.js';
import { followingEnv, registerVersions, requireServers } from './support/registry.js';
import { bar, printTable, quantile, rounded, sorted } from './support/report.js';

const STARTS = Number(process.env.STARTS ?? 5);
const REQUESTS = Number(process.env.REQUESTS ?? 1_000_000);
const IMAGE = 'credit-default-service';
const BARE = 'bare node:http';
const CONNECTIONS = 16;
const DRIVE_SECONDS = 5;
const SAMPLE_MS = 500;
const MAX_GROWTH_MIB = 5;
const SERVICE_CORE = 0;
const OTHER_CORE = 1;

/** What `npm start` runs. The bare server gets the same flags: what they gain is not the service's own. */
const [, ...START] = JSON.parse(readFileSync('package.json', 'utf8')).scripts.start.split(' ');

await pinToCore(process.pid, OTHER_CORE);
const directory = mkdtempSync(path.join(tmpdir(), 'bench-footprint-'));
const opened = [];
try {
  await main();
} finally {
  for (const each of opened.toReversed()) await each.close();
  rmSync(directory, { recursive: true });
}

async function main() {
  const database = await openDatabase(OTHER_CORE);
  opened.push(database);
  const servers = {
    [BARE]: bareServer(),
    'log off': service({ PREDICTION_LOG: 'off' }),
    'log committed': service(database.env),
  };
  const cached = process.env.MLFLOW_TRACKING_URI ? { 'cached from MLflow': await followingService() } : {};
  const starts = await measureStarts({ ...servers, ...cached });
  const runs = {};
  for (const [name, server] of Object.entries(servers)) runs[name] = await measureRun(name, server);
  printTable(Object.keys(starts).map((name) => figures(name, starts[name], runs[name])));
  printTable(Object.keys(starts).map((name) => ratios(name, [starts, runs])));
  printImage();
  const bars = Object.keys(servers)
    .filter((name) => name !== BARE)
    .map((name) =>
      bar(`${name}: memory that half as many requests again added, MiB`, runs[name].addedMib, MAX_GROWTH_MIB),
    );
  process.exitCode = bars.every(Boolean) ? 0 : 1;
}

/** How to start a server: its command line and environment, but for the port. */
function bareServer() {
  return {
    command: [...START.slice(0, -1), 'bench/peers/bare-node/server.js'],
    env: { MODEL, THRESHOLD: String(THRESHOLD) },
  };
}

function service(env) {
  const MODEL_CACHE_DIR = path.join(directory, 'cache');
  const MODEL_URI = `file:${MODEL_DIRECTORY}`;
  return {
    command: START,
    env: { NODE_ENV: 'production', HOST: '127.0.0.1', MODEL_URI, MODEL_CACHE_DIR, ...env },
  };
}

/** Follows an alias of the real MLflow; the first start fills the cache. */
async function followingService() {
  requireServers();
  const lab = await RegistryLab.create('proxied');
  opened.push(lab);
  const [version] = await registerVersions(lab, 1);
  await lab.setAlias('production', version);
  const following = service({ PREDICTION_LOG: 'off', ...followingEnv(lab) });
  const running = await start('cached from MLflow', following);
  await running.stop();
  return following;
}

async function start(name, { command, env }) {
  const port = String(await freePort());
  return startServer(`footprint ${name}`.replaceAll(/\W+/g, '-'), {
    command: ['taskset', '-c', String(SERVICE_CORE), process.execPath, ...command],
    env: { ...env, PORT: port },
    url: `http://127.0.0.1:${port}`,
    request: predict,
  });
}

/** By turns, so that what else the machine does meets all of them. */
async function measureStarts(servers) {
  const looks = mapValues(servers, () => []);
  for (let round = 0; round < STARTS; round++) {
    for (const [name, server] of Object.entries(servers)) {
      const running = await start(name, server);
      looks[name].push({ readySeconds: running.startSeconds, startMib: residentMegabytes(running.pid) });
      await running.stop();
    }
  }
  return mapValues(looks, (each) => ({
    readySeconds: median(each.map(({ readySeconds }) => readySeconds)),
    startMib: median(each.map(({ startMib }) => startMib)),
  }));
}

async function measureRun(name, server) {
  const { command, env } = server;
  const running = await start(name, { command, env: { ...env, ...COLLECTS_GARBAGE } });
  const samples = [];
  const timer = setInterval(() => samples.push(residentMegabytes(running.pid)), SAMPLE_MS);
  try {
    const startedAt = performance.now();
    const requests = await sendAtLeast(REQUESTS, running.url);
    const perSecond = (1000 * requests) / (performance.now() - startedAt);
    const [endMib, highestMib] = [samples.at(-1), Math.max(...samples)];
    const collectedMib = await residentWithoutGarbage(running);
    await sendAtLeast(REQUESTS / 2, running.url);
    const addedMib = (await residentWithoutGarbage(running)) - collectedMib;
    return { requests, perSecond, endMib, highestMib, addedMib };
  } finally {
    clearInterval(timer);
    await running.stop();
  }
}

/** @returns how many were answered */
async function sendAtLeast(requests, url) {
  let answers = 0;
  while (answers < requests) {
    const options = { connections: CONNECTIONS, seconds: DRIVE_SECONDS, core: OTHER_CORE };
    answers += (await drive(url + predict.path, predict.body(rows(1)), options)).answers;
  }
  return answers;
}

async function residentWithoutGarbage({ pid, log }) {
  const collections = () => readFileSync(log, 'utf8').split(COLLECTED).length;
  const before = collections();
  process.kill(pid, 'SIGUSR2');
  await eventually(() => {
    if (collections() === before) throw new Error(`No garbage was collected; see ${log}.`);
  });
  return residentMegabytes(pid);
}

function figures(name, started, run) {
  return {
    server: name,
    'ready s': shown(started.readySeconds),
    'MiB then': shown(started.startMib),
    requests: shown(run?.requests),
    'per s': run ? Math.round(run.perSecond) : '-',
    'MiB after them': shown(run?.endMib),
    'highest MiB': shown(run?.highestMib),
    'then added MiB': shown(run?.addedMib),
  };
}

function ratios(name, [starts, runs]) {
  const ratio = (of, key) => (of[name] ? rounded(of[name][key] / of[BARE][key]) : '-');
  return {
    [`to ${BARE}`]: name,
    ready: ratio(starts, 'readySeconds'),
    'memory then': ratio(starts, 'startMib'),
    'memory after the requests': ratio(runs, 'endMib'),
  };
}

function printImage() {
  let size = 'none here';
  try {
    const inspect = ['image', 'inspect', '--format', '{{.Size}}', IMAGE];
    const options = { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] };
    size = `${Math.round(Number(execFileSync('docker', inspect, options)) / 1e6)} MB`;
  } catch {
    // No Docker, or nothing built yet.
  }
  process.stdout.write(`image ${IMAGE}: ${size}\n`);
}

function median(values) {
  return quantile(sorted(values), 0.5);
}

function shown(value) {
  return value === undefined ? '-' : rounded(value);
}

function mapValues(object, map) {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, map(value)]));
}
