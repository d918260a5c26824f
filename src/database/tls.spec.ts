import { appendFileSync, chmodSync, chownSync, copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { PostgresServer } from '../../deploy/local/postgres-server.ts';
import { serverUser } from '../../deploy/local/server-user.ts';
import { readVariables } from '../config/env.schema.js';
import { clientOptions, DATABASE_VARIABLES } from './client-options.js';

/** Signed by itself, for 127.0.0.1. */
const CERTIFICATE = 'test/fixtures/tls/cert.pem';
const KEY = 'test/fixtures/tls/key.pem';

describe('A PostgreSQL with TLS', () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'credit-default-tls-'));
  const server = new PostgresServer(path.join(directory, 'data'));
  beforeAll(async () => {
    chmodSync(directory, 0o755);
    await server.initialise();
    for (const [source, name] of [
      [CERTIFICATE, 'server.crt'],
      [KEY, 'server.key'],
    ] as const) {
      const file = path.join(server.data, name);
      copyFileSync(source, file);
      chmodSync(file, 0o600);
      const { uid = process.getuid!(), gid = process.getgid!() } = serverUser();
      chownSync(file, uid, gid);
    }
    appendFileSync(path.join(server.data, 'postgresql.conf'), 'ssl = on\n');
    await server.start();
  });
  afterAll(async () => {
    await server.stop();
    rmSync(directory, { recursive: true });
  });

  /** Connects as the service does. @returns whether by TLS */
  async function connect(sslmode: string, env: Record<string, string> = {}): Promise<boolean> {
    const DATABASE_URL = `${server.url('postgres')}?sslmode=${sslmode}`;
    const client = new Client(clientOptions(readVariables(DATABASE_VARIABLES, { DATABASE_URL, ...env })));
    await client.connect();
    try {
      const { rows } = await client.query('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()');
      return rows[0].ssl as boolean;
    } finally {
      await client.end();
    }
  }

  it.each([
    ['disable', false],
    ['require', true],
  ])('is used with sslmode=%s: %s', async (sslmode, isEncrypted) => {
    expect(await connect(sslmode)).toBe(isEncrypted);
  });

  it.each(['require', 'verify-ca', 'verify-full'])('is known by DATABASE_CA_FILE with sslmode=%s', async (sslmode) => {
    expect(await connect(sslmode, { DATABASE_CA_FILE: CERTIFICATE })).toBe(true);
  });

  it('is not trusted with sslmode=verify-full when its certificate is not of a known CA', async () => {
    await expect(connect('verify-full')).rejects.toThrow('self-signed certificate');
  });
});
