import { z } from 'zod';

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
    .regex(/^file:(?:\/\/\/|(?!\/\/))./, 'must be file:PATH, for example file:ml/model')
    .default('file:ml/model')
    .describe('The model to serve: `file:PATH`, an MLflow ONNX model directory.'),
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
    'After SIGTERM, milliseconds (SHUTDOWN_DELAY_MS included) within which the process ends, cutting what is still open.',
  ),
} satisfies Record<string, z.ZodType>;

export const envSchema = z
  .preprocess(
    (env) => Object.fromEntries(Object.entries(env as object).filter(([, value]) => value !== '')),
    z.object(envVariables),
  )
  .refine((env) => env.SHUTDOWN_DELAY_MS < env.SHUTDOWN_GRACE_MS, {
    path: ['SHUTDOWN_GRACE_MS'],
    error: 'must be more than SHUTDOWN_DELAY_MS',
  })
  .transform((env) => ({ ...env, BOOM_ENABLED: env.BOOM_ENABLED ?? env.NODE_ENV !== 'production' }));

export type Env = z.output<typeof envSchema>;
