import { ConsoleLogger, type LogLevel } from '@nestjs/common';
import type { Env } from './env.schema.js';

/** From the most to the least severe. */
const LEVELS: readonly LogLevel[] = ['fatal', 'error', 'warn', 'log', 'debug', 'verbose'];

/** Where Nest tells of its own progress, a line per module and route: of use to developers only. */
const FRAMEWORK_CONTEXTS = new Set<unknown>(['InstanceLoader', 'NestApplication', 'RouterExplorer', 'RoutesResolver']);

class ServiceLogger extends ConsoleLogger {
  override log(message: unknown, ...rest: unknown[]): void {
    if (FRAMEWORK_CONTEXTS.has(rest.at(-1))) this.debug(message, ...rest);
    else super.log(message, ...rest);
  }
}

/** One JSON object per line for machines, readable lines for a terminal. */
export function createLogger({ LOG_FORMAT, LOG_LEVEL }: Pick<Env, 'LOG_FORMAT' | 'LOG_LEVEL'>): ConsoleLogger {
  const json = LOG_FORMAT === 'auto' ? !process.stdout.isTTY : LOG_FORMAT === 'json';
  return new ServiceLogger({
    json,
    colors: !json,
    flattenParams: true,
    logLevels: LEVELS.slice(0, LEVELS.indexOf(LOG_LEVEL) + 1),
  });
}
