/**
 * Is every answer that a client has seen on the standby that takes over?
 *
 * Drives the built service with 16 connections. PostgreSQL is a primary whose commits wait for a standby; the primary is killed
 * with SIGKILL under load and the standby promoted, and at the end every answer that a client has got is compared with the
 * table on it. Exits 1 when answers do not come again within 10 s, or as kills.ts.
 *
 *   node test/crash/failover.ts FAILOVERS
 */
import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '../support/eventually.ts';
import { CrashLoad } from './load.ts';
import { report } from './report.ts';
import { CrashRig } from './rig.ts';

const BEFORE_MS = 3000;
const AFTER_MS = 3000;
const ANSWERS_WITHIN_MS = 10_000;

const [failovers = '3'] = process.argv.slice(2);
let holds = true;
for (let i = 0; i < Number(failovers); i++) holds = (await failOver(i)) && holds;
process.exitCode = holds ? 0 : 1;

async function failOver(i: number): Promise<boolean> {
  const rig = await CrashRig.create('committed', true);
  try {
    const load = new CrashLoad(rig.port);
    // A group of singles writes the scoring context as well, and would hide that a transaction has not.
    load.sendsSingles = i % 2 === 0;
    await delay(BEFORE_MS + 500 * Math.random());
    const startedAt = await rig.failOver();
    const promotedAt = performance.now();
    await eventually(() => {
      if (load.lastAnswerAt < promotedAt) throw new Error('Nothing is answered since the standby has taken over.');
    }, ANSWERS_WITHIN_MS);
    const backMs = load.lastAnswerAt - startedAt;
    await delay(AFTER_MS);
    await load.stop();
    process.stdout.write(`failover ${i + 1}: answers again ${Math.round(backMs)} ms after the primary was killed\n`);
    return (await report(rig, load)) && backMs <= ANSWERS_WITHIN_MS;
  } finally {
    await rig.close();
  }
}
