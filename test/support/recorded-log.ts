import { ErasureService } from '../../src/prediction-log/audit/erasure.service.js';
import { OutcomesService } from '../../src/prediction-log/audit/outcomes.service.js';
import { ChainHeads } from '../../src/prediction-log/chain/chain-heads.js';
import { CommittedLog } from '../../src/prediction-log/committed-log.js';
import { timeOfId } from '../../src/prediction-log/id-time.js';
import type { LogEntry } from '../../src/prediction-log/prediction-record.js';
import type { TestDatabase } from './database.js';
import { predictionLogMetrics } from './prediction-log-metrics.js';
import { testConfig } from './test-config.js';

/** Writes to the log of a database as the service does. */
export class RecordedLog {
  private readonly log: CommittedLog;
  private readonly outcomes: OutcomesService;
  private readonly erasures: ErasureService;

  constructor({ env }: TestDatabase) {
    // With one writer each call is a group, and the next one follows it.
    const config = testConfig({ ...env, PREDICTION_LOG_WRITERS: '1', PREDICTION_LOG_COMMIT_TIMEOUT_MS: '10000' });
    this.log = new CommittedLog(config, new ChainHeads(config), predictionLogMetrics());
    this.outcomes = new OutcomesService(this.log);
    this.erasures = new ErasureService(this.log, config);
  }

  /** Single predictions that are recorded together share a group. */
  async record(...entries: LogEntry[]): Promise<void> {
    await Promise.all(entries.map((entry) => this.log.record(entry)));
  }

  /** Observed when the prediction was made, unless told otherwise. */
  async recordOutcome(
    predictionId: string,
    { defaulted = true, observedAt = new Date(timeOfId(predictionId)) } = {},
  ): Promise<void> {
    const origin = { requestId: 'request-2', traceId: null, caller: null };
    await this.outcomes.record([{ predictionId, defaulted, observedAt }], origin);
  }

  async erase(reference: string): Promise<void> {
    await this.erasures.erase(reference, 'request-3');
  }

  async close(): Promise<void> {
    await this.log.onApplicationShutdown();
  }
}
