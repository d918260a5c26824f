import { describe, expect, it } from '@jest/globals';
import { logEntry, predictionRow, scoringContextFixture } from '../../../test/support/log-entry.js';
import { newId } from '../../common/ids/new-id.js';
import type { LogEntry } from '../prediction-record.js';
import { encodeContext, encodeEntry, EntryDecoder, NewerSpoolFormatError, SPOOL_FORMAT } from './entry-codec.js';

function roundTrip(entry: LogEntry): LogEntry | undefined {
  const decoder = new EntryDecoder();
  expect(decoder.decode(encodeContext(entry.context))).toBeUndefined();
  return decoder.decode(encodeEntry(entry));
}

describe('A spooled entry', () => {
  it('comes back with every member and every bit', () => {
    const entry: LogEntry = {
      context: scoringContextFixture({ modelAlias: null, threshold: 0.1 + 0.2, featureNames: ['a', 'Ω "b"'] }),
      requestId: 'request-1',
      traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
      caller: 'gateway "1"',
      batchId: newId(),
      inferenceUs: 27.418,
      rows: [
        predictionRow({ rowIndex: 0, inputs: Float32Array.of(Number.NaN, -0, 1e-45, 3.4e38, Infinity) }),
        predictionRow({ rowIndex: 1, reference: null, inputs: new Float32Array(), prediction: 1 }),
        predictionRow({
          rowIndex: 2,
          reference: 'Grüße 🙂',
          probability: Math.fround(0.1),
          warnings: [{ feature: 'income', code: 'OUT_OF_RANGE' }],
        }),
      ],
    };
    expect(roundTrip(entry)).toEqual(entry);
  });

  it('leaves out what an Idempotency-Key is answered with', () => {
    const idempotency = {
      caller: '',
      key: 'key',
      route: '/predict',
      bodyHash: Buffer.of(1),
      answer: Buffer.from('{}'),
    };
    const entry = logEntry();
    expect(roundTrip({ ...entry, idempotency })).toEqual(entry);
  });

  it('is of format 1 where its context is one of the release before', () => {
    const context = scoringContextFixture({ format: 1, defaultClass: null, defaultClassFrom: null });
    const { format: _format, defaultClass: _class, defaultClassFrom: _from, ...written } = context;
    const decoder = new EntryDecoder();
    decoder.decode(Buffer.from(JSON.stringify({ context: written })));
    expect(decoder.decode(encodeEntry(logEntry({ context })))!.context).toEqual(context);
  });

  it('is read in the format that had no number yet', () => {
    const entry = logEntry();
    const decoder = new EntryDecoder();
    const [context, unnumbered] = [encodeContext(entry.context), encodeEntry(entry)].map((bytes) =>
      Buffer.from(JSON.stringify((JSON.parse(bytes.toString()) as { content: unknown }).content)),
    );
    expect(decoder.decode(context!)).toBeUndefined();
    expect(decoder.decode(unnumbered!)).toEqual(entry);
  });

  it('says its format, and is refused when that is newer than the reader', () => {
    const payload = JSON.parse(encodeContext(scoringContextFixture()).toString()) as { v: number };
    expect(payload.v).toBe(SPOOL_FORMAT);
    const newer = Buffer.from(JSON.stringify({ ...payload, v: SPOOL_FORMAT + 1 }));
    expect(() => new EntryDecoder().decode(newer)).toThrow(NewerSpoolFormatError);
  });

  it('is not read without its context', () => {
    const entry = logEntry();
    expect(() => new EntryDecoder().decode(encodeEntry(entry))).toThrow(entry.context.id);
  });
});
