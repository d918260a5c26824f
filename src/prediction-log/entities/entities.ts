import { ChainGroupEntity } from './chain-group.entity.js';
import { LegalHoldEntity } from './legal-hold.entity.js';
import { PredictionErasureEntity } from './prediction-erasure.entity.js';
import { PredictionOutcomeEntity } from './prediction-outcome.entity.js';
import { PredictionEntity } from './prediction.entity.js';
import { ScoringContextEntity } from './scoring-context.entity.js';

export const entities = [
  ScoringContextEntity,
  PredictionEntity,
  PredictionOutcomeEntity,
  ChainGroupEntity,
  PredictionErasureEntity,
  LegalHoldEntity,
];
