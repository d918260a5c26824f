/**
 * Does a process that reloads for months grow?
 *
 * Moves the alias of a real MLflow 200 times and has the built service reload each time. Its cache has no room, so that
 * every version is downloaded again, by turns through MLflow and from MinIO; single predictions and batches, which a
 * worker thread with a session of its own answers, go on meanwhile. Prints resident memory and open files every 20
 * reloads, with the garbage collected; exits 1 when they grew too much since the first 20.
 *
 *   npm run bench:reload-memory            with the environment of the integration tests
 */
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { RegistryLab } from '../test/support/registry-lab.ts';
import { ADMIN_TOKEN, registerVersions, requireServers, startFollowing } from './support/registry.js';
import { bar, printTable, rounded } from './support/report.js';

const RELOADS = 200;
const REPORT_EVERY = 20;
const MAX_GROWTH_MIB = 15;
/** Enough for the worker thread. The garbage of larger ones makes its heap grow by more than all reloads. */
const BATCH_ROWS = 500;
const SINGLES_PER_RELOAD = 20;
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
  await proxied.setAlias('production', versions.at(-1));
  const service = await startFollowing(proxied, {
    MODEL_POLL_INTERVAL_MS: '3600000',
    MODEL_CACHE_MAX_BYTES: '1',
    NODE_OPTIONS: '--import ./bench/support/collect-garbage.js',
  });
  try {
    const rows = [];
    for (let reload = 1; reload <= RELOADS; reload++) {
      const traffic = sendTraffic(service.url);
      await reloadTo(service.url, versions[reload % versions.length]);
      await traffic;
      if (reload % REPORT_EVERY === 0) rows.push({ reloads: reload, ...(await resources(service.process)) });
    }
    report(rows);
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
  const singles = Array.from({ length: SINGLES_PER_RELOAD }, () =>
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

/** What is in use once the garbage is gone: how much of that may gather is V8's own decision. */
async function resources(service) {
  service.kill('SIGUSR2');
  for (let said = ''; !said.includes('garbage collected');) [said] = await once(service.stderr, 'data');
  const status = await readFile(`/proc/${service.pid}/status`, 'utf8');
  const openFiles = await readdir(`/proc/${service.pid}/fd`);
  return {
    'RSS MiB': rounded(Number(/^VmRSS:\s+(\d+) kB/m.exec(status)[1]) / 1024),
    'open files': openFiles.length,
  };
}

function report(rows) {
  printTable(rows);
  const [start, end] = [rows[0], rows.at(-1)];
  const bars = [
    bar('resident memory that was added, MiB', end['RSS MiB'] - start['RSS MiB'], MAX_GROWTH_MIB),
    bar('files and connections that were left open', end['open files'] - start['open files'], 0),
  ];
  process.exitCode = bars.every(Boolean) ? 0 : 1;
}
