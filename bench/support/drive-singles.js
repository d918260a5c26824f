import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const LOAD = fileURLToPath(new URL('socket-load.js', import.meta.url));

/**
 * Sends single predictions, each for another reference, from a process of its own on a core.
 *
 * @returns {Promise<{ perSecond: number, p50Ms: number, p99Ms: number }>}
 * @throws Error when a request was not answered 200
 */
export async function driveSingles({ url }, { connections, durationMs, core }) {
  const args = [LOAD, new URL(url).port, connections, durationMs].map(String);
  const { stdout } = await promisify(execFile)('taskset', ['-c', String(core), process.execPath, ...args]);
  const { failures, ...figures } = JSON.parse(stdout);
  if (Object.keys(failures).length > 0) throw new Error(`Requests were not answered 200: ${JSON.stringify(failures)}`);
  return figures;
}
