import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** The built service as an operator runs it: what `npm start` runs, as a process told by its environment alone. */
export interface BuiltService {
  url: string;
  process: ChildProcess;
  /** Everything written to stdout and stderr so far. */
  logs(): string;
  /** Sends the signal and waits for the end. @returns the exit code, 128 + signal number where a signal killed it */
  stop(signal?: NodeJS.Signals): Promise<number>;
}

export interface EndedService {
  exitCode: number;
  /** Everything that was written to stdout and stderr. */
  output: string;
}

const START_DEADLINE_MS = 20_000;

const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: { start: string } };
const [, ...NODE_ARGUMENTS] = scripts.start.split(' ');

/**
 * @param env the service's whole environment, beside a free port, logs in JSON, a model cache of its own and
 *   PREDICTION_LOG=off
 * @throws Error with the logs when the service ends, or says nothing for 20 s, instead of becoming ready
 */
export async function startBuiltService(env: Record<string, string> = {}): Promise<BuiltService> {
  const { child, ended, output } = spawnService(env);
  const deadline = setTimeout(() => child.kill('SIGKILL'), START_DEADLINE_MS);
  const notReady = ended.then(({ exitCode }) => {
    throw new Error(`The service ended with ${exitCode} before it was ready:\n${output()}`);
  });
  const url = await Promise.race([listeningUrl(child), notReady]);
  // From here on the service may end without anybody having to know.
  notReady.catch(() => undefined);
  clearTimeout(deadline);
  return {
    url,
    process: child,
    logs: output,
    stop: async (signal = 'SIGTERM') => {
      child.kill(signal);
      return (await ended).exitCode;
    },
  };
}

/** Runs a service that is expected to end by itself, such as one that cannot start. */
export async function runBuiltService(env: Record<string, string>): Promise<EndedService> {
  const { child, ended } = spawnService(env);
  const deadline = setTimeout(() => child.kill('SIGKILL'), START_DEADLINE_MS);
  return ended.finally(() => clearTimeout(deadline));
}

function spawnService(env: Record<string, string>) {
  const cacheDirectory = mkdtempSync(join(tmpdir(), 'credit-default-cache-'));
  const child = spawn(process.execPath, NODE_ARGUMENTS, {
    env: {
      HOST: '127.0.0.1',
      PORT: '0',
      LOG_FORMAT: 'json',
      MODEL_CACHE_DIR: cacheDirectory,
      PREDICTION_LOG: 'off',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let written = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => (written += chunk));
  }
  const ended = new Promise<EndedService>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      rmSync(cacheDirectory, { recursive: true });
      resolve({ exitCode: code ?? 128 + constants.signals[signal!], output: written });
    });
  });
  return { child, ended, output: () => written };
}

/** Resolves with the address in the log line that says where the service listens. */
function listeningUrl(child: ReturnType<typeof spawnService>['child']): Promise<string> {
  return new Promise((resolve) => {
    createInterface(child.stdout).on('line', (line) => {
      if (/"message":"(Ready|Listening; )/.test(line)) resolve((JSON.parse(line) as { url: string }).url);
    });
  });
}
