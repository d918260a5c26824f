import type { QueryConfig } from 'pg';
import { type ChainGroup, GROUP_FORMAT } from '../chain/chain-writer.js';
import { insertClaims, type KeyClaim } from '../idempotency/key-claims.js';
import type { ScoringContext } from '../prediction-record.js';
import { SALT_BYTES } from '../chain/row-hash.js';
import type { BindMessage } from './bind-message.js';
import type { ChainedRows } from './chained-rows.js';
import { bytea, float4, int2, int4, int8, text, uuid } from './wire-types.js';

const INSERT_GROUP = `
  INSERT INTO chain_groups (id, kind, writer, sequence, previous_hash, row_count, row_hashes, hmac, format)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, ${GROUP_FORMAT})
  ON CONFLICT DO NOTHING`;

/** The inputs of all rows come in one array, and each row takes its slice: arrays of arrays must be rectangular. */
const insertPredictions = (keys = '') => `
  WITH chain_group AS (${INSERT_GROUP})${keys}
  INSERT INTO predictions (id, context_id, reference, request_id, trace_id, batch_id, row_index, inputs, probability,
    prediction, warnings, caller, inference_us, salt, group_id, group_index)
  SELECT r.id, r.context_id, r.reference, r.request_id, r.trace_id, r.batch_id, r.row_index,
    ($9::real[])[r.inputs_from : r.inputs_to], r.probability, r.prediction, r.warnings::jsonb, r.caller, r.inference_us,
    r.salt, $1, r.position - 1
  FROM unnest($10::uuid[], $11::uuid[], $12::text[], $13::text[], $14::text[], $15::uuid[], $16::integer[], $17::integer[],
    $18::integer[], $19::real[], $20::smallint[], $21::text[], $22::text[], $23::real[], $24::bytea[])
    WITH ORDINALITY AS r (id, context_id, reference, request_id, trace_id, batch_id, row_index, inputs_from, inputs_to,
      probability, prediction, warnings, caller, inference_us, salt, position)
  ON CONFLICT DO NOTHING`;

/** A group and its rows in one statement, and so in one transaction. Written already: nothing happens. */
export const INSERT_PREDICTIONS = { name: 'insert-predictions', text: insertPredictions(), parameters: 24 };

/** The same with the keys and answers of some of its rows. All or nothing: it fails where a key is taken. */
export const INSERT_KEYED_PREDICTIONS = {
  name: 'insert-keyed-predictions',
  text: insertPredictions(`,
    claims AS (${insertClaims('$25', '$26', '$27', '$28', '$29', '$30')})`),
  parameters: 30,
};

/**
 * @param statement one of the two above, by the name that it was prepared as
 * @param claims of some of the rows, with the text of their answers; for {@link INSERT_KEYED_PREDICTIONS}
 * @returns the message to run it with, as `BindMessage.finish`
 */
export function bindPredictions(
  message: BindMessage,
  statement: typeof INSERT_PREDICTIONS,
  group: ChainGroup,
  rows: ChainedRows,
  claims: readonly KeyClaim[] = [],
): Buffer {
  bindRows(message, statement, group, rows);
  if (claims.length > 0) bindClaims(message, claims);
  return message.finish();
}

function bindClaims(message: BindMessage, claims: readonly KeyClaim[]): void {
  message
    .column(text, claims, ({ caller }) => caller)
    .column(text, claims, ({ key }) => key)
    .column(text, claims, ({ route }) => route)
    .column(bytea, claims, ({ bodyHash }) => bodyHash)
    .column(uuid, claims, ({ entryId }) => entryId)
    .column(bytea, claims, ({ answer }) => answer as Uint8Array);
}

function bindRows(
  message: BindMessage,
  { name, parameters }: typeof INSERT_PREDICTIONS,
  group: ChainGroup,
  { rows, salts }: ChainedRows,
): BindMessage {
  let inputsFrom = 1;
  const slices = rows.map(({ row }) => ({ from: inputsFrom, to: (inputsFrom += row.inputs.length) - 1 }));
  return message
    .start(name, parameters)
    .value(uuid, group.id)
    .value(text, group.kind)
    .value(uuid, group.writer)
    .value(int8, group.sequence)
    .value(bytea, group.previousHash)
    .value(int4, group.rowCount)
    .value(bytea, group.rowHashes)
    .value(bytea, group.hmac)
    .float4s(rows, ({ row }) => row.inputs)
    .column(uuid, rows, ({ row }) => row.id)
    .column(uuid, rows, ({ entry }) => entry.context.id)
    .column(text, rows, ({ row }) => row.reference)
    .column(text, rows, ({ entry }) => entry.requestId)
    .column(text, rows, ({ entry }) => entry.traceId)
    .column(uuid, rows, ({ entry }) => entry.batchId)
    .column(int4, rows, ({ row }) => row.rowIndex)
    .column(int4, slices, ({ from }) => from)
    .column(int4, slices, ({ to }) => to)
    .column(float4, rows, ({ row }) => row.probability)
    .column(int2, rows, ({ row }) => row.prediction)
    .column(text, rows, ({ row }) => row.warnings && JSON.stringify(row.warnings))
    .column(text, rows, ({ entry }) => entry.caller)
    .column(float4, rows, ({ entry }) => entry.inferenceUs)
    .bytes(salts, SALT_BYTES);
}

export const insertGroup = (group: ChainGroup): QueryConfig => ({
  name: 'insert-group',
  text: INSERT_GROUP,
  values: groupValues(group),
});

const groupValues = (group: ChainGroup) => [
  group.id,
  group.kind,
  group.writer,
  group.sequence,
  group.previousHash,
  group.rowCount,
  group.rowHashes,
  group.hmac,
];

/** Takes inputs, reference and salt out of rows, and leaves in their place the hash that stands for them in the chain. */
export const eraseSubjects = (rows: readonly { id: string; subjectHash: Buffer }[]): QueryConfig => ({
  // The ids come twice: as a condition they tell PostgreSQL which partitions to look in.
  text: `
    UPDATE predictions p SET inputs = NULL, reference = NULL, salt = NULL, subject_hash = e.subject_hash
    FROM unnest($1::uuid[], $2::bytea[]) AS e (id, subject_hash)
    WHERE p.id = e.id AND p.id = ANY ($1::uuid[])`,
  values: [rows.map(({ id }) => id), rows.map((row) => row.subjectHash)],
});

export const insertContext = (context: ScoringContext): QueryConfig => ({
  name: 'insert-context',
  text: `
    INSERT INTO scoring_contexts (id, model_name, model_version, model_alias, model_digest, threshold, feature_names,
      onnxruntime_version, platform, format, default_class, default_class_from)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
    ON CONFLICT DO NOTHING`,
  values: [
    context.id,
    context.modelName,
    context.modelVersion,
    context.modelAlias,
    context.modelDigest,
    context.threshold,
    context.featureNames,
    context.onnxruntimeVersion,
    context.platform,
    context.format,
    context.defaultClass,
    context.defaultClassFrom,
  ],
});
