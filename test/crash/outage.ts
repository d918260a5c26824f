/**
 * Does `spooled` answer every request while PostgreSQL is stopped?
 *
 * Drives the built service with 16 connections, stops PostgreSQL for a while, starts it again and waits until the spool is
 * empty. Exits 1 when a request without Idempotency-Key failed, or as kills.ts.
 *
 *   node test/crash/outage.ts SECONDS
 */
import { setTimeout as delay } from 'node:timers/promises';
import { CrashLoad } from './load.ts';
import { report } from './report.ts';
import { CrashRig } from './rig.ts';

const BESIDES_MS = 3000;

const [seconds = '60'] = process.argv.slice(2);
const rig = await CrashRig.create('spooled');
try {
  const load = new CrashLoad(rig.port);
  await delay(BESIDES_MS);
  await rig.postgres.stop();
  await delay(Number(seconds) * 1000);
  await rig.postgres.start();
  const startedAt = performance.now();
  await delay(BESIDES_MS);
  // What has a key is not spooled, and may take longer.
  const stopped = load.stop();
  await rig.drained();
  const drainedMs = performance.now() - startedAt;
  await stopped;
  await rig.drained();
  process.stdout.write(
    `PostgreSQL stopped for ${seconds} s; spool empty ${Math.round(drainedMs)} ms after its return\n`,
  );
  const holds = await report(rig, load);
  process.exitCode = holds && load.refused + load.broken === 0 ? 0 : 1;
} finally {
  await rig.close();
}
