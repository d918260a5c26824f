/**
 * Sends requests at a fixed rate, whatever becomes of those before: with vegeta, in a process of its own on its own core.
 */
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { quantile, sorted } from './report.js';

/** Ample for what a server answers or refuses at once; requests beyond wait, and are late. */
const MAX_CONNECTIONS = 1024;
const FIRST_CONNECTIONS = 64;
const TIMEOUT_SECONDS = 10;
/** vegeta's own garbage is hardly ever collected: a collection on its only core looks like a slow server, and then like a burst. */
const VEGETA_ENV = { GOMAXPROCS: '1', GOGC: 'off', GOMEMLIMIT: '2GiB' };
const VEGETA = process.env.VEGETA_BIN ?? 'vegeta';
/** Columns of `vegeta encode --to csv`. */
const [TIMESTAMP, STATUS, LATENCY] = [0, 1, 2];

/**
 * @typedef {object} Answered
 * @property {number} count
 * @property {number} p50Ms
 * @property {number} p99Ms
 *
 * @typedef {object} Attacked
 * @property {number} sentPerSecond less than asked for where the generator cannot keep up
 * @property {Answered} accepted 200
 * @property {Answered} refused 503
 * @property {number} failed anything else, and broken connections
 */

/** @throws Error that says how to get vegeta */
export async function requireVegeta() {
  try {
    await promisify(execFile)(VEGETA, ['-version']);
  } catch (error) {
    throw new Error('Needs vegeta: "make bench-overload" installs it where Go is, and runs this bench.', {
      cause: error,
    });
  }
}

/**
 * @param {string} url
 * @param {string} body JSON
 * @param {{ perSecond: number, seconds: number, leadInSeconds?: number, core: number }} options what is sent while the
 *   lead-in lasts, which comes before the seconds that count, is left out
 * @returns {Promise<Attacked>}
 */
export async function attack(url, body, { perSecond, seconds, leadInSeconds = 0, core }) {
  const directory = mkdtempSync(path.join(tmpdir(), 'bench-open-loop-'));
  try {
    const [targets, bodyFile, results] = ['targets', 'body', 'results'].map((name) => path.join(directory, name));
    writeFileSync(targets, `POST ${url}\n`);
    writeFileSync(bodyFile, body);
    const options = {
      rate: `${perSecond}/1s`,
      duration: `${leadInSeconds + seconds}s`,
      targets,
      body: bodyFile,
      output: results,
      header: 'Content-Type: application/json',
      workers: FIRST_CONNECTIONS,
      'max-workers': MAX_CONNECTIONS,
      'max-connections': MAX_CONNECTIONS,
      connections: MAX_CONNECTIONS,
      timeout: `${TIMEOUT_SECONDS}s`,
      http2: false,
      'max-body': 0,
    };
    const args = Object.entries(options).map(([name, value]) => `-${name}=${value}`);
    const env = { ...process.env, ...VEGETA_ENV };
    await promisify(execFile)('taskset', ['-c', String(core), VEGETA, 'attack', ...args], { env });
    return await figuresOf(results, leadInSeconds);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

async function figuresOf(results, leadInSeconds) {
  const all = await requestsIn(results);
  const counted = all.slice(all.findIndex(({ sentNs }) => sentNs - all[0].sentNs >= leadInSeconds * 1e9));
  const latenciesOf = (kind) => counted.filter((request) => request.kind === kind).map(({ latencyMs }) => latencyMs);
  return {
    sentPerSecond: ((counted.length - 1) * 1e9) / (counted.at(-1).sentNs - counted[0].sentNs),
    accepted: answered(latenciesOf('accepted')),
    refused: answered(latenciesOf('refused')),
    failed: latenciesOf('failed').length,
  };
}

/** In the order in which they were sent; the file has them in the order in which they ended. */
async function requestsIn(results) {
  const requests = [];
  const encoder = spawn(VEGETA, ['encode', '-to=csv', results], { stdio: ['ignore', 'pipe', 'inherit'] });
  for await (const line of createInterface(encoder.stdout)) {
    const columns = line.split(',', 3);
    const kind = KINDS[columns[STATUS]] ?? 'failed';
    requests.push({ kind, sentNs: Number(columns[TIMESTAMP]), latencyMs: Number(columns[LATENCY]) / 1e6 });
  }
  return requests.toSorted((a, b) => a.sentNs - b.sentNs);
}

const KINDS = { 200: 'accepted', 503: 'refused' };

function answered(latencies) {
  const ascending = sorted(latencies);
  return { count: ascending.length, p50Ms: quantile(ascending, 0.5), p99Ms: quantile(ascending, 0.99) };
}
