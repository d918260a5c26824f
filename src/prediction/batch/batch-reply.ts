import { ID_CHARACTERS, IdSequence } from '../../common/ids/id-sequence.js';
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
 */
export function batchReply(
  probabilities: Float32Array,
  spec: Pick<ScoringSpec, 'threshold' | 'ref'>,
  warnings: ReadonlyMap<number, readonly FeatureWarning[]>,
): BatchReply {
  const head = '{"predictions":[';
  const tail = `],${commonMembers(spec)}}`;
  const warningsTexts = new Map(Array.from(warnings, ([i, found]) => [i, WARNINGS + JSON.stringify(found)]));
  let size = head.length + probabilities.length * (ROW.byteLength + AFTER_ROW_BYTES) + Buffer.byteLength(tail);
  for (const text of warningsTexts.values()) size += Buffer.byteLength(text);

  const body = Buffer.allocUnsafeSlow(size);
  const starts = new Uint32Array(probabilities.length);
  const ids = new IdSequence(probabilities.length);
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

/** As JSON.stringify does; digit by digit, since a call of Buffer's own method takes longer than so short a text. */
function writeNumber(value: number, target: Uint8Array, offset: number): number {
  const text = String(value);
  for (let i = 0; i < text.length; i++) target[offset + i] = text.charCodeAt(i);
  return offset + text.length;
}
