/** A PostgreSQL of the bench's own, as durable as it comes, with the schema of the build. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import path from 'node:path';
import { Client } from 'pg';
import { LocalDatabase } from '../../deploy/local/local-database.ts';
import { canEnter, enterableDirectory, serverUser } from '../../deploy/local/server-user.ts';
import { pinToCore } from './cores.js';

/** More of the write-ahead log than a bench writes while it measures: 640 MiB. */
const WAL_SEGMENTS = 40;

/**
 * Its data lie on the disk of this checkout, so that a commit costs what it costs there, and go when it is closed.
 *
 * @param {number} core where the server runs
 */
export async function openDatabase(core) {
  mkdirSync('.data', { recursive: true });
  const parent = canEnter(serverUser(), '.data') ? '.data' : enterableDirectory();
  const directory = realpathSync(parent);
  const data = path.join(directory, 'bench-postgres');
  const database = await LocalDatabase.open(data, sayLost, new AbortController().signal);
  let closed;
  const close = () => (closed ??= database.close().then(() => rmSync(data, { recursive: true })));
  // The server outlives this process, unless somebody stops it.
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void close().finally(() => process.exit(130)));
  try {
    const env = {
      PREDICTION_LOG: 'on',
      DATABASE_URL: database.url,
      PREDICTION_LOG_CHAIN_KEY: 'a key of the bench, long enough for all',
    };
    execFileSync(process.execPath, ['dist/database/migrate.cli.js'], { env, stdio: ['ignore', 'ignore', 'inherit'] });
    const pid = Number(readFileSync(path.join(data, 'postmaster.pid'), 'utf8').split('\n')[0]);
    await pinToCore(pid, core); // backends that it starts later inherit this
    await age(database.url);
    return { env, pid, directory, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * Gives the server segments of its write-ahead log to use again, as one has that has run for a while. A new one fills each
 * with zeros first, and for 40 ms of every second or two nothing commits.
 */
async function age(url) {
  const client = new Client(url);
  await client.connect();
  try {
    for (let i = 0; i < WAL_SEGMENTS; i++) {
      await client.query("SELECT pg_logical_emit_message(true, '', '')"); // an empty segment is not left
      await client.query('SELECT pg_switch_wal()');
    }
    await client.query('CHECKPOINT');
  } finally {
    await client.end();
  }
}

function sayLost(reason) {
  process.stderr.write(`PostgreSQL went away: ${reason}\n`);
}
