import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { load as parseYaml, YAML11_SCHEMA } from 'js-yaml';
import { envVariables } from '../../src/config/env.schema.js';

interface Service {
  ports?: string[];
  mem_limit?: string;
  environment?: Record<string, string | null>;
}

const files = ['docker-compose.yml', 'docker-compose.monitoring.yml'].map((file) => readFileSync(file, 'utf8'));
const services = Object.assign(
  {},
  ...files.map(
    (file) => (parseYaml(file, { schema: YAML11_SCHEMA }) as { services: Record<string, Service> }).services,
  ),
) as Record<string, Service>;
const dockerfile = readFileSync('Dockerfile', 'utf8');
const { version, scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as {
  version: string;
  scripts: { start: string };
};
const example = readFileSync('.env.example', 'utf8');
const stackVariables = [...example.matchAll(/^(\w+)=/gm)].map(([, name]) => name!);

/** What api in the stack leaves to the image or to its default: where things are, files, and other ways to log in. */
const LEFT_OUT = [
  'NODE_ENV',
  'HOST',
  'PORT',
  'LOG_FORMAT',
  'GIT_COMMIT',
  'MLFLOW_TRACKING_USERNAME',
  'MLFLOW_TRACKING_PASSWORD',
  'MLFLOW_TRACKING_TOKEN',
  'MLFLOW_TRACKING_INSECURE_TLS',
  'MLFLOW_TRACKING_SERVER_CERT_PATH',
  'MLFLOW_S3_ENDPOINT_URL',
  'AWS_ACCESS_KEY_ID',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
  'AWS_REGION',
  'AWS_DEFAULT_REGION',
  'AWS_CA_BUNDLE',
  'MODEL_CACHE_DIR',
  'DATABASE_CA_FILE',
  'PREDICTION_LOG',
  'PREDICTION_LOG_SPOOL_DIR',
  'PREDICTION_LOG_MAINTENANCE',
];

describe('The image', () => {
  it('runs what `npm start` runs', () => {
    expect(dockerfile).toContain(`\nCMD ${JSON.stringify(scripts.start.split(' ')).replaceAll(',', ', ')}\n`);
  });

  it('is labelled with the version of package.json', () => {
    expect(dockerfile).toContain(`\nARG VERSION=${version}\n`);
  });
});

describe('The stack', () => {
  it.each(['mlflow', 'boto3', 'psycopg2-binary'])('has the %s that ml/ is tested with', (name) => {
    const pin = new RegExp(`${name}==[\\d.]+`);
    const [server, tested] = ['deploy/mlflow/requirements.in', 'ml/pyproject.toml'].map(
      (file) => pin.exec(readFileSync(file, 'utf8'))![0],
    );
    expect(server).toBe(tested);
  });

  it('sets, passes on or leaves out every variable of the service, and no other', () => {
    const known = [...Object.keys(services['api']!.environment!), ...LEFT_OUT];
    expect(known.toSorted()).toEqual(Object.keys(envVariables).toSorted());
  });

  it('finds everything it needs in .env.example, and uses all that is there', () => {
    // `${NAME}`, `${NAME:-default}` and, in an environment, `NAME:`.
    const needed = [...files.join().matchAll(/\$\{(\w+)[:}]|^ +([A-Z_]+):$/gm)].map(
      ([, braced, bare]) => braced ?? bare!,
    );
    const ofTheStack = needed.filter((name) => !Object.hasOwn(envVariables, name));
    expect(new Set(ofTheStack)).toEqual(new Set(stackVariables));
  });

  it.each(Object.entries(services))(
    'bounds the memory of %s and opens its ports to this machine alone',
    (_, service) => {
      expect(service.mem_limit).toMatch(/^\d+[mg]$/);
      for (const port of service.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:/);
    },
  );
});
