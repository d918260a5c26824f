import startDatabaseServer from '../support/start-database-server.ts';

const NEEDED = [
  ['MLFLOW_TRACKING_URI', 'http://127.0.0.1:5000'],
  ['MLFLOW_S3_ENDPOINT_URL', 'http://127.0.0.1:9000'],
  ['AWS_ACCESS_KEY_ID', 'minio'],
  ['AWS_SECRET_ACCESS_KEY', 'minio123'],
  ['DATABASE_URL', 'postgresql://user:password@127.0.0.1:5432/database'],
] as const;

/** The integration tests prove something about real servers only, so without them they fail. */
export default async function requireServices(): Promise<void> {
  const missing = NEEDED.filter(([name]) => !process.env[name]);
  if (missing.length > 0) {
    throw new Error(
      'The integration tests need a real MLflow (3.17) that serves artifacts from the bucket `mlflow` of a MinIO, and a ' +
        'PostgreSQL (15 or later) in whose database they may make schemas. ' +
        `CONTRIBUTING.md says how to start them; then say where they are: ${missing.map((variable) => variable.join('=')).join(' ')}`,
    );
  }
  const version = await fetch(`${process.env['MLFLOW_TRACKING_URI']}/version`).catch(() => undefined);
  if (!version?.ok) throw new Error(`No MLflow answers at MLFLOW_TRACKING_URI=${process.env['MLFLOW_TRACKING_URI']}.`);
  process.env['TEST_DATABASE_URL'] = process.env['DATABASE_URL'];
  await startDatabaseServer();
}
