import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { postgresBinaries } from '../../deploy/local/binaries.ts';
import { serverUser } from '../../deploy/local/server-user.ts';

const READY_WITHIN_MS = 30_000;
const RETRY_MS = 100;

/** A PostgreSQL that can be killed at any moment, and started again on the same port and data. */
export class PostgresProcess {
  /** Of a database on it. */
  readonly url: string;
  readonly data: string;
  /** Beside those of its data directory. */
  private readonly settings: readonly string[];
  private readonly port: number;
  private readonly user = serverUser();
  private readonly program = path.join(postgresBinaries(this.user), 'postgres');
  private child: ChildProcess | undefined;

  /** @param settings such as `wal_level=logical` */
  constructor(data: string, url: string, settings: readonly string[] = []) {
    this.data = data;
    this.settings = settings;
    this.url = url;
    this.port = Number(new URL(url).port);
  }

  /** Starts it and waits until it has recovered. What a killed one holds is free after a moment, so it may take attempts. */
  async start(): Promise<void> {
    const giveUpAt = performance.now() + READY_WITHIN_MS;
    while (!(await this.answers())) {
      if (performance.now() > giveUpAt) throw new Error('PostgreSQL does not come up again.');
      if (!this.isRunning) this.spawn();
      await delay(RETRY_MS);
    }
  }

  async kill(): Promise<void> {
    const { child } = this;
    if (!child || !this.isRunning) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  async stop(): Promise<void> {
    const { child } = this;
    if (!child || !this.isRunning) return;
    const ended = once(child, 'exit');
    child.kill('SIGINT');
    await ended;
  }

  private get isRunning(): boolean {
    return this.child !== undefined && this.child.exitCode === null && this.child.signalCode === null;
  }

  private spawn(): void {
    const settings = [
      'listen_addresses=127.0.0.1',
      'unix_socket_directories=',
      'log_min_messages=fatal',
      ...this.settings,
    ];
    const args = ['-D', this.data, '-p', String(this.port), ...settings.flatMap((setting) => ['-c', setting])];
    this.child = spawn(this.program, args, { ...this.user, stdio: 'ignore' });
  }

  private async answers(): Promise<boolean> {
    const client = new Client({ connectionString: this.url, connectionTimeoutMillis: 1000 });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return true;
    } catch {
      return false;
    } finally {
      await client.end().catch(() => undefined);
    }
  }
}
