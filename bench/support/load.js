/**
 * Sends one request again and again, in a process of its own on its own core: with wrk, or with autocannon where wrk is
 * missing. Both send the next request on a connection when the last one was answered.
 */
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const beside = (name) => fileURLToPath(new URL(name, import.meta.url));

/** What sends the load. wrk costs a third of what autocannon does, so that less of what is measured is the client. */
export const loadGenerator = hasWrk() ? 'wrk' : 'autocannon';

/**
 * @typedef {object} Driven
 * @property {number} answers
 * @property {number} failed answers other than 200, and broken connections
 * @property {number} perSecond
 * @property {number} p50Ms
 * @property {number} p99Ms
 */

/**
 * @param {string} url
 * @param {unknown} body sent as JSON
 * @param {{ connections: number, seconds: number, core: number }} options whole seconds
 * @returns {Promise<Driven>}
 */
export async function drive(url, body, { connections, seconds, core }) {
  const directory = mkdtempSync(path.join(tmpdir(), 'bench-load-'));
  try {
    const file = path.join(directory, 'body.json');
    writeFileSync(file, JSON.stringify(body));
    const command = commandOf(url, connections, seconds, file);
    const { stdout } = await promisify(execFile)('taskset', ['-c', String(core), ...command]);
    return JSON.parse(stdout.trim().split('\n').at(-1));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function commandOf(url, connections, seconds, file) {
  if (loadGenerator === 'autocannon') {
    return [process.execPath, beside('autocannon-load.js'), url, String(connections), String(seconds), file];
  }
  const size = ['--threads', '1', '--connections', String(connections), '--duration', `${seconds}s`];
  return ['wrk', ...size, '--timeout', '30s', '--script', beside('wrk-request.lua'), url, '--', file];
}

function hasWrk() {
  try {
    execFileSync('wrk', ['--version'], { stdio: 'ignore' });
  } catch (error) {
    // wrk prints its version and exits 1.
    return error.code !== 'ENOENT';
  }
  return true;
}
