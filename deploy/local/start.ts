/**
 * `make start`: the service with a PostgreSQL of its own. With DATABASE_URL set, or PREDICTION_LOG=off, the service alone.
 *
 *   node deploy/local/start.ts [COMMAND ARG...]     what to run instead of the built service
 *
 * The service and PostgreSQL are out of reach of the terminal's Ctrl-C: a signal goes to the service alone, and PostgreSQL
 * is stopped after it. The exit status is the service's.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, realpathSync } from 'node:fs';
import { constants } from 'node:os';
import path from 'node:path';
import { loadEnvFile } from 'node:process';
import { LocalDatabase } from './local-database.ts';
import { keptSecret } from './secret-file.ts';
import { canEnter, enterableDirectory, serverUser } from './server-user.ts';

const KEY_FILE = '.data/prediction-log.key';
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
type Signal = (typeof SIGNALS)[number];

const command = process.argv.length > 2 ? process.argv.slice(2) : serviceCommand();
const interrupted = new AbortController();
let running: ChildProcess | undefined;

for (const signal of SIGNALS) {
  process.on(signal, () => {
    if (interrupted.signal.aborted) return;
    interrupted.abort(signal);
    if (running) signalGroup(running.pid!, signal === 'SIGHUP' ? 'SIGTERM' : signal);
  });
}
try {
  process.exitCode = await main();
} catch (error) {
  const { aborted, reason } = interrupted.signal;
  if (aborted && error === reason) {
    process.exitCode = 128 + constants.signals[reason as Signal];
  } else {
    say((error as Error).message);
    process.exitCode = 1;
  }
}

/** What `npm start` runs, without npm between: it would hand on a signal that the service has already had. */
function serviceCommand(): string[] {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: { start: string } };
  return scripts.start.split(' ').map((word) => (word === 'node' ? process.execPath : word));
}

async function main(): Promise<number> {
  if (existsSync('.env')) loadEnvFile('.env');
  if (process.env['DATABASE_URL'] || process.env['PREDICTION_LOG'] === 'off') return runToEnd(command);
  mkdirSync('.data', { recursive: true });
  const database = await LocalDatabase.open(dataDirectory(), sayLost, interrupted.signal);
  try {
    const env = { DATABASE_URL: database.url, PREDICTION_LOG_CHAIN_KEY: chainKey() };
    const migrated = await runToEnd([process.execPath, 'dist/database/migrate.cli.js'], env);
    return migrated === 0 ? await runToEnd(command, env) : migrated;
  } finally {
    await database.close();
  }
}

/** `.data/postgres`, or where root keeps what the server's user cannot reach in its home. */
function dataDirectory(): string {
  const reachable = canEnter(serverUser(), '.data');
  const parent = reachable ? '.data' : enterableDirectory();
  const directory = path.join(realpathSync(parent), 'postgres');
  if (!reachable)
    say(`PostgreSQL cannot run as root and cannot enter ${path.resolve('.data')}: its data are in ${directory}.`);
  return directory;
}

function chainKey(): string {
  const given = process.env['PREDICTION_LOG_CHAIN_KEY'];
  if (given) return given;
  const { secret, isNew } = keptSecret(KEY_FILE);
  if (isNew) say(`Made ${KEY_FILE}. Keep it: without it nobody can verify what was recorded.`);
  return secret;
}

/** @returns the exit status, 128 + number where a signal ended it */
async function runToEnd(argv: readonly string[], env: Record<string, string> = {}): Promise<number> {
  interrupted.signal.throwIfAborted();
  const [program, ...args] = argv;
  running = spawn(program!, args, { stdio: 'inherit', detached: true, env: { ...process.env, ...env } });
  const [code, signal] = (await once(running, 'exit')) as [number | null, NodeJS.Signals | null];
  running = undefined;
  return code ?? 128 + constants.signals[signal!];
}

function signalGroup(leader: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-leader, signal);
  } catch {
    // It has ended at this very moment, and is about to be noticed.
  }
}

function sayLost(reason: string): void {
  say(`PostgreSQL went away (${reason}). The service goes on, and records again once PostgreSQL is back.`);
}

/** To stderr: stdout is the service's log. */
function say(message: string): void {
  process.stderr.write(`${message}\n`);
}
