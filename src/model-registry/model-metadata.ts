import { z } from 'zod';
import { ModelRejectedError } from './model-rejected.error.js';

/** Under `metadata:` in MLmodel. The rest of `metadata:` belongs to whoever logged the model. */
export const OUR_KEY = 'credit_default';
/** Enough to see what is wrong; a bad column of known rows would give one for each row. */
const MAX_FAULTS = 3;

const probability = z.number().min(0).max(1);
/** Python writes an open end as an infinity as well. */
const bound = z.union([z.number(), z.null(), z.literal([Infinity, -Infinity]).transform(() => null)]);
const value = z.union([z.number(), z.null(), z.nan().transform(() => null)]);
const histogram = z.strictObject({
  edges: z.array(z.number()),
  counts: z.array(z.int().nonnegative()),
  missing: z.int().nonnegative().default(0),
});
/** Known, and not used by this release. */
const unused = z.unknown().optional();

/** The members that were read before they had a key of their own, each described by the form that it must have. */
const FIRST_MEMBERS = {
  name: z.string().min(1).optional().describe('text'),
  feature_names: z.array(z.string().min(1)).min(1).optional().describe('a list of names in the order of the model'),
  feature_descriptions: z.record(z.string(), z.string()).default({}).describe('texts by input'),
  /** Inclusive; null is an unbounded end. */
  feature_ranges: z
    .record(z.string(), z.tuple([bound, bound]))
    .default({})
    .describe('[min, max] by input, null for an open end'),
  nullable_features: z.array(z.string()).optional().describe('a list of inputs'),
  /** For a directory that MODEL_URI names by `file:`; a registered version says it by a tag of its own. */
  allow_signature_change: z.boolean().default(false).describe('true or false'),
  threshold: probability.default(0.5).describe('a number from 0 to 1'),
  known_rows: z
    .strictObject({
      inputs: z.array(z.array(value)).min(1),
      probabilities: z.array(probability),
      tolerance: z.number().positive().default(1e-5),
    })
    .refine((rows) => rows.inputs.length === rows.probabilities.length, 'inputs and probabilities differ in length')
    .optional()
    .describe('inputs (a list of rows), probabilities (one for each row), and a tolerance above 0 or none'),
  training_metrics: z.record(z.string(), z.number()).default({}).describe('numbers by name'),
  reference: z
    .strictObject({ features: z.record(z.string(), histogram), score: histogram, quality: unused })
    .optional()
    .describe('features (a histogram by input) and score (a histogram), each of edges, counts and missing'),
};

const firstMembers = z.object(FIRST_MEMBERS);

/** What a model may say of itself for this service: docs/model-contract.md. All of it is optional. */
const metadataSchema = z.strictObject({
  ...FIRST_MEMBERS,
  /** The label of the class that means default, as text. */
  default_class: z
    .union([z.string().min(1), z.int(), z.boolean()])
    .transform(String)
    .optional()
    .describe('the label of a class: text, an integer, true or false'),
  holdout: unused,
  dataset: unused,
  directions: unused,
  outcome_horizon_days: unused,
  trained_until: unused,
  explanation: unused,
});

export type ModelMetadata = z.output<typeof metadataSchema>;

export interface ReadMetadata {
  metadata: ModelMetadata;
  /** Whether the model has members under {@link OUR_KEY}: whatever is wrong with these is a mistake, and no coincidence. */
  isOurs: boolean;
  /** What was not used, and why. */
  warnings: string[];
}

/**
 * Reads what is meant for this service out of `metadata:`, which is free for its users otherwise.
 *
 * Where our key is missing, the members that stood beside it once are read, if all of them have their form: they may as
 * well be somebody else's.
 *
 * @throws ModelRejectedError when what is under our key has not its form
 */
export function readMetadata(metadata: unknown): ReadMetadata {
  if (!isObject(metadata)) return { metadata: metadataSchema.parse({}), isOurs: false, warnings: [] };
  if (Object.hasOwn(metadata, OUR_KEY)) {
    return { metadata: readOurs(metadata[OUR_KEY] ?? {}), isOurs: true, warnings: [] };
  }
  const result = firstMembers.safeParse(metadata);
  if (result.success) return { metadata: metadataSchema.parse(result.data), isOurs: false, warnings: [] };
  const warning =
    `Nothing under metadata in MLmodel is used, because not all of it has the form that this service reads (${faults(result.error)}). ` +
    `What is meant for the service goes under metadata.${OUR_KEY}: docs/model-contract.md.`;
  return { metadata: metadataSchema.parse({}), isOurs: false, warnings: [warning] };
}

function readOurs(members: unknown): ModelMetadata {
  const result = metadataSchema.safeParse(members);
  if (result.success) return result.data;
  throw new ModelRejectedError(
    `MLmodel has not what the model contract asks for (${faults(result.error, `metadata.${OUR_KEY}`)}): ` +
      'correct it and save the model again. docs/model-contract.md has all members and their forms.',
  );
}

const faults = (error: z.ZodError, ...parents: string[]): string => {
  const found = error.issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => `${[...parents, ...issue.path, key].join('.')}: there is no such member`)
      : [`${[...parents, ...issue.path].join('.')}: ${issue.message}${expectedForm(issue.path)}`],
  );
  const more = found.length > MAX_FAULTS ? [`and ${found.length - MAX_FAULTS} more`] : [];
  return [...found.slice(0, MAX_FAULTS), ...more].join('; ');
};

function expectedForm([member]: PropertyKey[]): string {
  const form = Object.entries(metadataSchema.shape).find(([name]) => name === member)?.[1].description;
  return form ? ` (${String(member)} is ${form})` : '';
}

const isObject = (document: unknown): document is Record<string, unknown> =>
  typeof document === 'object' && document !== null && !Array.isArray(document);
