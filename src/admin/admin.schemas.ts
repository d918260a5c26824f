import { z } from 'zod';

export const reloadRequestSchema = z
  .strictObject({
    version: z
      .string()
      .regex(/^[\w.-]{1,64}$/, 'must be a version number')
      .optional()
      .describe('Pins this version until unpin.'),
  })
  .nullish()
  .transform((body) => body ?? {})
  .meta({ id: 'ReloadRequest', examples: [{ version: '7' }] });
export type ReloadRequest = z.output<typeof reloadRequestSchema>;

const versionSchema = z
  .object({ name: z.string(), version: z.string(), digest: z.string() })
  .meta({ id: 'AdminModelVersion' });

const scope = z.literal('instance').describe('Other replicas are not touched; a fleet is moved by moving the alias.');

export const reloadResponseSchema = z
  .object({
    scope,
    result: z.enum([
      'swapped',
      'restored',
      'rolled-back',
      'pinned',
      'unpinned',
      'unchanged',
      'held-by-pin',
      'waiting-to-retry',
    ]),
    live: versionSchema,
  })
  .meta({ id: 'ReloadResponse' });
export type ReloadResponse = z.output<typeof reloadResponseSchema>;

const eventSchema = z
  .object({
    at: z.iso.datetime(),
    trigger: z.enum(['startup', 'poll', 'webhook', 'file-change', 'admin']),
    result: z.string(),
    version: z.string().nullable(),
    retryable: z.boolean().nullable().describe('False: this version must not serve. Null: not a failure.'),
    reason: z.string().nullable(),
    durationMs: z.number(),
  })
  .meta({ id: 'ReloadEvent' });

export const adminModelSchema = z
  .object({
    scope,
    live: versionSchema.nullable(),
    previous: versionSchema.nullable().describe('Where a rollback would go; null after one.'),
    pinned: z.boolean(),
    candidate: z.string().nullable().describe('The version that is being prepared right now.'),
    registry: z.object({
      uri: z.string(),
      namedVersion: z.string().nullable().describe('What the source named at the last successful look.'),
      lastLookAt: z.iso.datetime().nullable(),
      lastSuccessAt: z.iso.datetime().nullable(),
      lastError: z.string().nullable(),
      failure: z
        .object({ reason: z.string(), retryable: z.boolean(), attempts: z.int() })
        .nullable()
        .describe('Why the named version is not live.'),
    }),
    events: z.array(eventSchema).describe('The last 50, newest first.'),
  })
  .meta({ id: 'AdminModel' });
export type AdminModel = z.output<typeof adminModelSchema>;
