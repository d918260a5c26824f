import { existsSync } from 'node:fs';
import { loadEnvFile } from 'node:process';
import { type Config, type Env, readVariables } from './env.schema.js';

/**
 * The configuration of a command, from where the service has its own: the environment, then `.env`.
 *
 * @throws Error that says of every variable that is not valid what is wrong
 */
export function commandConfig<Name extends keyof Env>(names: readonly Name[]): Config<Name> {
  if (existsSync('.env')) loadEnvFile('.env');
  return readVariables(names, process.env);
}
