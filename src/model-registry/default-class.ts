import { z } from 'zod';
import { type ClassLabels, isOrdinary, quoted } from './graph/class-labels.js';
import { ModelRejectedError } from './model-rejected.error.js';

/** Which class of a model is the default, and who says so. */
export const defaultClassSchema = z
  .object({
    label: z.string().describe('As the graph has it; 1 where it names no classes.'),
    from: z
      .enum(['labels', 'metadata', 'tag', 'assumed'])
      .describe(
        "labels: the graph's own are 0 and 1, or false and true. metadata, tag: the version says it. assumed: neither, so it is the " +
          'second column, or the only one.',
      ),
  })
  .meta({ id: 'DefaultClass' });
export type DefaultClass = z.output<typeof defaultClassSchema>;

/**
 * What decides beside the graph: what the version says of itself, or what was recorded with a score of the past. `second-column` is
 * for scores of releases that took it, or the only one, whatever the labels.
 */
export type DeclaredDefault = DefaultClass | 'second-column' | undefined;

/** For a graph that names none. Programs that score say class 1 and mean the second column, or the only one. */
const UNNAMED = ['0', '1'];

/**
 * Decides which column of a model's probabilities is that of default. Libraries sort labels, so the second column is often
 * that of `good`.
 *
 * @param columns of the probability output; a single one is the probability of the second class
 * @throws ModelRejectedError when that cannot be known, or contradicts the graph
 */
export async function chooseDefaultClass(
  columns: 1 | 2,
  declared: DeclaredDefault,
  readLabels: () => Promise<ClassLabels>,
): Promise<DefaultClass & { column: 0 | 1 }> {
  const last = columns === 1 ? 0 : 1;
  if (declared === 'second-column') return { label: '1', from: 'assumed', column: last };
  const { labels, unclear } = await readLabels();
  if (unclear) {
    throw new ModelRejectedError(
      'The graph has class labels, and which of its columns belongs to which cannot be told. ' +
        'Export the classifier with its own label output.',
    );
  }
  const names = labels ?? UNNAMED;
  if (names.length !== 2) {
    throw new ModelRejectedError(
      `The graph names ${names.length} classes (${quoted(names)}). Export a binary classifier.`,
    );
  }
  const place = declared ? placeOf(declared.label, names) : names.findIndex((name) => isPositive(name));
  if (declared && place < 0) throw isNoLabel(labels, declared);
  if (!declared && !isOrdinary(names)) throw mustBeDeclared(names);
  const label = names[place]!;
  if (columns === 1 && place === 0) {
    throw new ModelRejectedError(
      `The model gives one column, which counts as the probability of ${quoted([names[1]!])}, and its default class is ` +
        `${quoted([label])}. Export both columns.`,
    );
  }
  return { label, from: declared?.from ?? (labels ? 'labels' : 'assumed'), column: place === 0 ? 0 : last };
}

const isPositive = (label: string): boolean => /^(1|true)$/i.test(label);

function placeOf(label: string, names: readonly string[]): number {
  const exact = names.indexOf(label);
  if (exact >= 0 || !isOrdinary(names) || !/^(0|1|false|true)$/i.test(label)) return exact;
  // YAML writes true and Python True for what exporters write as 1.
  return names.findIndex((name) => isPositive(name) === isPositive(label));
}

function mustBeDeclared(names: readonly string[]): ModelRejectedError {
  const [first, second] = names as [string, string];
  return new ModelRejectedError(
    `The model's classes are ${quoted(names)}, and nothing says which of them is the default. If it is ${quoted([first])}, save the ` +
      `model with metadata={'credit_default': {'default_class': '${first}'}}, or set the tag default_class=${first} on the model ` +
      `version; else name ${quoted([second])} there.`,
  );
}

function isNoLabel(labels: readonly string[] | undefined, { from }: DefaultClass): ModelRejectedError {
  const has = labels
    ? `classes are ${quoted(labels)}`
    : `graph names no classes, so its columns count as ${quoted(UNNAMED)}`;
  const where = from === 'tag' ? 'The tag default_class' : "The member default_class of the model's metadata";
  return new ModelRejectedError(
    `${where} is none of the model's classes: the ${has}. Set it to the one that means default.`,
  );
}
