/**
 * `make test-integration` against the servers of docker-compose.yml, which are brought up for it and taken down afterwards:
 *
 *   node test/integration/on-compose.ts         needs Docker on Linux; DATA as there
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { Compose } from '../stack/compose.ts';

const PORTS = { MLFLOW_PORT: '25000', MINIO_PORT: '29000', MINIO_CONSOLE_PORT: '29001', POSTGRES_PORT: '25432' };
const demo = parseEnv(readFileSync('.env.example', 'utf8'));
/** Where the tests find them. */
const SERVERS = {
  MLFLOW_TRACKING_URI: `http://127.0.0.1:${PORTS.MLFLOW_PORT}`,
  MLFLOW_S3_ENDPOINT_URL: `http://127.0.0.1:${PORTS.MINIO_PORT}`,
  AWS_ACCESS_KEY_ID: demo['MINIO_ROOT_USER']!,
  AWS_SECRET_ACCESS_KEY: demo['MINIO_ROOT_PASSWORD']!,
  DATABASE_URL: `postgresql://postgres:${demo['POSTGRES_PASSWORD']}@127.0.0.1:${PORTS.POSTGRES_PORT}/postgres`,
};

const compose = new Compose(
  'credit-default-integration',
  ['docker-compose.yml', 'test/integration/servers.yml'],
  PORTS,
);
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void compose.down().finally(() => process.exit(1)));
}
try {
  await compose.down();
  await compose.run('up', '--detach', '--build', '--wait', 'mlflow');
  process.exitCode = await runTests();
} finally {
  await compose.down();
}

async function runTests(): Promise<number> {
  const make = spawn('make', ['--no-print-directory', 'test-integration'], {
    env: { ...process.env, ...SERVERS },
    stdio: 'inherit',
  });
  const [code] = (await once(make, 'exit')) as [number | null];
  return code ?? 1;
}
