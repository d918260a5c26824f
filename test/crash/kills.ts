/**
 * Is every answer that a client has seen in the table, whatever crashes?
 *
 * Drives the built service with 16 connections, kills it, its PostgreSQL or both with SIGKILL at random moments, starts them
 * again, and at the end compares every answer that a client has got with the table. Exits 1 when one is missing, differs or
 * is there twice, or when the chain does not fit; see report.ts. The end may take half a minute, for as long as the key of
 * a request that died with its service is claimed.
 *
 *   node test/crash/kills.ts committed|spooled KILLS [SEED]
 */
import { setTimeout as delay } from 'node:timers/promises';
import { CrashLoad } from './load.ts';
import { report } from './report.ts';
import { CrashRig } from './rig.ts';

/** From none on, since what a connection does first must hold too. */
const RUN_MS = { least: 0, most: 1500 };
const PAUSE_MS = { least: 0, most: 500 };
const VICTIMS = ['service', 'postgres', 'both'] as const;

const [durability = 'committed', kills = '10', seed = String(Date.now() % 1e6)] = process.argv.slice(2);
const random = randomNumbers(Number(seed));
const rig = await CrashRig.create(durability);
try {
  const load = new CrashLoad(rig.port);
  for (let kill = 0; kill < Number(kills); kill++) {
    await delay(between(RUN_MS));
    // A group of singles writes the scoring context as well, and would hide that a transaction has not.
    load.sendsSingles = Math.floor(kill / VICTIMS.length) % 2 === 1;
    await killAndRestart(VICTIMS[kill % VICTIMS.length]!);
  }
  load.sendsSingles = true;
  await delay(RUN_MS.most);
  await load.stop();
  if (durability === 'spooled') await rig.drained();
  process.stdout.write(`${durability}: ${kills} kills, of ${VICTIMS.join(', ')} by turns; seed ${seed}\n`);
  process.exitCode = (await report(rig, load)) ? 0 : 1;
} finally {
  await rig.close();
}

async function killAndRestart(victim: (typeof VICTIMS)[number]): Promise<void> {
  if (victim !== 'service') await rig.postgres.kill();
  if (victim !== 'postgres') await rig.endService('SIGKILL');
  await delay(between(PAUSE_MS));
  const restarts: Promise<void>[] = [];
  if (victim !== 'service') restarts.push(rig.postgres.start());
  if (victim !== 'postgres') restarts.push(rig.startService());
  await Promise.all(restarts);
}

function between({ least, most }: { least: number; most: number }): number {
  return least + random() * (most - least);
}

/** Mulberry32: the same seed kills after the same times. */
function randomNumbers(state: number): () => number {
  return () => {
    state = (state + 0x6d_2b_79_f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
