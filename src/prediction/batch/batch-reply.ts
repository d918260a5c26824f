import { ID_CHARACTERS, IdSequence } from '../../common/ids/id-sequence.js';
import { DomainError } from '../../common/errors/domain-error.js';
import type { RecordedBatch } from '../../prediction-log/idempotency/recorded-batch.js';
import type { ScoringSpec } from '../../model-registry/served-model.js';
import type { FeatureWarning } from '../feature-encoder.js';
import { commonMembers } from '../prediction-reply.js';

const ID_AT = '{"id":"'.length;
const ROW = Buffer.from(`{"id":"${' '.repeat(ID_CHARACTERS)}","prediction":0,"probability":`);
const PREDICTION_AT = ROW.indexOf('0,"probability"');
const WARNINGS = ',"warnings":';
/** The longest text of a number has 24 (ECMA-262, Number::toString); then the end of the object and a comma. */
const AFTER_ROW_BYTES = 24 + 2;

const ONE = '1'.charCodeAt(0);
const COMMA = ','.charCodeAt(0);
const END = '}'.charCodeAt(0);

/**
 * Of the text that {@link batchReply} writes. An answer to an Idempotency-Key is written anew from its record, byte for byte, for
 * 24 hours: whoever changes the text counts up, and keeps what writes the one before for as long as instances are replaced.
 */
export const BATCH_REPLY_FORMAT = 1;

const RETRY_AFTER_SECONDS = 10;

/** A batch's reply, ready to send. */
export interface BatchReply {
  /** UTF-8 JSON of a PredictBatchResponse. */
  body: Buffer<ArrayBuffer>;
  /** Reads the answers' ids, in the order of the request, from the body. */
  ids: () => string[];
}

/**
 * Writes a batch's reply with an id for each row. Written byte by byte, because `JSON.stringify` of ten thousand objects
 * takes twice as long and leaves their garbage to a collector that has no core of its own.
 *
 * @param probabilities `[n]`
 * @param warnings of the rows that have any, by their index
 * @param ids of the rows, in their order
 */
export function batchReply(
  probabilities: Float32Array,
  spec: Pick<ScoringSpec, 'threshold' | 'ref'>,
  warnings: ReadonlyMap<number, readonly FeatureWarning[]>,
  ids: Pick<IdSequence, 'writeNext'> = new IdSequence(probabilities.length),
): BatchReply {
  const head = '{"predictions":[';
  const tail = `],${commonMembers(spec)}}`;
  const warningsTexts = new Map(Array.from(warnings, ([i, found]) => [i, WARNINGS + JSON.stringify(found)]));
  let size = head.length + probabilities.length * (ROW.byteLength + AFTER_ROW_BYTES) + Buffer.byteLength(tail);
  for (const text of warningsTexts.values()) size += Buffer.byteLength(text);

  const body = Buffer.allocUnsafeSlow(size);
  const starts = new Uint32Array(probabilities.length);
  let end = body.write(head);
  for (let i = 0; i < probabilities.length; i++) {
    const probability = probabilities[i]!;
    if (i > 0) body[end++] = COMMA;
    starts[i] = end + ID_AT;
    body.set(ROW, end);
    ids.writeNext(body, end + ID_AT);
    if (probability >= spec.threshold) body[end + PREDICTION_AT] = ONE;
    end = writeNumber(probability, body, end + ROW.byteLength);
    const warningsText = warningsTexts.get(i);
    if (warningsText !== undefined) end += body.write(warningsText, end);
    body[end++] = END;
  }
  end += body.write(tail, end);
  return {
    body: body.subarray(0, end),
    ids: () => Array.from(starts, (start) => body.toString('latin1', start, start + ID_CHARACTERS)),
  };
}

/**
 * Writes the reply of a batch that was answered before, as it was sent.
 *
 * @throws DomainError PREDICTION_LOG_UNAVAILABLE when a newer release answered it
 */
export function rewriteBatchReply({
  format,
  threshold,
  model,
  ids,
  probabilities,
  warnings,
}: RecordedBatch): Buffer<ArrayBuffer> {
  if (format !== BATCH_REPLY_FORMAT) {
    throw new DomainError('PREDICTION_LOG_UNAVAILABLE', {
      detail: 'An instance of a newer release answered this Idempotency-Key, and this one cannot repeat it. Try again.',
      retryAfterSeconds: RETRY_AFTER_SECONDS,
    });
  }
  let next = 0;
  const writeNext = (target: Uint8Array, offset: number) => {
    target.set(Buffer.from(ids[next++]!, 'latin1'), offset);
  };
  return batchReply(probabilities, { threshold, ref: model }, warnings, { writeNext }).body;
}

/** As JSON.stringify does; digit by digit, since a call of Buffer's own method takes longer than so short a text. */
function writeNumber(value: number, target: Uint8Array, offset: number): number {
  const text = String(value);
  for (let i = 0; i < text.length; i++) target[offset + i] = text.charCodeAt(i);
  return offset + text.length;
}
