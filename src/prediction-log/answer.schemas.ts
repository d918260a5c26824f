import { z } from 'zod';

// eslint-disable-next-line no-control-regex -- control characters are what it is there to refuse
export const NO_CONTROL_CHARACTERS = /^[^\u0000-\u001f\u007f-\u009f]*$/;

/** What a request or its answer says and the log shows in the same form. */
export const referenceSchema = z
  .string()
  .min(1)
  .max(128)
  .regex(NO_CONTROL_CHARACTERS, 'must not contain control characters')
  .refine((text) => text.isWellFormed(), 'must not contain lone surrogates')
  .describe("The caller's own id of the application, to find the answer by later.");

export const predictedClass = z.literal([0, 1]).describe('1: predicted to default (probability >= threshold).');
export const probability = z.number().min(0).max(1).describe('Probability of default.');
export const threshold = z.number().min(0).max(1).describe("The model's own decision threshold.");

export const modelRefSchema = z
  .object({
    name: z.string(),
    version: z.string(),
    alias: z
      .string()
      .nullable()
      .describe(
        'The alias, where the last look at the registry before the answer found it naming this version; else null.',
      ),
    digest: z.string().describe("SHA-256 over the model directory's manifest: names these bytes."),
  })
  .meta({ id: 'ModelRef' });

export const warningSchema = z
  .object({ feature: z.string(), code: z.literal('OUT_OF_RANGE') })
  .meta({ id: 'FeatureWarning' });
