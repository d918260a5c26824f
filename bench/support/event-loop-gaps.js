/**
 * Loaded into the service with --import: notes when the event loop of its main thread did not turn for 5 ms or more,
 * and writes `[{from, until, busyMs}, ...]` to EVENT_LOOP_GAPS_FILE when the process ends. The times are monotonic
 * milliseconds; `busyMs` is what the thread itself computed meanwhile, the rest went to other processes.
 */
import { writeFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';
import { monotonicMs } from './clock.js';

const NOTED_FROM_MS = 5;

if (isMainThread && process.env.EVENT_LOOP_GAPS_FILE) {
  const gaps = [];
  let from = monotonicMs();
  let busyFrom = busyMs();
  setInterval(() => {
    const until = monotonicMs();
    const busyUntil = busyMs();
    if (until - from >= NOTED_FROM_MS) gaps.push({ from, until, busyMs: busyUntil - busyFrom });
    from = until;
    busyFrom = busyUntil;
  }, 1).unref();
  process.on('exit', () => writeFileSync(process.env.EVENT_LOOP_GAPS_FILE, JSON.stringify(gaps)));
}

function busyMs() {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
