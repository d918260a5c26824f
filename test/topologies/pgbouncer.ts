import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Client } from 'pg';
import { serverUser } from '../../deploy/local/server-user.ts';
import { eventually } from '../support/eventually.js';
import { freePort } from '../support/free-port.js';

/** A PgBouncer in front of a PostgreSQL, with few connections to it, so that sessions are shared. */
export class PgBouncer {
  private constructor(
    /** The URL that it was started for, by way of it. */
    readonly url: string,
    private readonly child: ChildProcess,
    private readonly directory: string,
  ) {}

  /**
   * @param target URL of a database on PostgreSQL, with a password
   * @param settings beside those of Debian's package
   */
  static async start(target: string, settings: Record<string, string>): Promise<PgBouncer> {
    const { hostname, port, username, password } = new URL(target);
    const directory = mkdtempSync(path.join(tmpdir(), 'credit-default-pgbouncer-'));
    const ownPort = await freePort();
    const lines = {
      listen_addr: '127.0.0.1',
      listen_port: String(ownPort),
      unix_socket_dir: '',
      auth_type: 'scram-sha-256',
      auth_file: path.join(directory, 'users.txt'),
      default_pool_size: '4',
      ...settings,
    };
    write(path.join(directory, 'users.txt'), `"${username}" "${password}"\n`);
    write(
      path.join(directory, 'pgbouncer.ini'),
      `[databases]\n* = host=${hostname} port=${port}\n[pgbouncer]\n` +
        Object.entries(lines)
          .map(([name, value]) => `${name} = ${value}\n`)
          .join(''),
    );
    chmodSync(directory, 0o755);
    const child = spawn(process.env['PGBOUNCER_BIN'] ?? 'pgbouncer', [path.join(directory, 'pgbouncer.ini')], {
      ...serverUser(),
      stdio: 'ignore',
    });
    const url = new URL(target);
    url.port = String(ownPort);
    const pooler = new PgBouncer(url.href, child, directory);
    await eventually(() => pooler.assertUp());
    return pooler;
  }

  async close(): Promise<void> {
    const ended = once(this.child, 'exit');
    this.child.kill('SIGINT');
    // Those who are connected are waited for otherwise.
    this.child.kill('SIGTERM');
    await ended;
    rmSync(this.directory, { recursive: true });
  }

  private async assertUp(): Promise<void> {
    const client = new Client({ connectionString: this.url });
    await client.connect();
    await client.end();
  }
}

function write(file: string, text: string): void {
  writeFileSync(file, text);
  const { uid, gid } = serverUser();
  if (uid !== undefined) chownSync(file, uid, gid!);
}
