import { hash } from 'node:crypto';
import type { ScoringContext, StoredPrediction } from '../prediction-record.js';
import { CanonicalBytes } from './canonical-bytes.js';

export const HASH_BYTES = 32;
export const SALT_BYTES = 16;

const encoder = new CanonicalBytes();

/** By way of a string of 32 one-byte characters: asking for a Buffer takes three times as long. */
const sha256 = (bytes: Buffer): Buffer => Buffer.from(hash('sha256', bytes, 'binary'), 'binary');

/**
 * Hash of what belongs to the subject and can be erased. The salt makes it useless for guessing the erased values.
 *
 * @param salt `SALT_BYTES` random bytes
 * @param inputs `[d]`
 */
export function subjectHash(salt: Uint8Array, inputs: Float32Array, reference: string | null): Buffer {
  return sha256(encoder.start().bytes(salt).float32s(inputs).text(reference).finish());
}

/** Hash of a row, from its fixed columns and its {@link subjectHash}: the latter alone outlives an erasure. */
export function predictionHash(row: Omit<StoredPrediction, 'inputs' | 'reference'>, subject: Uint8Array): Buffer {
  encoder
    .start()
    .text('prediction')
    .text(row.id)
    .text(row.contextId)
    .text(row.requestId)
    .text(row.traceId)
    .text(row.batchId)
    .number(row.rowIndex)
    .float32(row.probability)
    .number(row.prediction)
    .text(row.caller)
    .float32(row.inferenceUs)
    .bytes(subject)
    .number(row.warnings && row.warnings.length);
  for (const { feature, code } of row.warnings ?? []) encoder.text(feature).text(code);
  return sha256(encoder.finish());
}

export interface OutcomeRow {
  id: string;
  predictionId: string;
  defaulted: boolean;
  observedAt: Date;
  requestId: string;
  caller: string | null;
}

export function outcomeHash({ id, predictionId, defaulted, observedAt, requestId, caller }: OutcomeRow): Buffer {
  return sha256(
    encoder
      .start()
      .text('outcome')
      .text(id)
      .text(predictionId)
      .number(defaulted ? 1 : 0)
      .number(observedAt.getTime())
      .text(requestId)
      .text(caller)
      .finish(),
  );
}

/**
 * Why rows were erased. `asked`: a subject asked for it. `late`: they reached the table after that. `baseline`: a release that
 * did not keep tokens had erased them, and somebody with the key vouched for all of them at once.
 */
export type ErasureKind = 'asked' | 'late' | 'baseline';

export interface ErasureRow {
  id: string;
  kind: ErasureKind;
  /** See `referenceHmac`; empty unless it was asked for, or a row answered later would be taken for one that it concerns. */
  referenceHmac: Uint8Array;
  rowCount: number;
  /** Empty unless it was asked for. */
  requestId: string;
  /** See `erasureTokens`; null in format 1. */
  tokens: Uint8Array | null;
}

/**
 * @param format of its group
 * @throws Error where it has what its format does not have, and its hash would not cover
 */
export function erasureHash(
  { id, kind, referenceHmac, rowCount, requestId, tokens }: ErasureRow,
  format: number,
): Buffer {
  encoder.start().text('erasure').text(id).bytes(referenceHmac).number(rowCount).text(requestId);
  if (format > 1) encoder.text(kind).bytes(tokens);
  else if (kind !== 'asked' || tokens) throw new Error('An erasure of format 1 has no tokens, and was asked for.');
  return sha256(encoder.finish());
}

/**
 * The format of a scoring context that this release writes. It decides what the context's id covers:
 * 1: all but the default class, which it does not have.
 * 2: the default class too, and where that was said.
 */
export const CONTEXT_FORMAT = 2;

/**
 * A context is named by its own content, so a row's hash covers it too.
 *
 * @throws Error where it has what its format does not have, or is of a format that is newer than this release
 */
export function contextId(context: Omit<ScoringContext, 'id'>): string {
  const { format, defaultClass, defaultClassFrom } = context;
  if (format > CONTEXT_FORMAT) throw new Error(`A scoring context of format ${format} is newer than this release.`);
  encoder
    .start()
    .text('context')
    .text(context.modelName)
    .text(context.modelVersion)
    .text(context.modelAlias)
    .text(context.modelDigest)
    .number(context.threshold)
    .text(context.onnxruntimeVersion)
    .text(context.platform);
  // A number where format 1 has a name, so that neither can be passed off as the other.
  if (format > 1) encoder.number(format).text(defaultClass).text(defaultClassFrom);
  else if (defaultClass !== null || defaultClassFrom !== null) {
    throw new Error('A scoring context of format 1 has no default class.');
  }
  for (const name of context.featureNames) encoder.text(name);
  return uuidOf(sha256(encoder.finish()));
}

function uuidOf(bytes: Buffer): string {
  const hex = bytes.toString('hex', 0, 16);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
