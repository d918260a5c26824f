import { describe, expect, it } from '@jest/globals';
import { classLabels } from './class-labels.js';
import type { GraphNode, OnnxGraph } from './onnx-graph.js';

const node = (
  operator: string,
  inputs: string[],
  outputs: string[],
  lists: Record<string, string[]> = {},
): GraphNode => ({ operator, inputs, outputs, lists: new Map(Object.entries(lists)) });

const graphOf = (nodes: GraphNode[], constants: Record<string, string[]> = {}): OnnxGraph => ({
  nodes,
  constants: new Map(Object.entries(constants)),
});

const STRINGS = { classlabels_strings: ['bad', 'good'] };
const INTEGERS = { classlabels_int64s: ['0', '1'] };

const classifier = (label: string, scores: string, lists: Record<string, string[]> = STRINGS) =>
  node('LinearClassifier', ['input'], [label, scores], lists);

const texts = { integers: [], texts: ['label'] };
const integers = { integers: ['label'], texts: [] };
const nothing = { integers: [], texts: [] };

describe('classLabels', () => {
  it.each<[string, GraphNode[], Record<string, string[]>]>([
    ['of a classifier', [classifier('label', 'p')], {}],
    [
      'of a classifier behind nodes that pass them on',
      [
        classifier('l', 's', STRINGS),
        node('Identity', ['l'], ['l2']),
        node('Cast', ['l2'], ['label']),
        node('Mul', ['s', 'one'], ['p']),
      ],
      { one: ['1'] },
    ],
    [
      'in a list that they are looked up in',
      [
        node('Sigmoid', ['x'], ['p']),
        node('ArgMax', ['p'], ['best']),
        node('ArrayFeatureExtractor', ['classes', 'best'], ['found']),
        node('Reshape', ['found', 'shape'], ['label']),
      ],
      { classes: ['bad', 'good'], shape: ['-1'] },
    ],
    [
      'of the whole, not of the parts of an ensemble',
      [
        classifier('l1', 's1', INTEGERS),
        classifier('l2', 's2', INTEGERS),
        node('Sum', ['s1', 's2'], ['p']),
        node('ArgMax', ['p'], ['best']),
        node('Gather', ['classes', 'best'], ['label']),
      ],
      { classes: ['bad', 'good'] },
    ],
    [
      'that numbers are translated into',
      [
        classifier('l', 'p', INTEGERS),
        node('LabelEncoder', ['l'], ['label'], { keys_int64s: ['1', '0'], values_strings: ['good', 'bad'] }),
      ],
      {},
    ],
  ])('finds labels %s', (_where, nodes, constants) => {
    expect(classLabels(graphOf(nodes, constants), 'p', texts)).toEqual({ labels: ['bad', 'good'], unclear: false });
  });

  it('finds those of a graph whose label is not among the outputs', () => {
    const nodes = [classifier('label', 's'), node('Normalizer', ['s'], ['p'])];
    expect(classLabels(graphOf(nodes), 'p', nothing)).toEqual({ labels: ['bad', 'good'], unclear: false });
  });

  it('finds those of a map that is made of the columns', () => {
    const nodes = [node('Softmax', ['x'], ['p']), node('ZipMap', ['p'], ['map'], STRINGS)];
    expect(classLabels(graphOf(nodes), 'p', nothing)).toEqual({ labels: ['bad', 'good'], unclear: false });
  });

  it('takes the place of the largest score for 0 and 1', () => {
    const nodes = [node('Softmax', ['x'], ['p']), node('ArgMax', ['p'], ['label'])];
    expect(classLabels(graphOf(nodes), 'p', integers)).toEqual({ labels: ['0', '1'], unclear: false });
  });

  it('finds none in a graph that names none', () => {
    expect(classLabels(graphOf([node('Sigmoid', ['x'], ['p'])]), 'p', nothing)).toEqual({
      labels: undefined,
      unclear: false,
    });
    const compared = [
      node('Sigmoid', ['x'], ['p']),
      node('Greater', ['p', 'half'], ['is']),
      node('Cast', ['is'], ['label']),
    ];
    expect(classLabels(graphOf(compared), 'p', integers)).toEqual({ labels: undefined, unclear: false });
  });

  it('says that it cannot tell when a text is made in another way', () => {
    const nodes = [classifier('l', 'p', INTEGERS), node('Where', ['l', 'yes', 'no'], ['label'])];
    expect(classLabels(graphOf(nodes), 'p', texts)).toEqual({ labels: undefined, unclear: true });
  });

  it('says that it cannot tell when classifiers with other labels are within the graph, and their label is no output', () => {
    const nodes = [classifier('l1', 's1'), classifier('l2', 's2'), node('Sum', ['s1', 's2'], ['p'])];
    expect(classLabels(graphOf(nodes), 'p', nothing)).toEqual({ labels: undefined, unclear: true });
    const plain = [classifier('l1', 's1', INTEGERS), node('Sum', ['s1', 's1'], ['p'])];
    expect(classLabels(graphOf(plain), 'p', nothing)).toEqual({ labels: undefined, unclear: false });
  });

  it('refuses the label of one classifier with the probabilities of another', () => {
    const nodes = [classifier('label', 's1'), classifier('l2', 'p', INTEGERS)];
    expect(() => classLabels(graphOf(nodes), 'p', texts)).toThrow(
      'The graph\'s outputs are those of different classifiers (classes "bad", "good"; "0", "1").',
    );
  });

  it('refuses labels that differ', () => {
    const nodes = [classifier('label', 'p'), classifier('other', 'q', INTEGERS)];
    expect(() => classLabels(graphOf(nodes), 'p', { integers: ['other'], texts: ['label'] })).toThrow(
      /different classifiers/,
    );
  });

  it('does not take one value for a choice of classes', () => {
    const graph = graphOf([classifier('label', 'p')], { version: ['3'] });
    expect(classLabels(graph, 'p', { integers: ['version'], texts: ['label'] }).labels).toEqual(['bad', 'good']);
  });

  it('comes to an end where nodes go round in a circle', () => {
    const nodes = [node('Identity', ['b'], ['label']), node('Identity', ['label'], ['b']), node('Cast', ['p'], ['p'])];
    expect(classLabels(graphOf(nodes), 'p', integers)).toEqual({ labels: undefined, unclear: false });
  });
});
