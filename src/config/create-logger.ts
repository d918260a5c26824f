import { ConsoleLogger, type LogLevel } from '@nestjs/common';
import type { Env } from './env.schema.js';

/** From the most to the least severe. */
const LEVELS: readonly LogLevel[] = ['fatal', 'error', 'warn', 'log', 'debug', 'verbose'];

/** One JSON object per line for machines, readable lines for a terminal. */
export function createLogger({ LOG_FORMAT, LOG_LEVEL }: Pick<Env, 'LOG_FORMAT' | 'LOG_LEVEL'>): ConsoleLogger {
  const json = LOG_FORMAT === 'auto' ? !process.stdout.isTTY : LOG_FORMAT === 'json';
  return new ConsoleLogger({
    json,
    colors: !json,
    flattenParams: true,
    logLevels: LEVELS.slice(0, LEVELS.indexOf(LOG_LEVEL) + 1),
  });
}
