import { readFileSync } from 'node:fs';
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { describe, expect, it } from '@jest/globals';
import { FIXTURE_MODELS } from '../../../test/support/fixture-models.js';
import { ModelRejectedError } from '../model-rejected.error.js';
import { readOnnxGraph } from './onnx-graph.js';

const LENGTH_DELIMITED = 2;

/** A message with these fields, each a text, bytes or another message. */
function message(...fields: [number, string | Uint8Array][]): Uint8Array {
  const writer = new BinaryWriter();
  for (const [field, value] of fields) {
    writer.tag(field, LENGTH_DELIMITED);
    if (typeof value === 'string') writer.string(value);
    else writer.bytes(value);
  }
  return writer.finish();
}

const modelOf = (...graphFields: [number, string | Uint8Array][]) => message([7, message(...graphFields)]);

/** @param dataType of TensorProto.DataType, then fields of its values */
function tensor(name: string, dataType: number, ...fields: [number, string | Uint8Array][]): Uint8Array {
  const type = new BinaryWriter().tag(2, 0).int32(dataType).finish();
  return Buffer.concat([type, message(...fields, [8, name])]);
}

const constantsOf = (model: Uint8Array) => Object.fromEntries(readOnnxGraph(model).constants);

describe('readOnnxGraph', () => {
  it('reads what exporters write, from shared memory', () => {
    const file = readFileSync(`${FIXTURE_MODELS}/string-labels/model.onnx`);
    const shared = new Uint8Array(new SharedArrayBuffer(file.byteLength));
    shared.set(file);
    expect(readOnnxGraph(shared).nodes[0]).toEqual({
      operator: 'LinearClassifier',
      inputs: ['input'],
      outputs: ['label', 'probabilities'],
      lists: new Map([['classlabels_strings', ['bad', 'good']]]),
    });
  });

  it('reads integers as text, and constants that are nodes', () => {
    const { nodes } = readOnnxGraph(readFileSync(`${FIXTURE_MODELS}/other-integers/model.onnx`));
    expect(nodes[0]!.lists).toEqual(new Map([['classlabels_ints', ['1', '2']]]));
    expect(constantsOf(readFileSync(`${FIXTURE_MODELS}/single-vector/model.onnx`))).toMatchObject({ last_axis: ['1'] });
  });

  it.each<[string, number, [number, string | Uint8Array][], string[]]>([
    [
      'texts',
      8,
      [
        [6, 'bad'],
        [6, 'good'],
      ],
      ['bad', 'good'],
    ],
    ['packed int64', 7, [[7, Uint8Array.of(1, 2)]], ['1', '2']],
    ['packed int32', 6, [[5, Uint8Array.of(1, 2)]], ['1', '2']],
    ['raw int64', 7, [[9, new Uint8Array(BigInt64Array.of(-1n, 1n).buffer)]], ['-1', '1']],
    ['raw int32', 6, [[9, new Uint8Array(Int32Array.of(0, 1).buffer)]], ['0', '1']],
    ['raw floats', 1, [[9, new Uint8Array(Float32Array.of(0, 1).buffer)]], ['0', '1']],
    ['raw booleans', 9, [[9, Uint8Array.of(0, 1)]], ['0', '1']],
  ])('reads small tensors of %s', (_what, type, fields, values) => {
    expect(constantsOf(modelOf([5, tensor('classes', type, ...fields)]))).toEqual({ classes: values });
  });

  it('passes over tensors of many values, of long texts and of other types', () => {
    const model = modelOf(
      [5, tensor('weights', 1, [4, new Uint8Array(4000)])],
      [5, tensor('raw', 7, [9, new Uint8Array(8 * 17)])],
      [5, tensor('text', 8, [6, 'x'.repeat(257)])],
      [5, tensor('halves', 10, [5, Uint8Array.of(1)])],
    );
    expect(constantsOf(model)).toEqual({});
  });

  it('passes over an attribute without a name', () => {
    expect(readOnnxGraph(modelOf([1, message([4, 'Identity'], [5, message([9, 'bad'])])])).nodes[0]!.lists.size).toBe(
      0,
    );
  });

  it('refuses more nodes than any model has', () => {
    const emptyNode = message([1, '']);
    const nodes = Buffer.concat(Array.from({ length: 100_001 }, () => emptyNode));
    expect(() => readOnnxGraph(message([7, nodes]))).toThrow('more than 100000 nodes');
  });

  it.each([
    ['a length beyond the end', Uint8Array.of(0x3a, 0x7f, 1)],
    ['a number without an end', Uint8Array.of(0x3a, 2, 0xff, 0xff)],
    ['a group that is not closed', Uint8Array.of(0x0b)],
    ['a text file', Buffer.from('ORTM is not ONNX')],
  ])('refuses %s', (_what, bytes) => {
    expect(() => readOnnxGraph(bytes)).toThrow(ModelRejectedError);
    expect(() => readOnnxGraph(bytes)).toThrow('The graph of the ONNX file cannot be read. Export it again');
  });
});
