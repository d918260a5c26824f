/**
 * `make start`: the service with a PostgreSQL of its own. With DATABASE_URL set, or PREDICTION_LOG=off, the service alone.
 *
 *   node deploy/local/start.ts [COMMAND ARG...]     what to run instead of the built service
 *
 * The service and PostgreSQL are out of reach of the terminal's Ctrl-C: a signal goes to the service alone, and PostgreSQL
 * is stopped after it. The exit status is the service's. What this leaves behind when it is killed, `guard.ts` ends.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import type { Socket } from 'node:net';
import path from 'node:path';
import { loadEnvFile } from 'node:process';
import type { Running } from './guard.ts';
import { DatabaseInUseError, LocalDatabase } from './local-database.ts';
import { groupRuns, signalGroup } from './process-group.ts';
import { keptSecret } from './secret-file.ts';
import { canEnter, enterableDirectory, serverUser } from './server-user.ts';

/** The process of what runs now, for whoever finds it left behind. */
const PID_FILE = '.data/service.pid';
const KEY_FILE = '.data/prediction-log.key';
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
type Signal = (typeof SIGNALS)[number];

const command = process.argv.length > 2 ? process.argv.slice(2) : serviceCommand();
const interrupted = new AbortController();
let running: ChildProcess | undefined;
const guarded: Running = {};
const guard = startGuard();
// A reader of it that goes away must not end what the exit status still tells, and PostgreSQL with it.
process.stderr.on('error', () => undefined);

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
    say(`${(error as Error).message}${error instanceof DatabaseInUseError ? whatToEnd() : ''}`);
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
  const data = dataDirectory();
  const database = await LocalDatabase.open(data, { lost: sayLost, tookOver: sayTakenOver }, interrupted.signal);
  tellGuard({ data });
  try {
    const env = { DATABASE_URL: database.url, PREDICTION_LOG_CHAIN_KEY: chainKey() };
    const migrated = await runToEnd([process.execPath, 'dist/database/migrate.cli.js'], env);
    return migrated === 0 ? await runToEnd(command, env) : migrated;
  } finally {
    await database.close();
    tellGuard({ data: undefined });
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
  tellGuard({ service: running.pid });
  const [code, signal] = (await once(running, 'exit')) as [number | null, NodeJS.Signals | null];
  tellGuard({ service: undefined });
  running = undefined;
  return code ?? 128 + constants.signals[signal!];
}

function startGuard(): ChildProcess {
  const child = spawn(process.execPath, [path.join(import.meta.dirname, 'guard.ts')], {
    detached: true,
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  // Without it everything goes on, as it would if it were killed.
  for (const each of [child, child.stdin]) each.on('error', () => undefined);
  child.unref();
  (child.stdin as Socket).unref();
  return child;
}

function tellGuard(change: Running): void {
  Object.assign(guarded, change);
  guard.stdin!.write(`${JSON.stringify(guarded)}\n`);
  if (guarded.data === undefined) return;
  if (guarded.service === undefined) rmSync(PID_FILE, { force: true });
  else writeFileSync(PID_FILE, String(guarded.service));
}

/** What may use a PostgreSQL that was left behind. */
function whatToEnd(): string {
  const left = existsSync(PID_FILE) ? Number(readFileSync(PID_FILE, 'utf8')) : 0;
  return left > 0 && groupRuns(left)
    ? ` The service was left as well, as process ${left}: end it with "kill ${left}", and start again.`
    : ' End the clients that are connected to it, and start again.';
}

function sayTakenOver(): void {
  say('An earlier "make start" was killed and left its PostgreSQL running. Nobody uses it: taking it over.');
}

function sayLost(reason: string): void {
  say(`PostgreSQL went away (${reason}). The service goes on, and records again once PostgreSQL is back.`);
}

/** To stderr: stdout is the service's log. */
function say(message: string): void {
  process.stderr.write(`${message}\n`);
}
