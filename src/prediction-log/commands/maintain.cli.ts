import { parseArgs } from 'node:util';
import { Logger } from '@nestjs/common';
import { output } from '../../common/output.js';
import { commandConfig } from '../../config/command-config.js';
import { createLogger } from '../../config/create-logger.js';
import type { Config } from '../../config/env.schema.js';
import { clientOptions } from '../../database/client-options.js';
import { chainErasureBaseline } from '../maintenance/erasure-baseline.js';
import { Maintenance, MAINTENANCE_VARIABLES } from '../maintenance/maintenance.js';
import type { MaintenanceEvents } from '../maintenance/maintenance-metrics.js';

/**
 * `npm run log:maintain`: all of the daily maintenance, once, for services with PREDICTION_LOG_MAINTENANCE=rows. Its role in
 * PostgreSQL owns the tables. It logs as the service does; exit status 0 once all is done, else 1.
 *
 * `npm run log:maintain -- --erasure-baseline`: names in the chain, once, the rows that were erased while erasures named none, and
 * nothing else.
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
  const { values } = parseArgs({ options: { 'erasure-baseline': { type: 'boolean' } } });
  const config = commandConfig([...MAINTENANCE_VARIABLES, 'LOG_FORMAT', 'LOG_LEVEL']);
  Logger.overrideLogger(
    createLogger({
      LOG_FORMAT: config.get('LOG_FORMAT', { infer: true }),
      LOG_LEVEL: config.get('LOG_LEVEL', { infer: true }),
    }),
  );
  const key = config.get('PREDICTION_LOG_CHAIN_KEY', { infer: true });
  if (key === undefined) throw new Error('PREDICTION_LOG_CHAIN_KEY is not set: it is the key that the service has.');
  if (values['erasure-baseline']) await makeBaseline(config, key);
  else await maintain(config);
} catch (error) {
  process.stderr.write(`The log was not maintained, or not all of it: ${(error as Error).message}\n`);
  process.exitCode = 1;
}

type MaintenanceConfig = Config<(typeof MAINTENANCE_VARIABLES)[number]>;

async function maintain(config: MaintenanceConfig): Promise<void> {
  const maintenance = new Maintenance(config, unmeasured);
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void maintenance.onApplicationShutdown());
  const done = await maintenance.run(new Date(), 'all');
  process.stdout.write(done ? 'All is done.\n' : '');
  if (!done) throw new Error('something failed, it was stopped, or another process is at it. Run it again.');
}

async function makeBaseline(config: MaintenanceConfig, key: string): Promise<void> {
  const { rows, saidRows, newestOldGroupAt, head } = await chainErasureBaseline(clientOptions(config), key, new Date());
  // As the service does: what is kept of the log stream shows that the record is not removed later.
  Logger.log('Prediction log head', { ...head }, 'ErasureBaseline');
  const lines = [
    `Erased rows that are named from now on: ${rows}. The erasures that named none say that they took ${saidRows}.`,
    ...explanationOf(rows - saidRows),
    newestOldGroupAt
      ? `The release before this one wrote last at ${newestOldGroupAt.toISOString()}.`
      : 'No release before this one has left anything here.',
    'From now on log:verify finds every erased row that no erasure names.',
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

function explanationOf(difference: number): string[] {
  if (difference === 0) return [];
  if (difference < 0) {
    return [
      `${-difference} fewer: rows that were dropped at the end of their retention are among those that were taken.`,
    ];
  }
  return [
    `${difference} more: what came out of a spool, or of an outage, after its erasure was not counted then. It may also have ` +
      'been erased past the service: the runbook log-does-not-verify.md says how to tell.',
  ];
}
