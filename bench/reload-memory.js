/**
 * Does a process that reloads for months grow?
 *
 * Three times the same 200 rounds, each in a process of its own that traffic has warmed up before:
 *
 *     reloads      what an operator sees: the alias of a real MLflow moves, the built service reloads, traffic goes on
 *     no reloads   the traffic alone: what grows here is not the reloads'
 *     collected    reloads and traffic, with the garbage collected before each look: only what leaks can grow
 *
 * The cache has no room, so that every version is downloaded again, by turns through MLflow and from MinIO. The traffic is
 * single predictions and batches, which a worker thread with a session of its own answers. Prints resident memory and open
 * files every 20 rounds; exits 1 when they grew too much since the first 20.
 *
 *   npm run bench:reload-memory            with the environment of the integration tests
 */
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { RegistryLab } from '../test/support/registry-lab.ts';
import { COLLECTED, COLLECTS_GARBAGE } from './support/garbage-collection.js';
import { ADMIN_TOKEN, registerVersions, requireServers, startFollowing } from './support/registry.js';
import { bar, printTable, rounded } from './support/report.js';

const ROUNDS = 200;
const WARM_UP_ROUNDS = 500;
const REPORT_EVERY = 20;
const MAX_GROWTH_MIB = 15;
/** Enough for the worker thread. */
const BATCH_ROWS = 500;
const SINGLES_PER_ROUND = 20;
const FEATURES = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

requireServers();
const proxied = await RegistryLab.create('proxied');
const direct = await RegistryLab.create('direct');
try {
  await main();
} finally {
  await proxied.close();
  await direct.close();
}

async function main() {
  const versions = await registerVersions(proxied, 4, (i) => (i % 2 === 0 ? proxied : direct));
  report({
    reloads: await measure({ versions }),
    'no reloads': await measure({ versions: [versions.at(-1)] }),
    collected: await measure({ versions, collect: true }),
  });
}

/**
 * @param versions are reloaded by turns; a single one only serves
 * @param collect whether the garbage is collected before each look at the resources
 */
async function measure({ versions, collect = false }) {
  await proxied.setAlias('production', versions.at(-1));
  const service = await startFollowing(proxied, {
    MODEL_POLL_INTERVAL_MS: '3600000',
    MODEL_CACHE_MAX_BYTES: '1',
    ...(collect && COLLECTS_GARBAGE),
  });
  try {
    for (let round = 1; round <= WARM_UP_ROUNDS; round++) await sendTraffic(service.url);
    const looks = [];
    for (let round = 1; round <= ROUNDS; round++) {
      const traffic = sendTraffic(service.url);
      if (versions.length > 1) await reloadTo(service.url, versions[round % versions.length]);
      await traffic;
      if (round % REPORT_EVERY > 0) continue;
      if (collect) await collectGarbage(service.process);
      looks.push(await resources(service.process));
    }
    return looks;
  } finally {
    await service.stop();
  }
}

async function reloadTo(url, version) {
  await proxied.setAlias('production', version);
  const { status, body } = await post(`${url}/admin/model/reload`, {}, { Authorization: `Bearer ${ADMIN_TOKEN}` });
  if (status !== 200 || body.result !== 'swapped' || body.live.version !== version) {
    throw new Error(`No reload to version ${version}: ${status} ${JSON.stringify(body)}`);
  }
}

/** Single predictions, and one batch that goes to the worker thread. */
async function sendTraffic(url) {
  const batch = Array.from({ length: BATCH_ROWS }, () => ({ features: FEATURES }));
  const singles = Array.from({ length: SINGLES_PER_ROUND }, () =>
    post(`${url}/predict`, { data: { features: FEATURES } }),
  );
  const answers = await Promise.all([post(`${url}/predict/batch`, { data: batch }), ...singles]);
  const failed = answers.find(({ status }) => status !== 200);
  if (failed) throw new Error(`A prediction failed: ${JSON.stringify(failed)}`);
}

async function post(url, body, headers = {}) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: await response.json() };
}

async function collectGarbage(service) {
  service.kill('SIGUSR2');
  for (let said = ''; !said.includes(COLLECTED);) [said] = await once(service.stderr, 'data');
}

async function resources(service) {
  const status = await readFile(`/proc/${service.pid}/status`, 'utf8');
  return {
    rssMib: Number(/^VmRSS:\s+(\d+) kB/m.exec(status)[1]) / 1024,
    openFiles: (await readdir(`/proc/${service.pid}/fd`)).length,
  };
}

function growth(looks, what) {
  return looks.at(-1)[what] - looks[0][what];
}

function report(runs) {
  const columns = Object.entries(runs);
  printTable(
    runs.reloads.map((_, i) => ({
      rounds: (i + 1) * REPORT_EVERY,
      ...Object.fromEntries(columns.map(([name, looks]) => [`${name}: RSS MiB`, rounded(looks[i].rssMib)])),
      ...Object.fromEntries(columns.map(([name, looks]) => [`${name}: files`, looks[i].openFiles])),
    })),
  );
  process.stdout.write(`The traffic alone added ${rounded(growth(runs['no reloads'], 'rssMib'))} MiB.\n`);
  const bars = [
    bar('resident memory that reloads and traffic added, MiB', growth(runs.reloads, 'rssMib'), MAX_GROWTH_MIB),
    bar('the same with the garbage collected', growth(runs.collected, 'rssMib'), MAX_GROWTH_MIB),
    bar('files and connections that were left open', growth(runs.reloads, 'openFiles'), 0),
  ];
  process.exitCode = bars.every(Boolean) ? 0 : 1;
}
