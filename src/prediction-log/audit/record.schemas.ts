import { z } from 'zod';
import { defaultClassSchema } from '../../model-registry/default-class.js';
import {
  modelRefSchema,
  NO_CONTROL_CHARACTERS,
  predictedClass,
  probability,
  referenceSchema,
  threshold,
  warningSchema,
} from '../answer.schemas.js';
import { CURSOR_FORM, decodeCursor } from './cursor.js';

const DEFAULT_PAGE_RECORDS = 100;
const MAX_PAGE_RECORDS = 1000;

/** Ids hold milliseconds since 1970, so nothing is older. */
export const instantSchema = z
  .union([z.iso.datetime({ offset: true }), z.iso.date()], { error: 'must be an ISO 8601 date, or date and time' })
  .transform((text) => new Date(text))
  .refine((instant) => instant.getTime() >= 0, 'must not be before 1970');

/** In the form in which PostgreSQL gives it back, and in which it is hashed. */
export const uuidSchema = z.uuid().toLowerCase();

export const predictionIdSchema = z.strictObject({ id: uuidSchema });
export type PredictionId = z.output<typeof predictionIdSchema>;

const filters = {
  from: instantSchema.optional().describe('Answers made at this time or later. A date is its midnight in UTC.'),
  to: instantSchema.optional().describe('Answers made before this time.'),
  version: z
    .string()
    .min(1)
    .max(256)
    .regex(NO_CONTROL_CHARACTERS, 'must not contain control characters')
    .optional()
    .describe('Version of the model that scored.'),
  cursor: z
    .string()
    .regex(CURSOR_FORM, 'must be the nextCursor of a page')
    .transform(decodeCursor)
    .optional()
    .describe('`nextCursor` of the page before, with the same other filters.'),
};
const pageRecords = z.int().min(1).max(MAX_PAGE_RECORDS);

/** `reference` is what requests had before {@link searchRequestSchema}: gateways write down the URLs that they see. */
export const listQuerySchema = z.strictObject({
  reference: referenceSchema
    .optional()
    .describe('Deprecated: a URL is written down on its way. Send it to POST /predictions/search.')
    .meta({ deprecated: true }),
  ...filters,
  limit: z.coerce.number().int().min(1).max(MAX_PAGE_RECORDS).default(DEFAULT_PAGE_RECORDS).describe('Records a page.'),
});

export const searchRequestSchema = z
  .strictObject({
    reference: referenceSchema.optional(),
    ...filters,
    limit: pageRecords.default(DEFAULT_PAGE_RECORDS).describe('Records a page.'),
  })
  .meta({ id: 'SearchRequest', examples: [{ reference: 'application-4711', from: '2026-11-01', limit: 100 }] });
/** Which records are asked for. */
export type RecordFilter = z.output<typeof searchRequestSchema>;

export const outcomeSchema = z
  .object({
    id: z.uuidv7(),
    defaulted: z.boolean(),
    observedAt: z.iso.datetime(),
    recordedAt: z.iso.datetime(),
    requestId: z.string().describe('Of the request that recorded it.'),
    caller: z.string().nullable(),
  })
  .meta({ id: 'Outcome' });
export type Outcome = z.output<typeof outcomeSchema>;

export const predictionRecordSchema = z
  .object({
    id: z.uuid(),
    predictedAt: z.iso.datetime().describe('The time in the id: when the answer was made.'),
    reference: z.string().nullable().describe("The caller's own id; null where there was none, or once erased."),
    inputs: z
      .record(z.string(), z.number().nullable())
      .nullable()
      .describe('The float32 values that were scored, by name; null for one that was missing. Null once erased.'),
    probability,
    prediction: predictedClass,
    threshold,
    model: modelRefSchema,
    defaultClass: defaultClassSchema
      .nullable()
      .describe(
        'The class whose probability it is; null for answers of releases that took the second one, whatever its label.',
      ),
    warnings: z.array(warningSchema).nullable(),
    requestId: z.string().describe('The X-Request-Id of the request that it answered.'),
    traceId: z.string().nullable(),
    caller: z.string().nullable().describe('What CALLER_HEADER said.'),
    batchId: z.uuid().nullable().describe('Shared by the rows of a batch.'),
    rowIndex: z.int().nullable().describe('Position in the batch, from 0.'),
    inferenceUs: z.number().describe('Microseconds of the run that scored it, together with the rest of its batch.'),
    onnxruntimeVersion: z.string(),
    platform: z.string().describe('Operating system and processor, such as linux/x64.'),
    erased: z.boolean().describe('Whether inputs and reference were erased.'),
    outcomes: z
      .array(outcomeSchema)
      .describe(
        'What really happened, in the order in which it was recorded, whatever `observedAt` says. The last one counts.',
      ),
    chain: z
      .object({ writer: z.uuid(), sequence: z.int(), index: z.int() })
      .nullable()
      .describe(
        'Its place: row `index` of group `sequence` of `writer`. Null when that group is missing: run log:verify.',
      ),
  })
  .meta({ id: 'PredictionRecord' });
export type PredictionRecord = z.output<typeof predictionRecordSchema>;

export const predictionPageSchema = z
  .object({
    predictions: z.array(predictionRecordSchema).describe('Newest first.'),
    nextCursor: z.string().nullable().describe('Gives the next page; null after the last one.'),
  })
  .meta({ id: 'PredictionPage' });
export type PredictionPage = z.output<typeof predictionPageSchema>;

const scoreSchema = z.object({
  probability,
  prediction: predictedClass,
  onnxruntimeVersion: z.string(),
  platform: z.string(),
});

export const replayResponseSchema = z
  .object({
    id: z.uuid(),
    identical: z.boolean().describe('Whether both probabilities are the same float32, bit by bit.'),
    difference: z.number().min(0).describe('Between the two probabilities.'),
    sameRuntime: z.boolean().describe('Whether engine and platform are the same: only then is `identical` promised.'),
    recorded: scoreSchema,
    replayed: scoreSchema,
    model: modelRefSchema,
  })
  .meta({ id: 'ReplayResponse' });
export type ReplayResponse = z.output<typeof replayResponseSchema>;

/** Nothing but the reference: whoever adds a filter would erase more than they meant to. */
/** Of a route that takes all in its body: a reference in the URL as well would be written down on its way, and do nothing. */
export const noQuerySchema = z.strictObject({});

export const eraseQuerySchema = z.strictObject({ reference: referenceSchema });
export const eraseRequestSchema = z
  .strictObject({ reference: referenceSchema })
  .meta({ id: 'EraseRequest', examples: [{ reference: 'application-4711' }] });
export type EraseRequest = z.output<typeof eraseRequestSchema>;

export const eraseResponseSchema = z
  .object({
    id: z.uuidv7().describe('Names the erasure, which is itself recorded.'),
    predictions: z.int().describe('Records whose inputs and reference were erased.'),
    idempotencyRecords: z.int().describe('Stored answers to Idempotency-Keys that were deleted.'),
  })
  .meta({ id: 'EraseResponse' });
export type EraseResponse = z.output<typeof eraseResponseSchema>;
