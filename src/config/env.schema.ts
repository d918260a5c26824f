import { z } from 'zod';
import { parseDatabaseUrl } from '../database/database-url.js';
import { parseModelUri } from '../model-registry/source/model-uri.js';

/** What a client can send in a header, and what no line end of a secret's file is part of. */
const token = z
  .string()
  .regex(/^[\x21-\x7e]{16,}$/, 'must have at least 16 characters, of visible ASCII without spaces');

/**
 * Every environment variable of the service: type, default, meaning. Nothing else reads `process.env`.
 *
 * An empty value counts as "not set", so `docker compose`'s `${VAR:-}` and a blank line in `.env` mean the default.
 */
const integer = (range: { min: number; max: number; default: number }) =>
  z
    .string()
    .regex(/^\d+$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.number().min(range.min).max(range.max))
    .default(range.default);

/** @param read throws an Error that may be shown */
const saysWhatIsWrong = (read: (text: string) => unknown) => (text: string, context: z.RefinementCtx) => {
  try {
    read(text);
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message });
  }
};

/** Credentials have variables of their own: a URL is shown in logs and in /meta. */
const serverUrl = () =>
  z.url({ protocol: /^https?$/, error: 'must be an http:// or https:// URL', abort: true }).refine((text) => {
    const { username, password, search, hash } = new URL(text);
    return `${username}${password}${search}${hash}` === '';
  }, 'must not hold credentials, a query or a fragment');

const databaseUrl = () => z.string().superRefine(saysWhatIsWrong(parseDatabaseUrl));

const flag = () => z.stringbool({ error: 'must be true or false' });

export const envVariables = {
  NODE_ENV: z
    .enum(['development', 'test', 'production'])
    .default('development')
    .describe('Kind of deployment. `production` turns demonstration features off by default.'),
  HOST: z.string().default('0.0.0.0').describe('Address to listen on.'),
  PORT: integer({ min: 0, max: 65_535, default: 8000 }).describe('TCP port to listen on; 0 takes any free one.'),
  LOG_LEVEL: z
    .enum(['error', 'warn', 'log', 'debug', 'verbose'])
    .default('log')
    .describe('Least severe level that is logged. `debug` adds a line for every answered request.'),
  LOG_FORMAT: z
    .enum(['auto', 'json', 'text'])
    .default('auto')
    .describe('`json`: one object a line. `text`: readable lines. `auto`: text in a terminal, else json.'),
  GIT_COMMIT: z.string().default('unknown').describe('Commit the build was made from, shown in /meta.'),
  MODEL_URI: z
    .string()
    .superRefine(saysWhatIsWrong(parseModelUri))
    .default('file:ml/model')
    .describe(
      'The model to serve, an MLflow ONNX model: `models:/NAME@ALIAS` (followed as the alias moves), ' +
        '`models:/NAME/VERSION`, `models:/m-ID`, `runs:/RUN/PATH`, `s3://BUCKET/KEY` or `file:PATH` (followed as it changes).',
    ),
  MODEL_REGISTRY_TIMEOUT_MS: integer({ min: 100, max: 300_000, default: 5000 }).describe(
    'Milliseconds that one reply of MLflow or of the artifact store may take to arrive, and that a download may stall.',
  ),
  MODEL_DOWNLOAD_TIMEOUT_MS: integer({ min: 100, max: 3_600_000, default: 60_000 }).describe(
    'Milliseconds that the download of all files of a version may take.',
  ),
  MODEL_MAX_BYTES: integer({ min: 1, max: Number.MAX_SAFE_INTEGER, default: 512 * 1024 * 1024 }).describe(
    "Size of a version's files, in bytes, above which it is not downloaded.",
  ),
  MLFLOW_TRACKING_URI: serverUrl()
    .optional()
    .describe('The MLflow server, for example `http://mlflow:5000`. Needed for `models:` and `runs:`.'),
  MLFLOW_TRACKING_USERNAME: z.string().optional().describe('User for HTTP Basic authentication with MLflow.'),
  MLFLOW_TRACKING_PASSWORD: z.string().optional().describe('Password of MLFLOW_TRACKING_USERNAME. Secret.'),
  MLFLOW_TRACKING_TOKEN: z
    .string()
    .optional()
    .describe('Bearer token for MLflow, used when there is no user name. Secret.'),
  MLFLOW_TRACKING_INSECURE_TLS: flag()
    .default(false)
    .describe("Whether to accept any certificate of MLflow's. For trials only."),
  MLFLOW_TRACKING_SERVER_CERT_PATH: z
    .string()
    .optional()
    .describe("File with the CA certificates (PEM) to check MLflow's certificate against, instead of the public ones."),
  MLFLOW_S3_ENDPOINT_URL: serverUrl()
    .optional()
    .describe('The S3-compatible artifact store, for example `http://minio:9000`. Default: AWS.'),
  AWS_ACCESS_KEY_ID: z
    .string()
    .optional()
    .describe(
      "Access key for the artifact store. Default: the AWS SDK's own search (profile, web identity, instance).",
    ),
  AWS_SECRET_ACCESS_KEY: z.string().optional().describe('Secret of AWS_ACCESS_KEY_ID. Secret.'),
  AWS_SESSION_TOKEN: z.string().optional().describe('Session token of temporary credentials. Secret.'),
  AWS_REGION: z.string().optional().describe('Region of the artifact store. Default: AWS_DEFAULT_REGION.'),
  AWS_DEFAULT_REGION: z
    .string()
    .default('us-east-1')
    .describe('Region of the artifact store, under the name that the AWS tools for Python read.'),
  AWS_CA_BUNDLE: z
    .string()
    .optional()
    .describe("File with the CA certificates (PEM) to check the artifact store's certificate against, likewise."),
  MODEL_POLL_INTERVAL_MS: integer({ min: 100, max: 3_600_000, default: 10_000 }).describe(
    'How soon a moved alias is followed at the latest, in milliseconds: looks begin after 70 to 90 % of it.',
  ),
  MODEL_CACHE_DIR: z
    .string()
    .default('.data/model-cache')
    .describe('Directory for downloaded versions and what served last; a restart without the registry needs it.'),
  MODEL_CACHE_MAX_BYTES: integer({ min: 1, max: Number.MAX_SAFE_INTEGER, default: 2 * 1024 ** 3 }).describe(
    'Size above which versions that neither serve nor are needed for a rollback are removed from the cache.',
  ),
  MODEL_REQUIRE_DIGEST: flag()
    .default(false)
    .describe('Whether a model version without a sha256 tag is refused. A tag that does not match is always refused.'),
  DATABASE_URL: databaseUrl()
    .optional()
    .describe(
      'PostgreSQL >= 15 for the prediction log, such as `postgresql://user:password@host:5432/database`, also with several ' +
        'hosts (`host1:5432,host2:5432`), of which the one that takes writes is used, or with a directory of sockets ' +
        '(`postgresql://user@/database?host=/run/postgresql`). TLS as libpq has it: `?sslmode=verify-full`, `verify-ca`, ' +
        '`require` or `disable`. May lead through PgBouncer, see DATABASE_DIRECT_URL. Needed unless PREDICTION_LOG=off. Secret.',
    ),
  DATABASE_DIRECT_URL: databaseUrl()
    .optional()
    .describe(
      'The same database, past a connection pooler: where DATABASE_URL leads through one, maintenance and the commands need ' +
        'sessions of their own. Default: DATABASE_URL. Secret.',
    ),
  DATABASE_CA_FILE: z
    .string()
    .optional()
    .describe(
      "File with the CA certificates (PEM) to check PostgreSQL's certificate against, instead of the public ones.",
    ),
  DATABASE_POOL_SIZE: integer({ min: 1, max: 200, default: 5 }).describe(
    'Connections for look-ups, idempotency keys and maintenance. The prediction log writes through its own: PREDICTION_LOG_WRITERS, one for batches, and one for outcomes and erasures.',
  ),
  DATABASE_STATEMENT_TIMEOUT_MS: integer({ min: 100, max: 3_600_000, default: 5000 }).describe(
    'Milliseconds after which PostgreSQL gives up a statement of the service.',
  ),
  PREDICTION_LOG: z
    .enum(['on', 'off'])
    .default('on')
    .describe('Whether answers are recorded. `off` is for trials: nothing can be looked up or proved afterwards.'),
  PREDICTION_LOG_DURABILITY: z
    .enum(['committed', 'spooled'])
    .default('committed')
    .describe(
      '`committed`: a reply leaves once its row is committed in PostgreSQL, and without PostgreSQL none does. `spooled`: while ' +
        'PostgreSQL is away or slow, rows go to a file on local disk first.',
    ),
  PREDICTION_LOG_COMMIT_TIMEOUT_MS: integer({ min: 10, max: 60_000, default: 1000 }).describe(
    'Milliseconds that a commit may take before the request is answered 503 (`committed`) or its rows are spooled.',
  ),
  PREDICTION_LOG_WRITERS: integer({ min: 1, max: 32, default: 2 }).describe(
    'Connections that commit groups of single predictions side by side.',
  ),
  PREDICTION_LOG_QUEUE_MAX: integer({ min: 1, max: 10_000_000, default: 100_000 }).describe(
    'Rows that may wait in memory to be recorded; a request beyond that is answered 503 with Retry-After.',
  ),
  PREDICTION_LOG_SPOOL_DIR: z
    .string()
    .default('.data/prediction-spool')
    .describe(
      "Directory of the spool, on this instance's own durable disk. Used with PREDICTION_LOG_DURABILITY=spooled.",
    ),
  PREDICTION_LOG_SPOOL_MAX_BYTES: integer({ min: 1, max: Number.MAX_SAFE_INTEGER, default: 1024 ** 3 }).describe(
    'Size of the spool above which requests are answered 503 with Retry-After.',
  ),
  PREDICTION_LOG_CHAIN_KEY: z
    .string()
    .min(32, 'must have at least 32 characters')
    .optional()
    .describe(
      'Key of the HMAC that makes tampering with the log evident; the same for all instances, and never in the database. ' +
        'Needed unless PREDICTION_LOG=off. Secret.',
    ),
  PREDICTION_LOG_MAINTENANCE: z
    .enum(['all', 'rows'])
    .default('all')
    .describe(
      'What of the daily maintenance the service does. `all`: it also makes and drops the partitions of months, which its ' +
        'role in PostgreSQL must own. `rows`: that is left to `npm run log:maintain`, and rights on rows are enough.',
    ),
  PREDICTION_LOG_RETENTION_MONTHS: integer({ min: 1, max: 1200, default: 25 }).describe(
    'Whole months for which answers are kept; 25 is what Regulation B asks for.',
  ),
  CALLER_HEADER: z
    .string()
    .regex(/^[\w-]+$/, 'must be the name of a header')
    .transform((name) => name.toLowerCase())
    .optional()
    .describe(
      'Header in which a gateway says who calls; recorded with every answer, and what Idempotency-Keys are scoped by. It must ' +
        'not be possible for clients to set it themselves.',
    ),
  AUDIT_TOKEN: token.optional().describe('Bearer token for /predictions. Without it those routes do not exist.'),
  ADMIN_TOKEN: token.optional().describe('Bearer token for /admin. Without it those routes do not exist.'),
  MLFLOW_WEBHOOK_SECRET: z
    .string()
    .optional()
    .describe("Secret of MLflow's webhook. Without it POST /webhooks/mlflow does not exist."),
  TRUST_PROXY: z
    .string()
    .default('false')
    .describe(
      'Whose X-Forwarded-For says where a request came from: `true`, `false`, a number of hops, or addresses and CIDR ' +
        'ranges separated by commas.',
    ),
  MAX_REQUESTS_IN_FLIGHT: integer({ min: 1, max: 100_000, default: 256 }).describe(
    'Requests to /predict and /predict/batch under way at a time; one more is answered 503 with Retry-After. Batches that are ' +
      'answered in place count as more, by their size.',
  ),
  MAX_EVENT_LOOP_DELAY_MS: integer({ min: 1, max: 10_000, default: 15 }).describe(
    'Milliseconds that a request to score may have waited before the service reads it. When all have waited longer for 25 ms, ' +
      'the service is overloaded: until that is over each turn of the event loop takes batches for a third of ' +
      'MAX_REQUESTS_IN_FLIGHT, and answers the others 503 with Retry-After.',
  ),
  BATCH_WORKERS: integer({ min: 1, max: 64, default: 1 }).describe('Threads that parse and score large batches.'),
  BATCH_MAX_PENDING: integer({ min: 1, max: 1024, default: 8 }).describe(
    'Large batches (of up to 16 MiB each) held in memory at a time; one more is answered 503 with Retry-After.',
  ),
  BOOM_ENABLED: flag()
    .optional()
    .describe(
      'Whether GET /boom answers 500 on purpose, to see the alarms work. Default: on, but off in `production` (404).',
    ),
  SHUTDOWN_DELAY_MS: integer({ min: 0, max: 300_000, default: 0 }).describe(
    'After SIGTERM, milliseconds during which requests are still answered while /health/ready already says 503. ' +
      '5000 in Kubernetes, so that endpoints are withdrawn before the listener closes.',
  ),
  SHUTDOWN_GRACE_MS: integer({ min: 1000, max: 600_000, default: 25_000 }).describe(
    'After SIGTERM, milliseconds (SHUTDOWN_DELAY_MS included) within which requests end; what is still open is then cut. Closing takes 10 s more at most.',
  ),
} satisfies Record<string, z.ZodType>;

const withoutEmpty = (env: unknown) =>
  Object.fromEntries(Object.entries(env as object).filter(([, value]) => value !== ''));

export const envSchema = z
  .preprocess(withoutEmpty, z.object(envVariables))
  .refine((env) => env.SHUTDOWN_DELAY_MS < env.SHUTDOWN_GRACE_MS, {
    path: ['SHUTDOWN_GRACE_MS'],
    error: 'must be more than SHUTDOWN_DELAY_MS',
  })
  .refine((env) => !/^(models|runs):/.test(env.MODEL_URI) || env.MLFLOW_TRACKING_URI !== undefined, {
    path: ['MLFLOW_TRACKING_URI'],
    error: 'is needed because MODEL_URI names a model in MLflow',
  })
  .refine(({ MLFLOW_TRACKING_USERNAME: user, MLFLOW_TRACKING_PASSWORD: password }) => !user === !password, {
    path: ['MLFLOW_TRACKING_PASSWORD'],
    error: 'must be set together with MLFLOW_TRACKING_USERNAME',
  })
  .refine((env) => !(env.MLFLOW_TRACKING_INSECURE_TLS && env.MLFLOW_TRACKING_SERVER_CERT_PATH), {
    path: ['MLFLOW_TRACKING_SERVER_CERT_PATH'],
    error: 'has no effect with MLFLOW_TRACKING_INSECURE_TLS: set one of the two',
  })
  .refine(({ AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret }) => !id === !secret, {
    path: ['AWS_SECRET_ACCESS_KEY'],
    error: 'must be set together with AWS_ACCESS_KEY_ID',
  })
  .refine((env) => env.PREDICTION_LOG === 'off' || env.DATABASE_URL !== undefined, {
    path: ['DATABASE_URL'],
    error: 'is needed to record answers: name a PostgreSQL database, or set PREDICTION_LOG=off to record nothing',
  })
  .refine((env) => env.PREDICTION_LOG === 'off' || env.PREDICTION_LOG_CHAIN_KEY !== undefined, {
    path: ['PREDICTION_LOG_CHAIN_KEY'],
    error:
      'is needed to record answers: set 32 random characters or more (openssl rand -hex 32), or PREDICTION_LOG=off',
  })
  .transform((env) => ({ ...env, BOOM_ENABLED: env.BOOM_ENABLED ?? env.NODE_ENV !== 'production' }));

export type Env = z.output<typeof envSchema>;

/** What reads variables: `ConfigService<Env, true>` in the service, `readVariables` in a command. */
export interface Config<Name extends keyof Env = keyof Env> {
  get<N extends Name>(name: N, options: { infer: true }): Env[N];
}

/** @throws Error that says of every variable that is not valid what is wrong */
export function parseEnv(env: Record<string, unknown>): Env {
  return parse(envSchema, env);
}

/**
 * Some variables alone: a command that migrates a database needs neither a model nor a key.
 *
 * @throws Error that says of every variable that is not valid what is wrong
 */
export function readVariables<Name extends keyof Env>(
  names: readonly Name[],
  env: Record<string, unknown>,
): Config<Name> {
  const shape: Record<string, z.ZodType> = Object.fromEntries(names.map((name) => [name, envVariables[name]]));
  const values = parse(z.preprocess(withoutEmpty, z.object(shape)), env) as Pick<Env, Name>;
  return { get: (name) => values[name] };
}

function parse<T>(schema: z.ZodType<T>, env: Record<string, unknown>): T {
  const result = schema.safeParse(env);
  if (result.success) return result.data;
  const issues = result.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  throw new Error(`Config validation error: ${issues.join('; ')}`);
}
