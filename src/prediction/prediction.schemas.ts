import { z } from 'zod';
import {
  modelRefSchema,
  predictedClass,
  probability,
  referenceSchema,
  threshold,
  warningSchema,
} from '../prediction-log/answer.schemas.js';

/** At most this many rows in a batch. */
export const MAX_BATCH_ROWS = 10_000;

/**
 * Checked against the live model by FeatureEncoder, because names, number and nullability are the model's to say;
 * the schema only documents the two forms.
 */
const features = z.unknown().meta({
  description:
    'The inputs of the live model: an array in its order, or an object by name. GET /meta lists them. ' +
    'null stands for a missing value, where the model allows it.',
  oneOf: [
    { type: 'array', items: { type: ['number', 'null'] }, minItems: 1 },
    { type: 'object', additionalProperties: { type: ['number', 'null'] }, minProperties: 1 },
  ],
});

export const predictRequestSchema = z
  .strictObject({
    data: z.strictObject({ features }),
    reference: referenceSchema.optional(),
  })
  .meta({
    id: 'PredictRequest',
    examples: [{ data: { features: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0] } }],
  });

export const predictBatchRequestSchema = z
  .strictObject({
    data: z
      .array(z.strictObject({ features, reference: referenceSchema.optional() }))
      .min(1)
      .max(MAX_BATCH_ROWS),
  })
  .meta({
    id: 'PredictBatchRequest',
    examples: [
      {
        data: [
          { features: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0], reference: 'application-1' },
          { features: [50_000, 0, 0, 0, 0, 0.4, 0.35, 0.05, 1800, 0.1] },
        ],
      },
    ],
  });

const answerId = z.uuidv7().describe('Names this answer for ever.');

const warnings = z
  .array(warningSchema)
  .optional()
  .describe('Present when a feature is outside the range that the model declares for it. It was scored all the same.');

export const predictResponseSchema = z
  .object({ id: answerId, prediction: predictedClass, probability, threshold, model: modelRefSchema, warnings })
  .meta({ id: 'PredictResponse' });

export const predictBatchResponseSchema = z
  .object({
    predictions: z
      .array(z.object({ id: answerId, prediction: predictedClass, probability, warnings }))
      .describe('In the order of the request.'),
    threshold,
    model: modelRefSchema,
  })
  .meta({ id: 'PredictBatchResponse' });

export type PredictRequest = z.output<typeof predictRequestSchema>;
export type PredictResponse = z.output<typeof predictResponseSchema>;
export type PredictBatchRequest = z.output<typeof predictBatchRequestSchema>;
export type PredictBatchResponse = z.output<typeof predictBatchResponseSchema>;
