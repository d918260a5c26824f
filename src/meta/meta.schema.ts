import { z } from 'zod';
import { defaultClassSchema } from '../model-registry/default-class.js';

export const metaResponseSchema = z
  .object({
    service: z.object({ name: z.string(), version: z.string(), commit: z.string() }),
    model: z
      .object({
        name: z.string(),
        version: z.string(),
        alias: z
          .string()
          .nullable()
          .describe('Null unless the last look at the registry found it naming this version.'),
        digest: z.string(),
        runId: z.string().nullable().describe('The MLflow run that trained it.'),
        loadedAt: z.iso.datetime(),
        digestVouched: z.boolean().describe('Whether the registry carried the digest of the files, and it matched.'),
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
        defaultClass: defaultClassSchema.describe('The class whose probability the answers give.'),
        probabilityColumns: z
          .literal([1, 2])
          .describe(
            'Of the graph. A single column counts as the probability of the second class, which must be the default.',
          ),
        singleRows: z
          .enum(['filled-late', 'gathered-first'])
          .describe(
            'filled-late: as fast as can be. gathered-first: the fast way was not shown to give the same scores, so it is not taken.',
          ),
        trainingMetrics: z.record(z.string(), z.number()),
        warnings: z
          .array(z.string())
          .describe("What of the model's files and tags is not used, and why. docs/model-contract.md says what is."),
      })
      .nullable()
      .describe('The live model; null when there is none.'),
    registry: z.object({
      uri: z.string().describe('MODEL_URI, without credentials.'),
      following: z.boolean().describe('False while a version is pinned.'),
      namedVersion: z.string().nullable().describe('What the source named at the last successful look.'),
      lastLookAt: z.iso.datetime().nullable(),
      lastSuccessAt: z.iso.datetime().nullable().describe('How fresh the knowledge of the alias is.'),
      lastError: z.string().nullable().describe('Why the last look failed.'),
      degraded: z.string().nullable().describe('What keeps the service from being sure that it serves what it should.'),
    }),
  })
  .meta({ id: 'Meta' });

export type MetaResponse = z.output<typeof metaResponseSchema>;
