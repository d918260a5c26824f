import { readFileSync } from 'node:fs';

export function signalGroup(leader: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-leader, signal);
  } catch {
    // It has ended at this very moment, or before.
  }
}

export function groupRuns(leader: number): boolean {
  try {
    process.kill(-leader, 0);
    return !isDead(leader);
  } catch {
    return false;
  }
}

/** What is left of a process until its parent takes note of the end has no command line. */
export function isDead(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8') === '';
  } catch {
    // It is gone altogether, or there is no /proc.
    return false;
  }
}
