import { ConfigService } from '@nestjs/config';
import { envSchema, type Env } from '../../src/config/env.schema.js';

/** The configuration that an environment of these variables alone makes. */
export const configOf = (env: Record<string, string> = {}): ConfigService<Env, true> =>
  new ConfigService<Env, true>(envSchema.parse(env));
