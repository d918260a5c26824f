import { describe, expect, it } from '@jest/globals';
import { envSchema, envVariables, readVariables } from './env.schema.js';

/** The one decision that has no default: where answers are recorded, or that they are not. */
const LOG_OFF = { PREDICTION_LOG: 'off' };
const DATABASE_URL = 'postgresql://scoring@db:5432/log';
const PREDICTION_LOG_CHAIN_KEY = 'x'.repeat(32);

const parse = (env: Record<string, string | undefined>) => envSchema.parse({ ...LOG_OFF, ...env });

/** `NAME: message` of everything that is wrong. */
const issuesOf = (env: Record<string, string>): string[] =>
  envSchema
    .safeParse({ ...LOG_OFF, ...env })
    .error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) ?? [];

describe('envSchema', () => {
  it('asks for a database and a key, or for PREDICTION_LOG=off', () => {
    expect(issuesOf({ PREDICTION_LOG: '' })).toEqual([
      expect.stringMatching(/^DATABASE_URL: is needed .+ or set PREDICTION_LOG=off/),
      expect.stringMatching(/^PREDICTION_LOG_CHAIN_KEY: is needed .+ or PREDICTION_LOG=off/),
    ]);
    expect(issuesOf({ PREDICTION_LOG: '', DATABASE_URL, PREDICTION_LOG_CHAIN_KEY })).toEqual([]);
  });

  it('needs no other variable', () => {
    expect(envSchema.parse({ DATABASE_URL, PREDICTION_LOG_CHAIN_KEY })).toEqual({
      DATABASE_URL,
      DATABASE_POOL_SIZE: 5,
      DATABASE_STATEMENT_TIMEOUT_MS: 5000,
      PREDICTION_LOG: 'on',
      PREDICTION_LOG_DURABILITY: 'committed',
      PREDICTION_LOG_COMMIT_TIMEOUT_MS: 1000,
      PREDICTION_LOG_WRITERS: 2,
      PREDICTION_LOG_QUEUE_MAX: 100_000,
      PREDICTION_LOG_SPOOL_DIR: '.data/prediction-spool',
      PREDICTION_LOG_SPOOL_MAX_BYTES: 1_073_741_824,
      PREDICTION_LOG_CHAIN_KEY,
      PREDICTION_LOG_MAINTENANCE: 'all',
      PREDICTION_LOG_RETENTION_MONTHS: 25,
      NODE_ENV: 'development',
      HOST: '0.0.0.0',
      PORT: 8000,
      LOG_LEVEL: 'log',
      LOG_FORMAT: 'auto',
      GIT_COMMIT: 'unknown',
      MODEL_URI: 'file:ml/model',
      MODEL_REGISTRY_TIMEOUT_MS: 5000,
      MODEL_DOWNLOAD_TIMEOUT_MS: 60_000,
      MODEL_MAX_BYTES: 536_870_912,
      MLFLOW_TRACKING_INSECURE_TLS: false,
      AWS_DEFAULT_REGION: 'us-east-1',
      MODEL_POLL_INTERVAL_MS: 10_000,
      MODEL_CACHE_DIR: '.data/model-cache',
      MODEL_CACHE_MAX_BYTES: 2_147_483_648,
      MODEL_REQUIRE_DIGEST: false,
      TRUST_PROXY: 'false',
      MAX_REQUESTS_IN_FLIGHT: 256,
      MAX_EVENT_LOOP_DELAY_MS: 15,
      BATCH_WORKERS: 1,
      BATCH_MAX_PENDING: 8,
      BOOM_ENABLED: true,
      SHUTDOWN_DELAY_MS: 0,
      SHUTDOWN_GRACE_MS: 25_000,
    });
  });

  it('takes an empty value for a variable that is not set', () => {
    const empty = Object.fromEntries(Object.keys(envVariables).map((name) => [name, '']));
    expect(parse({ ...empty, ...LOG_OFF })).toEqual(parse({}));
  });

  it('leaves the variables of others alone', () => {
    expect(parse({ PATH: '/usr/bin', npm_config_cache: '/tmp' })).toEqual(parse({}));
  });

  it.each([
    ['PORT', '0', 0],
    ['PORT', '65535', 65_535],
    ['LOG_LEVEL', 'debug', 'debug'],
    ['MODEL_URI', 'file:/models/credit', 'file:/models/credit'],
    ['MODEL_URI', 'file:///models/credit', 'file:///models/credit'],
    ['BATCH_MAX_PENDING', '1', 1],
    ['BOOM_ENABLED', 'false', false],
    ['BOOM_ENABLED', '1', true],
    ['SHUTDOWN_DELAY_MS', '5000', 5000],
    ['DATABASE_URL', 'postgres://db/log?sslmode=verify-full', 'postgres://db/log?sslmode=verify-full'],
    ['CALLER_HEADER', 'X-Consumer-Id', 'x-consumer-id'],
  ] as const)('takes %s=%s', (name, value, parsed) => {
    expect(parse({ [name]: value })[name]).toBe(parsed);
  });

  it.each([
    ['NODE_ENV', 'staging', /expected one of "development"\|"test"\|"production"/],
    ['PORT', '65536', /<=65535/],
    ['PORT', '-1', /must be a whole number/],
    ['PORT', '8000.5', /must be a whole number/],
    ['PORT', '8e3', /must be a whole number/],
    ['PORT', ' ', /must be a whole number/],
    ['LOG_LEVEL', 'info', /expected one of "error"\|"warn"/],
    ['LOG_FORMAT', 'pretty', /expected one of "auto"\|"json"\|"text"/],
    ['MODEL_URI', 'ml/model', /must be models:.*file:PATH/],
    ['MODEL_URI', 'file:', /must be models:.*file:PATH/],
    ['MODEL_URI', 'file://', /must be models:.*file:PATH/],
    ['MODEL_URI', 'file://host/model', /must be models:.*file:PATH/],
    ['MODEL_POLL_INTERVAL_MS', '99', />=100/],
    ['MODEL_REQUIRE_DIGEST', 'maybe', /must be true or false/],
    ['DATABASE_URL', 'mysql://db/log', /must be a postgresql:\/\/ URL/],
    ['DATABASE_URL', 'postgresql://db/log?sslmode=prefer', /sslmode disable, require, verify-ca or verify-full/],
    ['PREDICTION_LOG', 'sometimes', /expected one of "on"\|"off"/],
    ['PREDICTION_LOG_CHAIN_KEY', 'short', /at least 32 characters/],
    ['CALLER_HEADER', 'x caller', /must be the name of a header/],
    ['AUDIT_TOKEN', 'fifteen-letters', /at least 16 characters/],
    ['ADMIN_TOKEN', 'fifteen-letters', /at least 16 characters/],
    ['ADMIN_TOKEN', 'correct horse battery staple', /without spaces/],
    ['ADMIN_TOKEN', 'the-line-of-a-file\n', /without spaces/],
    ['ADMIN_TOKEN', 'schlüssel-zum-glück', /visible ASCII/],
    ['MLFLOW_TRACKING_URI', 'mlflow:5000', /http:\/\/ or https:\/\/ URL/],
    ['MLFLOW_TRACKING_URI', 'sqlite:///mlflow.db', /http:\/\/ or https:\/\/ URL/],
    ['MLFLOW_TRACKING_URI', 'databricks', /http:\/\/ or https:\/\/ URL/],
    ['BATCH_WORKERS', '0', />=1/],
    ['BATCH_WORKERS', '65', /<=64/],
    ['BATCH_MAX_PENDING', '0', />=1/],
    ['BATCH_MAX_PENDING', '1025', /<=1024/],
    ['BOOM_ENABLED', 'maybe', /must be true or false/],
    ['SHUTDOWN_DELAY_MS', '300001', /<=300000/],
    ['SHUTDOWN_GRACE_MS', '999', />=1000/],
  ])('refuses %s=%s, and says what is allowed', (name, value, allowed) => {
    const [issue, ...others] = issuesOf({
      [name]: value,
      ...(name === 'SHUTDOWN_DELAY_MS' && { SHUTDOWN_GRACE_MS: '600000' }),
    });
    expect(issue).toMatch(new RegExp(`^${name}: .*${allowed.source}`));
    expect(others).toEqual([]);
  });

  it('names every variable that is wrong', () => {
    expect(issuesOf({ PORT: 'http', LOG_LEVEL: 'all' })).toEqual([
      expect.stringMatching(/^PORT: /),
      expect.stringMatching(/^LOG_LEVEL: /),
    ]);
  });

  it.each([
    ['25000', '25000', ['SHUTDOWN_GRACE_MS: must be more than SHUTDOWN_DELAY_MS']],
    ['24999', '25000', []],
  ])('leaves time to close after the delay: SHUTDOWN_DELAY_MS=%s, SHUTDOWN_GRACE_MS=%s', (delay, grace, issues) => {
    expect(issuesOf({ SHUTDOWN_DELAY_MS: delay, SHUTDOWN_GRACE_MS: grace })).toEqual(issues);
  });

  it.each([
    ['production', undefined, false],
    ['production', 'true', true],
    ['test', undefined, true],
    ['development', 'false', false],
  ])('with NODE_ENV=%s and BOOM_ENABLED=%s, GET /boom is on: %s', (NODE_ENV, given, isOn) => {
    expect(parse({ NODE_ENV, BOOM_ENABLED: given }).BOOM_ENABLED).toBe(isOn);
  });

  it.each(['models:/credit-default-model@production', 'runs:/5787de31/model'])(
    'asks for MLFLOW_TRACKING_URI when the model is %s',
    (MODEL_URI) => {
      expect(issuesOf({ MODEL_URI })).toEqual([
        'MLFLOW_TRACKING_URI: is needed because MODEL_URI names a model in MLflow',
      ]);
      expect(issuesOf({ MODEL_URI, MLFLOW_TRACKING_URI: 'http://mlflow:5000' })).toEqual([]);
    },
  );

  it.each([
    [{ MLFLOW_TRACKING_USERNAME: 'scoring' }, 'MLFLOW_TRACKING_PASSWORD'],
    [{ MLFLOW_TRACKING_PASSWORD: 's3cret' }, 'MLFLOW_TRACKING_PASSWORD'],
    [{ AWS_ACCESS_KEY_ID: 'minio' }, 'AWS_SECRET_ACCESS_KEY'],
    [{ AWS_SECRET_ACCESS_KEY: 's3cret' }, 'AWS_SECRET_ACCESS_KEY'],
  ])('refuses half of a pair of credentials: %j', (env, variable) => {
    expect(issuesOf(env)).toEqual([expect.stringMatching(new RegExp(`^${variable}: must be set together with`))]);
  });

  it('refuses a CA file beside MLFLOW_TRACKING_INSECURE_TLS', () => {
    const env = { MLFLOW_TRACKING_INSECURE_TLS: 'true', MLFLOW_TRACKING_SERVER_CERT_PATH: 'ca.pem' };
    expect(issuesOf(env)).toEqual([expect.stringContaining('MLFLOW_TRACKING_SERVER_CERT_PATH: has no effect')]);
  });

  it.each([
    ['MLFLOW_TRACKING_URI', 'http://user:s3cret@mlflow:5000'],
    ['MLFLOW_S3_ENDPOINT_URL', 'http://minio:9000/?token=s3cret'],
    ['MODEL_URI', 's3://key:s3cret@bucket/model'],
  ])('refuses credentials in %s without repeating them', (variable, value) => {
    const messages = issuesOf({ [variable]: value });
    expect(messages).toEqual([expect.stringMatching(new RegExp(`^${variable}: must `))]);
    expect(messages.join()).not.toContain('s3cret');
  });
});

describe('readVariables', () => {
  it('reads some variables alone, with their defaults', () => {
    const config = readVariables(['DATABASE_URL', 'DATABASE_STATEMENT_TIMEOUT_MS'], { DATABASE_URL, PORT: 'nonsense' });
    expect(config.get('DATABASE_URL', { infer: true })).toBe(DATABASE_URL);
    expect(config.get('DATABASE_STATEMENT_TIMEOUT_MS', { infer: true })).toBe(5000);
  });

  it('takes an empty value for a variable that is not set', () => {
    const config = readVariables(['DATABASE_URL'], { DATABASE_URL: '' });
    expect(config.get('DATABASE_URL', { infer: true })).toBeUndefined();
  });

  it('names the variable that is wrong', () => {
    expect(() => readVariables(['PORT'], { PORT: 'http' })).toThrow('PORT: must be a whole number');
  });
});
