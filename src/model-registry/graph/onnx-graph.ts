import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { ModelRejectedError } from '../model-rejected.error.js';

/** As much of an ONNX graph as tells what the columns of its outputs are. */
export interface OnnxGraph {
  nodes: readonly GraphNode[];
  /** Small tensors that are part of the graph, by name; values as text, such as `1` or `bad`. */
  constants: ReadonlyMap<string, readonly string[]>;
}

export interface GraphNode {
  /** `Identity`, `TreeEnsembleClassifier` and so on. */
  operator: string;
  inputs: readonly string[];
  outputs: readonly string[];
  /** Those in {@link LISTS} alone; values as text. */
  lists: ReadonlyMap<string, readonly string[]>;
}

/** Attributes that name classes, or that constants and maps of labels are made of. */
const LISTS: ReadonlySet<string> = new Set([
  'classlabels_ints',
  'classlabels_int64s',
  'classlabels_strings',
  'keys_int64s',
  'keys_strings',
  'value',
  'value_int',
  'value_ints',
  'value_string',
  'value_strings',
  'values_int64s',
  'values_strings',
]);

/** Nobody vouches for the file, so nothing that it names is kept beyond these. */
const MAX_NODES = 100_000;
const MAX_VALUES = 16;
const MAX_TEXT_BYTES = 256;

/** Of TensorProto.DataType. */
const FLOAT = 1;
const INT32 = 6;
const INT64 = 7;
const STRING = 8;
const BOOL = 9;

/**
 * Reads the graph of an ONNX file (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto). onnxruntime-node tells neither nodes
 * nor attributes. Weights are passed over.
 *
 * @param model bytes that onnxruntime has loaded
 * @throws ModelRejectedError when they are not a ModelProto, or have more nodes than any model that is exported
 */
export function readOnnxGraph(model: Uint8Array): OnnxGraph {
  try {
    return readModel(model);
  } catch (cause) {
    if (cause instanceof ModelRejectedError) throw cause;
    throw new ModelRejectedError('The graph of the ONNX file cannot be read. Export it again, as a .onnx file.', {
      cause,
    });
  }
}

function readModel(model: Uint8Array): OnnxGraph {
  const nodes: GraphNode[] = [];
  const constants = new Map<string, readonly string[]>();
  for (const graph of submessages(model, 7)) {
    const reader = new BinaryReader(graph);
    while (reader.pos < reader.len) {
      const [field, wireType] = reader.tag();
      if (field === 1) nodes.push(readNode(reader.bytes()));
      else if (field === 5) addInitializer(reader.bytes(), constants);
      else reader.skip(wireType, field);
      if (nodes.length > MAX_NODES) {
        throw new ModelRejectedError(`The ONNX graph has more than ${MAX_NODES} nodes. Export a smaller model.`);
      }
    }
  }
  for (const { operator, outputs, lists } of nodes) {
    const [values] = lists.values();
    if (operator === 'Constant' && values) constants.set(outputs[0]!, values);
  }
  return { nodes, constants };
}

function* submessages(message: Uint8Array, wanted: number): Generator<Uint8Array, void> {
  const reader = new BinaryReader(message);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === wanted) yield reader.bytes();
    else reader.skip(wireType, field);
  }
}

function readNode(message: Uint8Array): GraphNode {
  const reader = new BinaryReader(message);
  const inputs: string[] = [];
  const outputs: string[] = [];
  const lists = new Map<string, readonly string[]>();
  let operator = '';
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === 1) inputs.push(text(reader.bytes()));
    else if (field === 2) outputs.push(text(reader.bytes()));
    else if (field === 4) operator = text(reader.bytes());
    else if (field === 5) addAttribute(reader.bytes(), lists);
    else reader.skip(wireType, field);
  }
  return { operator, inputs, outputs, lists };
}

function addAttribute(message: Uint8Array, lists: Map<string, readonly string[]>): void {
  const [nameBytes] = submessages(message, 1);
  const name = nameBytes && text(nameBytes);
  // Most are the weights of trees, and as large as the file.
  if (name === undefined || !LISTS.has(name)) return;
  const reader = new BinaryReader(message);
  const values = new Values();
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === 3) values.add(reader.int64());
    else if (field === 4 || field === 9) values.addText(reader.bytes());
    else if (field === 5) values.addAll(readTensor(reader.bytes()).values);
    else if (field === 8) values.addPacked(reader, wireType, (ints) => ints.int64());
    else reader.skip(wireType, field);
  }
  if (values.list) lists.set(name, values.list);
}

function addInitializer(message: Uint8Array, constants: Map<string, readonly string[]>): void {
  const { name, values } = readTensor(message);
  if (values) constants.set(name, values);
}

/** @returns `values` of a small tensor of integers, texts or floats; undefined for any other */
function readTensor(message: Uint8Array): { name: string; values: readonly string[] | undefined } {
  const reader = new BinaryReader(message);
  const values = new Values();
  let name = '';
  let type = 0;
  let raw: Uint8Array | undefined;
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === 2) type = reader.int32();
    else if (field === 4) values.addPacked(reader, wireType, (floats) => floats.float());
    else if (field === 5) values.addPacked(reader, wireType, (ints) => ints.int32());
    else if (field === 6) values.addText(reader.bytes());
    else if (field === 7) values.addPacked(reader, wireType, (ints) => ints.int64());
    else if (field === 8) name = text(reader.bytes());
    else if (field === 9) raw = reader.bytes();
    else reader.skip(wireType, field);
  }
  if (![FLOAT, INT32, INT64, STRING, BOOL].includes(type)) return { name, values: undefined };
  if (raw) addRaw(raw, type, values);
  return { name, values: values.list };
}

function addRaw(raw: Uint8Array, type: number, values: Values): void {
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  const size = type === INT64 ? 8 : type === BOOL ? 1 : 4;
  for (let at = 0; at + size <= raw.byteLength && values.list; at += size) {
    if (type === INT64) values.add(view.getBigInt64(at, true));
    else if (type === INT32) values.add(view.getInt32(at, true));
    else if (type === FLOAT) values.add(view.getFloat32(at, true));
    else values.add(view.getUint8(at));
  }
}

/** Values as text, as long as they are few and short. */
class Values {
  private values: string[] | undefined = [];

  /** Undefined once there was too much. */
  get list(): readonly string[] | undefined {
    return this.values;
  }

  add(value: bigint | number | string): void {
    if (this.values && this.values.length < MAX_VALUES) this.values.push(String(value));
    else this.values = undefined;
  }

  addText(bytes: Uint8Array): void {
    if (bytes.byteLength <= MAX_TEXT_BYTES) this.add(text(bytes));
    else this.values = undefined;
  }

  addAll(values: readonly string[] | undefined): void {
    if (values) for (const value of values) this.add(value);
    else this.values = undefined;
  }

  /** A repeated number stands alone, or with others in a field that has a length. */
  addPacked(reader: BinaryReader, wireType: WireType, read: (from: BinaryReader) => bigint | number | string): void {
    if (wireType !== WireType.LengthDelimited) return this.add(read(reader));
    const packed = new BinaryReader(reader.bytes());
    while (packed.pos < packed.len && this.values) this.add(read(packed));
  }
}

/** By way of a copy, since the bytes may be in shared memory. */
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');
