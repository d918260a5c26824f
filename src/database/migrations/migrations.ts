import { PredictionLog1764000000000 } from './1764000000000-prediction-log.js';

/**
 * Every migration, oldest first. Each one works with the release before it: `migration:run` comes before the rollout, and
 * old instances go on writing until they are replaced.
 */
export const migrations = [PredictionLog1764000000000];
