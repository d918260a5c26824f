import { Logger } from '@nestjs/common';
import { output } from '../../common/output.js';
import { commandConfig } from '../../config/command-config.js';
import { createLogger } from '../../config/create-logger.js';
import { Maintenance, MAINTENANCE_VARIABLES } from '../maintenance/maintenance.js';
import type { MaintenanceEvents } from '../maintenance/maintenance-metrics.js';

/**
 * `npm run log:maintain`: all of the daily maintenance, once, for services with PREDICTION_LOG_MAINTENANCE=rows. Its role in
 * PostgreSQL owns the tables. It logs as the service does; exit status 0 once all is done, else 1.
 */

/** Nobody scrapes a command: its log lines and its exit status say the same. */
const unmeasured: MaintenanceEvents = {
  defaultPartitionCounted: () => undefined,
  retentionApplied: () => undefined,
  taskFailed: () => undefined,
  succeeded: () => undefined,
};

output.guard(process.stdout, process.stderr);
try {
  const config = commandConfig([...MAINTENANCE_VARIABLES, 'LOG_FORMAT', 'LOG_LEVEL']);
  Logger.overrideLogger(
    createLogger({
      LOG_FORMAT: config.get('LOG_FORMAT', { infer: true }),
      LOG_LEVEL: config.get('LOG_LEVEL', { infer: true }),
    }),
  );
  if (config.get('PREDICTION_LOG_CHAIN_KEY', { infer: true }) === undefined) {
    throw new Error('PREDICTION_LOG_CHAIN_KEY is not set: it is the key that the service has.');
  }
  const maintenance = new Maintenance(config, unmeasured);
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void maintenance.onApplicationShutdown());
  const done = await maintenance.run(new Date(), 'all');
  process.stdout.write(done ? 'All is done.\n' : '');
  if (!done) throw new Error('something failed, it was stopped, or another process is at it. Run it again.');
} catch (error) {
  process.stderr.write(`The log was not maintained, or not all of it: ${(error as Error).message}\n`);
  process.exitCode = 1;
}
