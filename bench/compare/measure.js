import { drive } from '../support/load.js';
import { residentMegabytes } from '../support/process-tree.js';
import { rows } from './model.js';
import { post } from './start-server.js';
import { usageDuring } from './usage.js';

export const CONNECTIONS = [1, 16, 64];
export const BATCHES = [100, 10_000];
/**
 * Two, so that a server has the next batch at hand while it answers one. Some answer a few in a round: it matters when the
 * last answer came, and wrk does not say.
 */
const BATCH_LOAD = { connections: 2, generator: 'autocannon' };
/** Until a just-in-time compiler has little left to do, which shares the server's core. */
const WARM_UP_SECONDS = 20;
const BATCH_WARM_UP_MS = 5000;
/** A client's, as long as such rows are. */
const SINGLE = rows(2).slice(1);

/**
 * @typedef {object} Measured one server in one round
 * @property {number} startSeconds
 * @property {number} residentMb after the single rows
 * @property {Record<number, Single>} singles by connections
 * @property {Record<number, number>} rowsPerSecond by rows in a batch
 * @property {number} strangersShare of a core that other programs had at most, see usage.js
 *
 * @typedef {object} Single
 * @property {number} perSecond
 * @property {number} p50Ms
 * @property {number} p99Ms
 * @property {number} cpuSeconds of the server, for 1,000 requests
 * @property {number} [databaseCpuSeconds] of PostgreSQL, where the server records
 */

/**
 * @param {import('./servers.js').Server} server
 * @param {import('./start-server.js').Running} running
 * @param {{ seconds: number, serverCore: number, loadCore: number, databasePid: number }} options
 * @returns {Promise<Measured>}
 */
export async function measure({ single, batch, records }, running, { seconds, ...where }) {
  const { url, pid: serverPid, startSeconds } = running;
  const load = { seconds, core: where.loadCore };
  const strangersShares = [];
  const watched = async (work) => {
    const [driven, used] = await usageDuring({ serverPid, ...where }, work);
    strangersShares.push(used.strangersShare);
    return { driven, used };
  };

  const singleUrl = url + single.path;
  const body = single.body(SINGLE);
  await drive(singleUrl, body, { ...load, connections: 16, seconds: WARM_UP_SECONDS });
  const singles = {};
  for (const connections of CONNECTIONS) {
    const { driven, used } = await watched(() => drive(singleUrl, body, { ...load, connections }));
    const perThousand = (cpuSeconds) => (1000 * cpuSeconds) / driven.answers;
    singles[connections] = {
      perSecond: driven.perSecond,
      p50Ms: driven.p50Ms,
      p99Ms: driven.p99Ms,
      cpuSeconds: perThousand(used.server),
      ...(records && { databaseCpuSeconds: perThousand(used.database) }),
    };
  }
  const residentMb = residentMegabytes(serverPid);
  const rowsPerSecond = {};
  for (const count of BATCHES) {
    const batchUrl = url + batch.path;
    const manyRows = batch.body(rows(count));
    await warmUp(batchUrl, manyRows);
    const { driven } = await watched(() => drive(batchUrl, manyRows, { ...load, ...BATCH_LOAD }));
    rowsPerSecond[count] = count * driven.perSecond;
  }
  return { startSeconds, residentMb, singles, rowsPerSecond, strangersShare: Math.max(...strangersShares) };
}

/** At least once, however slow the server is. */
async function warmUp(url, body) {
  const endsAt = performance.now() + BATCH_WARM_UP_MS;
  do {
    await (await post(url, body)).arrayBuffer();
  } while (performance.now() < endsAt);
}
