import { PredictionLog1764000000000 } from './1764000000000-prediction-log.js';
import { IdempotencyRoute1764300000000 } from './1764300000000-idempotency-route.js';
import { ScoringContextFormat1764600000000 } from './1764600000000-scoring-context-format.js';
import { ErasureEvidence1764600100000 } from './1764600100000-erasure-evidence.js';
import { IdempotencyBatches1764600200000 } from './1764600200000-idempotency-batches.js';

/**
 * Every migration, oldest first. Each one works with the release before it: `migration:run` comes before the rollout, and
 * old instances go on writing until they are replaced.
 */
export const migrations = [
  PredictionLog1764000000000,
  IdempotencyRoute1764300000000,
  ScoringContextFormat1764600000000,
  ErasureEvidence1764600100000,
  IdempotencyBatches1764600200000,
];
