import { z } from 'zod';

export const metaResponseSchema = z
  .object({
    service: z.object({ name: z.string(), version: z.string(), commit: z.string() }),
    model: z
      .object({
        name: z.string(),
        version: z.string(),
        alias: z.string().nullable(),
        digest: z.string(),
        runId: z.string().nullable().describe('The MLflow run that trained it.'),
        loadedAt: z.iso.datetime(),
        sourceUri: z.string(),
        inputs: z
          .array(
            z.object({
              name: z.string(),
              type: z.literal('float32'),
              description: z.string().nullable().describe('Formula and unit.'),
              range: z
                .array(z.number().nullable())
                .length(2)
                .nullable()
                .describe('Inclusive; outside it an answer carries a warning.'),
              nullable: z.boolean().describe('Whether null may be sent.'),
            }),
          )
          .describe("In the model's order."),
        threshold: z.number(),
        trainingMetrics: z.record(z.string(), z.number()),
      })
      .nullable()
      .describe('The live model; null when there is none.'),
  })
  .meta({ id: 'Meta' });

export type MetaResponse = z.output<typeof metaResponseSchema>;
