import { isDeepStrictEqual } from 'node:util';
import { ModelRejectedError } from '../model-rejected.error.js';
import type { GraphNode, OnnxGraph } from './onnx-graph.js';

/** Between a classifier and the graph's outputs; nobody's exporter writes longer ways. */
const MAX_STEPS = 64;

const LABEL_LISTS = ['classlabels_int64s', 'classlabels_ints', 'classlabels_strings'] as const;

/** They change what a tensor looks like, not which class its values speak of. */
const PASS_ON: ReadonlySet<string> = new Set(['Identity', 'Cast', 'Reshape', 'Squeeze', 'Unsqueeze', 'Flatten']);
/** They change the scores of classes, and not their order. */
const RESCALE: ReadonlySet<string> = new Set(['Normalizer', 'Softmax', 'Clip', 'Mul', 'Div']);

/** What a graph says of the classes that its columns are the probabilities of. */
export interface ClassLabels {
  /** In the order of the columns; undefined where the graph names none. */
  labels: readonly string[] | undefined;
  /** Whether there are other labels than 0 and 1, and which of them is whose column cannot be told. */
  unclear: boolean;
}

/** The outputs of a graph that tell the predicted class, by their type. */
export interface LabelOutputs {
  integers: readonly string[];
  texts: readonly string[];
}

interface Origin {
  labels: readonly string[];
  /** The classifier that gives them; undefined where the graph itself looks them up or translates them. */
  classifier: GraphNode | undefined;
}

/**
 * Finds the labels of a classifier's columns, as exporters write them: the outputs of the predicted class are followed back to the
 * classifier, or to the list that they are looked up in; else the probabilities are. What lies between classifiers within a graph
 * is left alone: the parts of an ensemble often know its classes by number.
 *
 * @param probabilities name of the output that has them
 * @throws ModelRejectedError when the label and the probabilities are those of different classifiers
 */
export function classLabels(graph: OnnxGraph, probabilities: string, { integers, texts }: LabelOutputs): ClassLabels {
  const producers = new Map(graph.nodes.flatMap((node) => node.outputs.map((output) => [output, node] as const)));
  const originOf = (output: string) => originOfLabel(output, producers, graph.constants, MAX_STEPS);
  const scored = originOfScores(probabilities, producers, graph);
  const [predicted, ...others] = [...integers, ...texts].flatMap((output) => originOf(output) ?? []).filter(isChoice);
  const differing = others.find(({ labels }) => !isDeepStrictEqual(labels, predicted!.labels));
  if (differing) throw differs(predicted!, differing);
  if (predicted?.classifier && scored?.classifier && predicted.classifier !== scored.classifier) {
    throw differs(predicted, scored);
  }
  if (predicted) return { labels: predicted.labels, unclear: false };
  // A text is made of the class in a way that is not understood.
  if (texts.length > 0) return { labels: undefined, unclear: true };
  return { labels: scored?.labels, unclear: !scored && graph.nodes.some((node) => !isOrdinary(labelsOf(node))) };
}

/** One value is no choice of classes but something else that the graph gives, such as a version. */
const isChoice = ({ labels }: Origin): boolean => labels.length > 1;

/** Whether labels are those that every reader takes alike: 0 and 1, or false and true, whatever their order. */
export const isOrdinary = (labels: readonly string[] | undefined): boolean =>
  labels === undefined || labels.toSorted().join() === '0,1' || labels.map(lower).toSorted().join() === 'false,true';

const lower = (label: string): string => label.toLowerCase();

function originOfLabel(
  tensor: string,
  producers: ReadonlyMap<string, GraphNode>,
  constants: OnnxGraph['constants'],
  steps: number,
): Origin | undefined {
  const constant = constants.get(tensor);
  if (constant) return { labels: constant, classifier: undefined };
  const node = producers.get(tensor);
  if (!node || steps === 0) return undefined;
  const before = () => originOfLabel(node.inputs[0] ?? '', producers, constants, steps - 1);
  const own = labelsOf(node);
  if (own) return tensor === node.outputs[0] ? { labels: own, classifier: node } : undefined;
  if (PASS_ON.has(node.operator)) return before();
  // The place of the largest score.
  if (node.operator === 'ArgMax') return { labels: ['0', '1'], classifier: undefined };
  // A list of labels, and which of them.
  if (node.operator === 'ArrayFeatureExtractor' || node.operator === 'Gather') return before();
  if (node.operator === 'LabelEncoder') return translated(before(), node);
  return undefined;
}

function translated(origin: Origin | undefined, { lists }: GraphNode): Origin | undefined {
  const keys = lists.get('keys_int64s') ?? lists.get('keys_strings');
  const values = lists.get('values_strings') ?? lists.get('values_int64s');
  if (!origin || !keys || !values) return undefined;
  const labels = origin.labels.flatMap((label) => values[keys.indexOf(label)] ?? []);
  return labels.length === origin.labels.length ? { labels, classifier: undefined } : undefined;
}

function originOfScores(
  output: string,
  producers: ReadonlyMap<string, GraphNode>,
  { nodes }: OnnxGraph,
): Origin | undefined {
  let tensor = output;
  for (let steps = 0; steps < MAX_STEPS; steps++) {
    const node = producers.get(tensor);
    const own = node && labelsOf(node);
    if (own) return tensor === node.outputs[1] ? { labels: own, classifier: node } : undefined;
    // It gives a map of each row: its labels are those of the columns that it reads.
    const map = nodes.find(({ operator, inputs }) => operator === 'ZipMap' && inputs[0] === tensor);
    const mapped = map && labelsOf(map);
    if (mapped) return { labels: mapped, classifier: undefined };
    if (!node || !(PASS_ON.has(node.operator) || RESCALE.has(node.operator))) return undefined;
    tensor = node.inputs[0] ?? '';
  }
  return undefined;
}

/** An empty list is one that the exporter left at its default. */
function labelsOf({ lists }: GraphNode): readonly string[] | undefined {
  return LABEL_LISTS.map((name) => lists.get(name)).find((labels) => labels && labels.length > 0);
}

const differs = (...origins: readonly Origin[]): ModelRejectedError =>
  new ModelRejectedError(
    `The graph's outputs are those of different classifiers (classes ${origins.map(({ labels }) => quoted(labels)).join('; ')}). ` +
      'Export the one classifier whose probabilities are to be served.',
  );

/** For messages. */
export const quoted = (labels: readonly string[]): string => labels.map((label) => JSON.stringify(label)).join(', ');
