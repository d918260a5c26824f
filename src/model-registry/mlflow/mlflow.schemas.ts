import { z } from 'zod';

/** Replies of MLflow's REST API as far as the service reads them: https://mlflow.org/docs/latest/api_reference/rest-api.html */

const tagsSchema = z
  .array(z.object({ key: z.string(), value: z.string().default('') }))
  .default([])
  .transform((tags): ReadonlyMap<string, string> => new Map(tags.map(({ key, value }) => [key, value])));

export const modelVersionSchema = z.object({
  model_version: z.object({
    name: z.string().min(1),
    version: z.string().min(1),
    /** Unix milliseconds. */
    creation_timestamp: z.int(),
    /** `models:/m-…` for what MLflow 3 logged, else the artifact URI. */
    source: z.string().default(''),
    run_id: z.string().default(''),
    tags: tagsSchema,
  }),
});
export type ModelVersion = z.output<typeof modelVersionSchema>['model_version'];

export const downloadUriSchema = z.object({ artifact_uri: z.string().min(1) });

const loggedModelInfoSchema = z.object({
  model_id: z.string().min(1),
  name: z.string().min(1),
  artifact_uri: z.string().min(1),
  source_run_id: z.string().default(''),
  tags: tagsSchema,
});
export type LoggedModel = z.output<typeof loggedModelInfoSchema>;

export const loggedModelSchema = z.object({ model: z.object({ info: loggedModelInfoSchema }) });

/** MLflow leaves empty lists out. */
export const loggedModelsSchema = z.object({ models: z.array(z.object({ info: loggedModelInfoSchema })).default([]) });

export const runSchema = z.object({
  run: z.object({ info: z.object({ experiment_id: z.string().min(1), artifact_uri: z.string().min(1) }) }),
});
export type Run = z.output<typeof runSchema>['run']['info'];

export const artifactListSchema = z.object({
  files: z
    .array(
      z.object({
        /** Relative to the folder that was listed. */
        path: z.string(),
        is_dir: z.boolean().default(false),
        /** In bytes. MLflow leaves it out when it is 0. */
        file_size: z.int().nonnegative().default(0),
      }),
    )
    .default([]),
});
export type ArtifactEntry = z.output<typeof artifactListSchema>['files'][number];

/** `error_code` is one of a closed set of words. */
export const failureSchema = z.object({ error_code: z.string().regex(/^[A-Z_]+$/), message: z.string().default('') });
