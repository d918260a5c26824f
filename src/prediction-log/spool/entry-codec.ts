import type { LogEntry, PredictionRow, ScoringContext } from '../prediction-record.js';

interface SpooledEntry extends Omit<LogEntry, 'context' | 'rows' | 'idempotency'> {
  contextId: string;
  rows: SpooledRow[];
}

interface SpooledRow extends Omit<PredictionRow, 'inputs'> {
  /** Base64 of little-endian float32 values. */
  inputs: string;
}

type Content = { context: ScoringContext } | { entry: SpooledEntry };

/** What a context of a release before format 2 does not say. */
const OF_FORMAT_1 = { format: 1, defaultClass: null, defaultClassFrom: null };

/** What releases before the number of the format wrote: format 1. */
type UnnumberedPayload = Content & { v?: undefined };

/** A release that knows no numbers finds nothing that it knows here, and keeps the segment. */
interface Payload {
  v: number;
  content: Content;
}

/** The format that this release writes; it also reads those before it. */
export const SPOOL_FORMAT = 2;

/** Only a newer release can read what was spooled. */
export class NewerSpoolFormatError extends Error {}

const encode = (content: Content): Buffer =>
  Buffer.from(JSON.stringify({ v: SPOOL_FORMAT, content } satisfies Payload));

/** A context stands in a segment before the first entry that names it. */
export const encodeContext = (context: ScoringContext): Buffer => encode({ context });

/** An entry without its context, and without what an Idempotency-Key is answered with: that is never spooled. */
export const encodeEntry = ({ context, requestId, traceId, caller, batchId, inferenceUs, rows }: LogEntry): Buffer =>
  encode({
    entry: {
      contextId: context.id,
      requestId,
      traceId,
      caller,
      batchId,
      inferenceUs,
      rows: rows.map((row) => ({ ...row, inputs: toBase64(row.inputs) })),
    },
  });

/** Reads the payloads of one segment in the order in which they were written. */
export class EntryDecoder {
  private readonly contexts = new Map<string, ScoringContext>();

  /**
   * @returns undefined for a context, which is kept for the entries that name it
   * @throws NewerSpoolFormatError
   * @throws Error when a payload is not what {@link encodeContext} and {@link encodeEntry} write
   */
  decode(bytes: Buffer): LogEntry | undefined {
    const content = contentOf(JSON.parse(bytes.toString()) as Payload | UnnumberedPayload);
    if ('entry' in content) return this.entry(content.entry);
    this.contexts.set(content.context.id, { ...OF_FORMAT_1, ...content.context });
    return undefined;
  }

  private entry({ contextId, rows, ...entry }: SpooledEntry): LogEntry {
    const context = this.contexts.get(contextId);
    if (!context) throw new Error(`A spooled entry names the context ${contextId}, which its segment does not have.`);
    return { ...entry, context, rows: rows.map((row) => ({ ...row, inputs: fromBase64(row.inputs) })) };
  }
}

function contentOf(payload: Payload | UnnumberedPayload): Content {
  if (payload.v === undefined) return payload;
  if (payload.v > SPOOL_FORMAT) throw new NewerSpoolFormatError(`The spool is of format ${payload.v}.`);
  return payload.content;
}

function toBase64(values: Float32Array): string {
  const bytes = Buffer.allocUnsafe(4 * values.length);
  // Batches have 10,000 rows: entries() would hold the event loop four times as long.
  for (let i = 0; i < values.length; i++) bytes.writeFloatLE(values[i]!, 4 * i);
  return bytes.toString('base64');
}

function fromBase64(text: string): Float32Array {
  const bytes = Buffer.from(text, 'base64');
  const values = new Float32Array(bytes.byteLength / 4);
  for (let i = 0; i < values.length; i++) values[i] = bytes.readFloatLE(4 * i);
  return values;
}
