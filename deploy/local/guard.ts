/**
 * Ends what a launcher has started when the launcher is killed: nothing else would end a service and a PostgreSQL that are
 * out of reach of its terminal. It reads from the launcher what runs, one line of JSON a change; the end of that, with
 * something running, is the launcher's death.
 *
 *   node deploy/local/guard.ts < what the launcher tells
 */
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { LocalDatabase } from './local-database.ts';
import { groupRuns, signalGroup } from './process-group.ts';

/** What the launcher has started and has not ended yet. */
export interface Running {
  /** Leader of the service's group of processes. */
  service?: number | undefined;
  /** Of PostgreSQL: the directory of its data. */
  data?: string | undefined;
}

/** A service takes SHUTDOWN_GRACE_MS and 10 s at most, which is 40 s unless somebody gave it more. */
const END_WITHIN_MS = 60_000;
const LOOK_EVERY_MS = 100;

/** Whoever killed the launcher may have taken the terminal along. */
process.stderr.on('error', () => undefined);

let running: Running = {};
for await (const line of createInterface(process.stdin)) running = JSON.parse(line) as Running;

const { service, data } = running;
if (service !== undefined) await endService(service);
if (data !== undefined) await LocalDatabase.closeLeftOver(data);

async function endService(leader: number): Promise<void> {
  process.stderr.write(`What started the service was killed: ending the service (process ${leader}).\n`);
  signalGroup(leader, 'SIGTERM');
  const deadline = Date.now() + END_WITHIN_MS;
  while (groupRuns(leader) && Date.now() < deadline) await delay(LOOK_EVERY_MS);
  signalGroup(leader, 'SIGKILL');
}
