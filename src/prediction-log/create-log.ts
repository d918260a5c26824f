import type { ConfigService } from '@nestjs/config';
import type { Env } from '../config/env.schema.js';
import { clientOptions } from '../database/client-options.js';
import type { ChainHeads } from './chain/chain-heads.js';
import { CommittedLog } from './committed-log.js';
import { NoLog } from './no-log.js';
import type { PredictionLog } from './prediction-log.js';
import { SpooledEntryWriter } from './spool/spooled-entry-writer.js';
import { SpooledLog } from './spooled-log.js';
import { LogConnection } from './writer/log-connection.js';
import type { PredictionLogMetrics } from './writer/prediction-log-metrics.js';
import { TransactionWriter } from './writer/transaction-writer.js';

/** The log that PREDICTION_LOG and PREDICTION_LOG_DURABILITY ask for. */
export function createLog(
  config: ConfigService<Env, true>,
  heads: ChainHeads,
  metrics: PredictionLogMetrics,
): PredictionLog {
  if (config.get('PREDICTION_LOG', { infer: true }) === 'off') return new NoLog();
  const committed = new CommittedLog(config, heads, metrics);
  if (config.get('PREDICTION_LOG_DURABILITY', { infer: true }) === 'committed') return committed;
  const commitTimeoutMs = config.get('PREDICTION_LOG_COMMIT_TIMEOUT_MS', { infer: true });
  const transactions = new TransactionWriter(new LogConnection(clientOptions(config)), heads, metrics, commitTimeoutMs);
  const chainKey = config.get('PREDICTION_LOG_CHAIN_KEY', { infer: true })!;
  return new SpooledLog(config, committed, new SpooledEntryWriter(transactions, chainKey), metrics);
}
