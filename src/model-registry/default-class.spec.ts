import { describe, expect, it } from '@jest/globals';
import { chooseDefaultClass, type DeclaredDefault } from './default-class.js';
import type { ClassLabels } from './graph/class-labels.js';

const choose = (
  labels: readonly string[] | undefined,
  {
    columns = 2,
    declared,
    unclear = false,
  }: Partial<ClassLabels> & { columns?: 1 | 2; declared?: DeclaredDefault } = {},
) => chooseDefaultClass(columns, declared, () => Promise.resolve({ labels, unclear }));

const unread = () => Promise.reject(new Error('The labels were read.'));

const tag = (label: string) => ({ label, from: 'tag' as const });

describe('chooseDefaultClass', () => {
  it.each([
    [['0', '1'], '1', 1],
    [['1', '0'], '1', 0],
    [['false', 'true'], 'true', 1],
    [['False', 'True'], 'True', 1],
  ])('understands the labels %j', async (labels, label, column) => {
    expect(await choose(labels)).toEqual({ label, from: 'labels', column });
  });

  it('takes the second column of a graph that names no classes, and says that it is assumed', async () => {
    expect(await choose(undefined)).toEqual({ label: '1', from: 'assumed', column: 1 });
    expect(await choose(undefined, { columns: 1 })).toEqual({ label: '1', from: 'assumed', column: 0 });
  });

  it.each([
    [['bad', 'good'], 'bad', 'bad', 0],
    [['bad', 'good'], 'good', 'good', 1],
    [['1', '2'], '2', '2', 1],
    [['-1', '1'], '-1', '-1', 0],
    [['0', '1'], '0', '0', 0],
    [['0', '1'], 'true', '1', 1],
    [['False', 'True'], 'false', 'False', 0],
    [['False', 'True'], '1', 'True', 1],
    [undefined, '0', '0', 0],
  ])('takes of %j the one that the version says: %s', async (labels, declared, label, column) => {
    expect(await choose(labels, { declared: tag(declared) })).toEqual({ label, from: 'tag', column });
  });

  it.each([
    ['bad', 'good'],
    ['1', '2'],
    ['-1', '1'],
    ['no', 'yes'],
  ])(
    'refuses the labels %s and %s unless the version says which is the default, with how to say it',
    async (first, second) => {
      await expect(choose([first, second])).rejects.toThrow(
        `The model's classes are "${first}", "${second}", and nothing says which of them is the default. If it is "${first}", ` +
          `save the model with metadata={'credit_default': {'default_class': '${first}'}}, or set the tag default_class=${first} ` +
          `on the model version; else name "${second}" there.`,
      );
    },
  );

  it.each([
    [['bad', 'good'], 'Bad', /^The tag default_class is none of the model's classes: the classes are "bad", "good"/],
    [['1', '2'], 'true', /classes are "1", "2"/],
    [undefined, 'bad', /: the graph names no classes, so its columns count as "0", "1"\. Set it to the one/],
  ])('refuses for %j what is none of them: %s', async (labels, declared, message) => {
    await expect(choose(labels, { declared: tag(declared) })).rejects.toThrow(message);
  });

  it('says when it was the metadata that named no class', async () => {
    await expect(choose(['0', '1'], { declared: { label: 'x', from: 'metadata' } })).rejects.toThrow(
      /^The member default_class of the model's metadata is none/,
    );
  });

  it('refuses the first class as the default of one column, which is that of the second', async () => {
    await expect(choose(['bad', 'good'], { columns: 1, declared: tag('bad') })).rejects.toThrow(
      'The model gives one column, which counts as the probability of "good", and its default class is "bad". Export both columns.',
    );
    expect(await choose(['good', 'poor'], { columns: 1, declared: tag('poor') })).toMatchObject({ column: 0 });
  });

  it('refuses labels that cannot be told apart, and any number of classes but two', async () => {
    await expect(choose(undefined, { unclear: true })).rejects.toThrow(
      /which of its columns belongs to which cannot be told/,
    );
    await expect(choose(['a', 'b', 'c'])).rejects.toThrow(
      /names 3 classes \("a", "b", "c"\)\. Export a binary classifier/,
    );
  });

  it('takes the second column for what an earlier release scored, and does not look at the labels', async () => {
    expect(await chooseDefaultClass(2, 'second-column', unread)).toMatchObject({ column: 1 });
    expect(await chooseDefaultClass(1, 'second-column', unread)).toMatchObject({ column: 0 });
  });
});
