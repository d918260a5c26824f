import { readFileSync } from 'node:fs';
import { cpuSeconds, endedChildrenSeconds, TICKS_PER_SECOND } from '../support/process-tree.js';

/**
 * Who used the two cores.
 *
 * @typedef {object} Usage in seconds of CPU time
 * @property {number} server
 * @property {number} database
 * @property {number} loadShare of the load's core, taken by the load
 * @property {number} strangersShare of the time, on the core where they were busier: neither server nor load nor PostgreSQL
 */

/**
 * @template T
 * @param {{ serverPid: number, serverCore: number, databasePid: number, loadCore: number }} who
 * @param {() => Promise<T>} work that runs the load in processes that end with it
 * @returns {Promise<[T, Usage]>}
 */
export async function usageDuring(who, work) {
  const before = snapshot(who);
  const result = await work();
  const after = snapshot(who);
  const used = Object.fromEntries(Object.keys(before).map((key) => [key, after[key] - before[key]]));
  const onServerCore = used.serverCore - used.server;
  const onLoadCore = used.loadCore - used.load - used.database;
  const strangersShare = Math.max(0, onServerCore, onLoadCore) / used.clock;
  const loadShare = used.load / used.clock;
  return [result, { server: used.server, database: used.database, loadShare, strangersShare }];
}

const snapshot = ({ serverPid, serverCore, databasePid, loadCore }) => ({
  clock: performance.now() / 1000,
  server: cpuSeconds(serverPid),
  database: cpuSeconds(databasePid),
  load: endedChildrenSeconds(process.pid),
  serverCore: busySeconds(serverCore),
  loadCore: busySeconds(loadCore),
});

/** Without interrupts, which the kernel also counts for whoever they interrupt; with what the hypervisor took away. */
function busySeconds(core) {
  const line = new RegExp(String.raw`^cpu${core} (.+)$`, 'm').exec(readFileSync('/proc/stat', 'utf8'))[1];
  const [user, nice, system, , , , , steal] = line.split(' ').map(Number);
  return (user + nice + system + steal) / TICKS_PER_SECOND;
}
