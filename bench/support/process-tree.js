/** What a process and all that it started use. Linux only. */
import { readdirSync, readFileSync } from 'node:fs';

/** In which /proc counts time, on every architecture that Node.js runs on. */
export const TICKS_PER_SECOND = 100;

/** @returns {number[]} the process and its descendants */
export function processTree(root) {
  const parents = new Map();
  for (const entry of readdirSync('/proc')) {
    const stat = /^\d+$/.test(entry) && statOf(entry);
    if (stat) parents.set(Number(entry), stat.parent);
  }
  const tree = [root];
  for (const pid of tree) for (const [child, parent] of parents) if (parent === pid) tree.push(child);
  return tree;
}

/** User and system time, with that of descendants that have ended. */
export function cpuSeconds(root) {
  const stats = processTree(root).map((pid) => statOf(pid) ?? { ownTicks: 0, endedTicks: 0 });
  return stats.reduce((sum, { ownTicks, endedTicks }) => sum + ownTicks + endedTicks, 0) / TICKS_PER_SECOND;
}

/** Of the children of a process that have ended, and of theirs. */
export const endedChildrenSeconds = (pid) => statOf(pid).endedTicks / TICKS_PER_SECOND;

/** Memory that several processes share counts once for each. */
export function residentMegabytes(root) {
  const kilobytes = processTree(root).map((pid) => Number(/VmRSS:\s+(\d+)/.exec(read(pid, 'status'))?.[1] ?? 0));
  return kilobytes.reduce((sum, each) => sum + each, 0) / 1024;
}

/** @returns undefined for a process that has just ended */
function statOf(pid) {
  const text = read(pid, 'stat');
  if (text === '') return undefined;
  // After the name, which may hold anything: state, parent, ..., utime, stime, cutime, cstime.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [user, system, endedUser, endedSystem] = fields.slice(11, 15).map(Number);
  return { parent: Number(fields[1]), ownTicks: user + system, endedTicks: endedUser + endedSystem };
}

function read(pid, file) {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}
