/**
 * Where does the service spend its time?
 *
 * Drives the built service with single rows under `node --cpu-prof` and prints, for the time under load alone, the self time
 * of functions and a flame graph as text: share with all that was called, share of the function itself, the call. The
 * profile, and its stacks in the form that flame graph tools read, go to .data/profile.
 *
 *   npm run bench:profile        PREDICTION_LOG=off (or on), CONNECTIONS=64, ROUND_SECONDS=10 are the defaults
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { startBuiltService } from '../test/support/built-service.ts';
import { callTree, flameLines, foldedStacks, percent, selfTimes } from './support/cpu-profile.js';
import { openDatabase } from './support/database.js';
import { drive } from './support/load.js';
import { pinToCore } from './support/cores.js';
import { rounded } from './support/report.js';

const CONNECTIONS = Number(process.env.CONNECTIONS ?? 64);
const SECONDS = Number(process.env.ROUND_SECONDS ?? 10);
const RECORDS = process.env.PREDICTION_LOG === 'on';
const SERVICE_CORE = 0;
const OTHER_CORE = 1;
const DIRECTORY = path.resolve('.data/profile');
const SAMPLE_US = 250;
const SHOWN_FUNCTIONS = 40;
const SHOWN_SHARE = 0.01;
const BODY = { data: { features: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0] } };

const monotonicUs = () => Number(process.hrtime.bigint() / 1000n);
const print = (text) => process.stdout.write(`${text}\n`);

rmSync(DIRECTORY, { recursive: true, force: true });
mkdirSync(DIRECTORY, { recursive: true });
const database = RECORDS ? await openDatabase(OTHER_CORE) : undefined;
try {
  await main(database?.env ?? { PREDICTION_LOG: 'off' });
} finally {
  await database?.close();
}

async function main(env) {
  await pinToCore(process.pid, SERVICE_CORE); // the service inherits this
  const profiling = `--cpu-prof --cpu-prof-dir=${DIRECTORY} --cpu-prof-interval=${SAMPLE_US}`;
  const service = await startBuiltService({ NODE_ENV: 'production', NODE_OPTIONS: profiling, ...env });
  const url = `${service.url}/predict`;
  await drive(url, BODY, { connections: CONNECTIONS, seconds: 3, core: OTHER_CORE }); // warm-up
  const fromUs = monotonicUs();
  const { perSecond } = await drive(url, BODY, {
    connections: CONNECTIONS,
    seconds: SECONDS,
    core: OTHER_CORE,
  });
  const untilUs = monotonicUs();
  await service.stop();
  const tree = callTree(mainThreadProfile(), fromUs, untilUs);
  const folded = path.join(DIRECTORY, 'stacks.folded');
  writeFileSync(folded, `${foldedStacks(tree).join('\n')}\n`);
  print(
    `${Math.round(perSecond)} req/s at ${CONNECTIONS} connections, PREDICTION_LOG=${env.PREDICTION_LOG}, profiled\n`,
  );
  printSelfTimes(tree, perSecond);
  print(`\n total   self  (from ${SHOWN_SHARE * 100} % on)`);
  print(flameLines(tree, SHOWN_SHARE).join('\n'));
  print(`\n${path.relative('.', DIRECTORY)} has the profile and ${path.basename(folded)}.`);
}

/** Batch threads write profiles of their own; they hardly did anything here. */
function mainThreadProfile() {
  const name = readdirSync(DIRECTORY).find((file) => /\.0\.\d+\.cpuprofile$/.test(file));
  return JSON.parse(readFileSync(path.join(DIRECTORY, name), 'utf8'));
}

function printSelfTimes(tree, perSecond) {
  print(' self  us/request  function');
  for (const [name, us] of selfTimes(tree).slice(0, SHOWN_FUNCTIONS)) {
    const share = us / tree.totalUs;
    print(
      `${percent(share)} ${rounded((share * 1e6) / perSecond)
        .toFixed(2)
        .padStart(8)}  ${name}`,
    );
  }
}
