import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { constants, tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach } from '@jest/globals';
import { PostgresServer } from '../../deploy/local/postgres-server.ts';
import type { User } from '../../deploy/local/run.ts';
import { eventually } from './eventually.js';

const START_DEADLINE_MS = 20_000;

/** Stands for the service: says what it was given, and has one thing more to record when it is told to end. */
const SERVICE = `
  const { DATABASE_URL, PREDICTION_LOG_CHAIN_KEY } = process.env;
  const end = async () => {
    const client = new (require('pg').Client)(DATABASE_URL);
    await client.connect();
    await client.query('CREATE TABLE recorded_at_the_end ()');
    process.exit(0);
  };
  process.once('SIGTERM', end).once('SIGINT', end);
  console.log(JSON.stringify({ pid: process.pid, DATABASE_URL, PREDICTION_LOG_CHAIN_KEY }));
  setInterval(() => undefined, 1e6);
`;

export interface LaunchedService {
  pid: number;
  DATABASE_URL: string;
  PREDICTION_LOG_CHAIN_KEY: string;
}

interface LaunchOptions {
  command?: string[];
  env?: Record<string, string>;
  through?: string[];
}

/** A checkout of the project that shares this one's build and packages. */
export class Checkout {
  readonly directory: string;
  /** Where PostgreSQL's data are, once there are any. */
  readonly data: string;
  private readonly launchers: Launcher[] = [];

  /** @param user who it belongs to and who starts it */
  constructor(private readonly user: User = {}) {
    this.directory = realpathSync(mkdtempSync(path.join(tmpdir(), 'credit-default-checkout-')));
    chmodSync(this.directory, 0o755);
    if (user.uid !== undefined) chownSync(this.directory, user.uid, user.gid!);
    for (const shared of ['dist', 'node_modules', 'package.json']) {
      symlinkSync(path.resolve(shared), this.path(shared));
    }
    this.data = this.path('.data/postgres');
  }

  path(name: string): string {
    return path.join(this.directory, name);
  }

  /** `make start`; with a command, that instead of the service; `through` a program that runs it, such as `env`. */
  start(options: LaunchOptions = {}): Launcher {
    const launcher = new Launcher(this.directory, { ...options, ...this.user });
    this.launchers.push(launcher);
    return launcher;
  }

  get serverPid(): number {
    return Number(readFileSync(path.join(this.data, 'postmaster.pid'), 'utf8').split('\n')[0]);
  }

  /** Ends what still runs. */
  async close(): Promise<void> {
    for (const launcher of this.launchers) await launcher.stop();
    if (existsSync(path.join(this.data, 'postmaster.pid')))
      await new PostgresServer(this.data).stop().catch(() => undefined);
    rmSync(this.directory, { recursive: true });
  }
}

/** `make start`, in a group of processes of its own like that of a terminal's job. */
export class Launcher {
  /** Everything that it and the service wrote. */
  output = '';
  readonly exitStatus: Promise<number>;
  private readonly process: ChildProcess;

  constructor(cwd: string, options: User & LaunchOptions) {
    const { command = [process.execPath, '-e', SERVICE], env, through = [], ...user } = options;
    const [program, ...args] = [...through, process.execPath, path.resolve('deploy/local/start.ts'), ...command];
    this.process = spawn(program!, args, {
      cwd,
      env: { PATH: process.env['PATH'], ...env },
      detached: true,
      ...user,
    });
    for (const stream of [this.process.stdout!, this.process.stderr!]) {
      stream.setEncoding('utf8').on('data', (chunk: string) => (this.output += chunk));
    }
    this.exitStatus = once(this.process, 'exit').then(
      ([code, signal]) => (code as number | null) ?? 128 + constants.signals[signal as NodeJS.Signals],
    );
  }

  /** What the service says once it is up. */
  async service(): Promise<LaunchedService> {
    return JSON.parse(await this.line(/^\{.*\}$/m)) as LaunchedService;
  }

  /** Resolves with what matches, once it was written. */
  async line(pattern: RegExp): Promise<string> {
    const ended = this.exitStatus.then((status) => {
      throw new Error(`It ended with ${status} before it wrote ${pattern}: ${this.output}`);
    });
    const written = eventually(() => {
      const [match] = pattern.exec(this.output) ?? [];
      if (match === undefined) throw new Error(`It does not write ${pattern}: ${this.output}`);
      return match;
    }, START_DEADLINE_MS);
    return Promise.race([written, ended]);
  }

  /** Signals the whole group, as a terminal's Ctrl-C does. @returns the exit status */
  interrupt(signal: NodeJS.Signals = 'SIGINT'): Promise<number> {
    process.kill(-this.process.pid!, signal);
    return this.exitStatus;
  }

  /** Kills it and what would end what it leaves behind: the one other child that it has. */
  async killWithGuard(): Promise<void> {
    const pid = this.process.pid!;
    const children = execFileSync('pgrep', ['-P', String(pid), '-f', 'guard.ts'], { encoding: 'utf8' });
    process.kill(Number(children), 'SIGKILL');
    await this.interrupt('SIGKILL');
  }

  /** Ends it unless it has ended. */
  async stop(): Promise<void> {
    if (this.process.exitCode === null && this.process.signalCode === null) await this.interrupt('SIGTERM');
  }
}

/** Gives checkouts, with nothing of them left running after each test. To be called where hooks may be registered. */
export function checkouts(): (user?: User) => Checkout {
  const made: Checkout[] = [];
  afterEach(async () => {
    for (const checkout of made.splice(0)) await checkout.close();
  });
  return (user) => {
    const checkout = new Checkout(user);
    made.push(checkout);
    return checkout;
  };
}
