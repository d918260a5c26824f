import { PredictionLog1764000000000 } from './1764000000000-prediction-log.js';
import { IdempotencyRoute1764300000000 } from './1764300000000-idempotency-route.js';

/**
 * Every migration, oldest first. Each one works with the release before it: `migration:run` comes before the rollout, and
 * old instances go on writing until they are replaced.
 */
export const migrations = [PredictionLog1764000000000, IdempotencyRoute1764300000000];
