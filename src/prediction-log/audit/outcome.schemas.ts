import { z } from 'zod';
import { instantSchema, uuidSchema } from './record.schemas.js';

/** Parsing and hashing as many holds the event loop for some ten milliseconds. */
export const MAX_OUTCOME_LINES = 1000;

export const DAY_MS = 24 * 3_600_000;

const defaulted = z.boolean().describe('Whether the client defaulted.');
const observedAt = instantSchema
  // A date is its midnight in UTC, which in the east is yet to come.
  .refine((instant) => instant.getTime() < Date.now() + DAY_MS, 'must not be in the future')
  .describe('When that was observed: ISO 8601, a date or a date and time; not before the day of the answer.');

export const outcomeRequestSchema = z
  .strictObject({ defaulted, observedAt })
  .meta({ id: 'OutcomeRequest', examples: [{ defaulted: true, observedAt: '2026-11-01' }] });
export type OutcomeRequest = z.output<typeof outcomeRequestSchema>;

export const outcomeLineSchema = z.strictObject({ predictionId: uuidSchema, defaulted, observedAt }).meta({
  id: 'OutcomeLine',
  examples: [{ predictionId: '01968b2e-7c1f-7d3a-9b64-3f1f0a5c2d10', defaulted: false, observedAt: '2026-11-01' }],
});

/** An outcome that is to be recorded. */
export type NewOutcome = z.output<typeof outcomeLineSchema> & {
  /** Where it stands in the body, from 1; absent when it is the body. */
  line?: number;
};

export const outcomesResponseSchema = z
  .object({ recorded: z.int().describe('Outcomes that were recorded: one a line.') })
  .meta({ id: 'OutcomesResponse' });
export type OutcomesResponse = z.output<typeof outcomesResponseSchema>;
