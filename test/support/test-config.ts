import type { ConfigService } from '@nestjs/config';
import { type Env, envSchema } from '../../src/config/env.schema.js';

/**
 * The service's configuration from these variables alone, checked like the real one; the process's own do not show through.
 *
 * @param env beside PREDICTION_LOG=off
 */
export function testConfig(env: Record<string, string> = {}): ConfigService<Env, true> {
  const values = envSchema.parse({ PREDICTION_LOG: 'off', ...env });
  return { get: (name: keyof Env) => values[name] } as ConfigService<Env, true>;
}
