import { randomBytes } from 'node:crypto';
import { chownSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { postgresBinaries } from './binaries.ts';
import { isDead } from './process-group.ts';
import { run } from './run.ts';
import { serverUser } from './server-user.ts';

const SUPERUSER = 'postgres';
const START_TIMEOUT_SECONDS = 60;

/**
 * A real PostgreSQL on this machine's loopback, with its data in one directory. It is nobody's child: it outlives whoever
 * started it until it is stopped.
 */
export class PostgresServer {
  readonly data: string;
  private readonly user = serverUser();
  private readonly binaries = postgresBinaries(this.user);

  /** @param data directory of the data: its real path, in a directory that exists and that `serverUser` can enter */
  constructor(data: string) {
    this.data = data;
  }

  /**
   * Makes the data directory unless there is one. It appears complete or not at all.
   *
   * @throws Error when the data are another user's or another PostgreSQL's, or initdb fails
   */
  async initialise(signal?: AbortSignal): Promise<void> {
    if (!existsSync(this.data)) await this.makeDataDirectory(signal);
    this.assertSameUser();
    await this.assertSameVersion();
  }

  /** @throws Error with the server's log when it does not start; it does not where it is running already */
  async start(): Promise<void> {
    await this.removeStrangersLock();
    const log = path.join(this.data, 'server.log');
    rmSync(log, { force: true });
    const options = `-p ${await freePort()} -c listen_addresses=127.0.0.1 -c unix_socket_directories=''`;
    const args = [
      `--pgdata=${this.data}`,
      `--log=${log}`,
      `--options=${options}`,
      `--timeout=${START_TIMEOUT_SECONDS}`,
    ];
    try {
      await this.run('pg_ctl', ['start', '--wait', ...args]);
    } catch (error) {
      const reason = existsSync(log) ? readFileSync(log, 'utf8').trim() : (error as Error).message;
      throw new Error(`PostgreSQL did not start on ${this.data}: ${reason}`, { cause: error });
    }
  }

  /** Breaks off what clients are doing, and writes everything to disk. Does nothing where it has gone by itself. */
  async stop(): Promise<void> {
    try {
      await this.run('pg_ctl', ['stop', '--wait', '--mode=fast', `--pgdata=${this.data}`]);
    } catch (error) {
      if (this.isRunning()) throw error;
    }
  }

  /** URL of a database on the server that runs on the data, or ran there last if it was killed; undefined without any. */
  url(database: string): string | undefined {
    const port = this.lock()?.[3];
    if (!port) return undefined;
    const password = readFileSync(path.join(this.data, 'password'), 'utf8');
    return `postgresql://${SUPERUSER}:${password}@127.0.0.1:${port}/${database}`;
  }

  private isRunning(): boolean {
    const pid = this.lock()?.[0];
    try {
      return pid !== undefined && process.kill(Number(pid), 0);
    } catch {
      return false;
    }
  }

  private async makeDataDirectory(signal?: AbortSignal): Promise<void> {
    const unfinished = mkdtempSync(`${this.data}-new-`);
    try {
      const directory = path.join(unfinished, 'data');
      const password = path.join(unfinished, 'password');
      writeFileSync(password, randomBytes(16).toString('hex'), { mode: 0o600 });
      this.handOver(unfinished);
      this.handOver(password);
      await this.run('initdb', initdbArguments(directory, password), signal);
      renameSync(password, path.join(directory, 'password'));
      renameSync(directory, this.data);
    } catch (error) {
      // Somebody else may have made it in the meantime.
      if (!existsSync(this.data)) throw error;
    } finally {
      rmSync(unfinished, { recursive: true, force: true });
    }
  }

  private assertSameUser(): void {
    const { uid } = statSync(this.data);
    const expected = this.user.uid ?? process.getuid?.();
    if (uid === expected) return;
    throw new Error(
      `${this.data} belongs to user ${uid}, and PostgreSQL would run as user ${expected} now. Start as the user who ` +
        'started first, or remove the directory to begin with an empty database.',
    );
  }

  private async assertSameVersion(): Promise<void> {
    const made = readFileSync(path.join(this.data, 'PG_VERSION'), 'utf8').trim();
    const [here] = /\d+/.exec(await this.run('postgres', ['--version']))!;
    if (made === here) return;
    throw new Error(
      `${this.data} holds data of PostgreSQL ${made}, and this is PostgreSQL ${here}. Move the directory away to begin ` +
        'with an empty database, or set DATABASE_URL to a server that has taken the data over.',
    );
  }

  /**
   * PostgreSQL finds out by itself that the holder of its lock file is gone or another user's, but not that it is dead and
   * nobody has waited for it, as may be in a container, nor that another program of the same user now has its number.
   */
  private async removeStrangersLock(): Promise<void> {
    const pid = this.lock()?.[0];
    if (pid !== undefined && (isDead(Number(pid)) || (await this.isStranger(pid)))) rmSync(this.lockFile);
  }

  /**
   * A server's working directory is that of its data. The question is put as the server's user: who runs a process may look
   * at it, and root may not in most containers. Where there is no answer, PostgreSQL is left to decide.
   */
  private async isStranger(pid: string): Promise<boolean> {
    const directory = await run('readlink', ['-n', `/proc/${pid}/cwd`], this.user).catch(() => this.data);
    return directory !== this.data;
  }

  /** The lines of PostgreSQL's lock file: process number, data directory, start time, port and more. */
  private lock(): string[] | undefined {
    return existsSync(this.lockFile) ? readFileSync(this.lockFile, 'utf8').split('\n') : undefined;
  }

  private get lockFile(): string {
    return path.join(this.data, 'postmaster.pid');
  }

  private handOver(file: string): void {
    if (this.user.uid !== undefined) chownSync(file, this.user.uid, this.user.gid!);
  }

  private run(program: string, args: readonly string[], signal?: AbortSignal): Promise<string> {
    return run(path.join(this.binaries, program), args, { ...this.user, ...(signal && { signal }) });
  }
}

const initdbArguments = (directory: string, passwordFile: string): string[] => [
  `--pgdata=${directory}`,
  `--username=${SUPERUSER}`,
  `--pwfile=${passwordFile}`,
  '--auth=scram-sha-256',
  '--encoding=UTF8',
  '--locale=C',
];

export async function freePort(): Promise<number> {
  const server = net.createServer();
  return new Promise((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', () => {
      const { port } = server.address() as net.AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
