/** What the registry's benches share: versions of the bundled model in a real MLflow, and the service that follows them. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readModelDirectory } from '../../dist/model-registry/model-directory.js';
import { startBuiltService } from '../../test/support/built-service.ts';
import { writeVariant } from '../../test/support/model-variant.ts';

const MODEL = 'ml/model';
const SERVERS = ['MLFLOW_TRACKING_URI', 'MLFLOW_S3_ENDPOINT_URL', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'];

export const ADMIN_TOKEN = 'the-token-of-a-bench';

/** @throws when the environment does not say where the servers are */
export function requireServers() {
  const missing = SERVERS.filter((name) => !process.env[name]);
  if (missing.length > 0) {
    throw new Error(`Needs a real MLflow and MinIO, as the integration tests do. Set ${missing.join(', ')}.`);
  }
}

/**
 * Registers `count` versions, all different, of the bundled model.
 *
 * @param labOf where the files of version `i` are logged; the first lab is the one that they are registered in
 * @returns their numbers
 */
export async function registerVersions(lab, count, labOf = () => lab) {
  const directory = await mkdtemp(path.join(tmpdir(), 'bench-models-'));
  try {
    const versions = [];
    for (let i = 0; i < count; i++) {
      const variant = await writeVariant(MODEL, path.join(directory, String(i)), (i + 1) / 1000);
      const { digest } = await readModelDirectory(variant);
      const logged = await labOf(i).logRunFiles(variant, 'model');
      versions.push(await lab.registerRunFiles(logged, { tags: { sha256: digest } }));
    }
    return versions;
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** Starts the service on the alias `production` of the lab's model. */
export function startFollowing(lab, env) {
  return startBuiltService({ NODE_ENV: 'production', ADMIN_TOKEN, ...followingEnv(lab), ...env });
}

/** What makes a service follow the alias `production` of the lab's model. */
export function followingEnv(lab) {
  const servers = Object.fromEntries(SERVERS.map((name) => [name, process.env[name]]));
  return { MODEL_URI: `models:/${lab.modelName}@production`, ...servers };
}
