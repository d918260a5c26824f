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
 * @property {number} failed
 * @property {number} perSecond
 * @property {number} p50Ms
 * @property {number} p99Ms
 */

/**
 * @param {string} url
 * @param {unknown} body sent as JSON
 * @param {{ connections: number, seconds: number, core: number, uniqueHeader?: string, generator?: 'wrk' | 'autocannon' }} options
 *   whole seconds; `uniqueHeader` gets another value with each request
 * @returns {Promise<Driven>}
 * @throws Error when nothing was answered, or anything other than 200
 */
export async function drive(url, body, { connections, seconds, core, uniqueHeader, generator = loadGenerator }) {
  const directory = mkdtempSync(path.join(tmpdir(), 'bench-load-'));
  try {
    const file = path.join(directory, 'body.json');
    writeFileSync(file, JSON.stringify(body));
    const command = COMMANDS[generator](
      url,
      String(connections),
      String(seconds),
      file,
      ...(uniqueHeader ? [uniqueHeader] : []),
    );
    const { stdout } = await promisify(execFile)('taskset', ['-c', String(core), ...command]);
    const driven = JSON.parse(stdout.trim().split('\n').at(-1));
    if (driven.answers > 0 && driven.failed === 0) return driven;
    throw new Error(`${url}: ${driven.answers} answers within ${seconds} s, and ${driven.failed} failed requests.`);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const COMMANDS = {
  wrk: (url, connections, seconds, ...args) => {
    const size = ['-t', '1', '-c', connections, '-d', seconds, '--timeout', '30s'];
    return ['wrk', ...size, '-s', beside('wrk-request.lua'), url, '--', ...args];
  },
  autocannon: (...args) => [process.execPath, beside('autocannon-load.js'), ...args],
};

function hasWrk() {
  try {
    execFileSync('wrk', ['--version'], { stdio: 'ignore' });
  } catch (error) {
    // wrk prints its version and exits 1.
    return error.code !== 'ENOENT';
  }
  return true;
}
