import { z } from 'zod';
import { ModelRejectedError } from './model-rejected.error.js';

/** What MLflow's signature says of a model's inputs. */
export interface Signature {
  /** Their number; undefined where it is open. */
  width: number | undefined;
  /** What they are called, in their order; undefined where it names none. */
  names: string[] | undefined;
}

/** JSON inside YAML: one tensor, or columns. A column that nobody named has a number for its name, or none. */
const inputsSchema = z.array(
  z.object({
    type: z.string(),
    name: z.union([z.string(), z.number()]).nullish(),
    'tensor-spec': z.object({ dtype: z.string(), shape: z.array(z.int()) }).optional(),
  }),
);

/**
 * Reads the inputs of a signature. A tensor, and a single column of arrays, hold all inputs of the model and name none of them.
 *
 * @throws ModelRejectedError
 */
export function parseSignature(inputs: string): Signature {
  const columns = parse(inputs);
  const tensor = columns[0]?.['tensor-spec'];
  if (tensor) {
    const width = tensor.shape.at(-1);
    return { width: width !== undefined && width > 0 ? width : undefined, names: undefined };
  }
  const [column, ...others] = columns;
  if (!column || (others.length === 0 && isOpen(column.type))) return { width: undefined, names: undefined };
  const names = columns.flatMap(({ name }) => (typeof name === 'string' && name !== '' ? [name] : []));
  return { width: columns.length, names: names.length === columns.length ? names : undefined };
}

/** `any` is what MLflow writes for what it cannot tell, such as lists that hold NaN. */
const isOpen = (type: string): boolean => type === 'array' || type === 'any';

function parse(inputs: string): z.output<typeof inputsSchema> {
  try {
    return inputsSchema.parse(JSON.parse(inputs));
  } catch (cause) {
    throw new ModelRejectedError('The signature in MLmodel cannot be read: save the model again.', { cause });
  }
}
