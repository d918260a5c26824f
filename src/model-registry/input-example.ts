type Row = (number | null)[];

/** MLflow's scoring protocol wraps an example in one of these. */
const ENVELOPES = new Set(['dataframe_split', 'dataframe_records', 'inputs', 'instances']);

/**
 * Reads the rows of an input example as MLflow writes it beside the model: an array, a data frame, records, or columns by
 * name, each with or without the envelope of MLflow's scoring protocol.
 *
 * @param names of the model's inputs in its order, where they are known: values that have names are put in that order
 * @returns null for a missing value; undefined for what is no table of numbers, or has other names
 */
export function parseInputExample(text: string, names: readonly string[] | undefined): Row[] | undefined {
  try {
    return rowsOf(unwrapped(JSON.parse(withoutNan(text))), names);
  } catch {
    return undefined;
  }
}

/** Python writes NaN, which JSON has not. Strings are left as they are. */
const withoutNan = (text: string): string =>
  text.replaceAll(/"(?:[^"\\]|\\.)*"|\bNaN\b/g, (token) => (token === 'NaN' ? 'null' : token));

function unwrapped(document: unknown): unknown {
  if (!isObject(document)) return document;
  const [key, ...others] = Object.keys(document);
  return key !== undefined && others.length === 0 && ENVELOPES.has(key) ? document[key] : document;
}

function rowsOf(table: unknown, names: readonly string[] | undefined): Row[] | undefined {
  if (Array.isArray(table)) return listOf(table.every(isScalar) ? [table] : table, names);
  if (!isObject(table)) return undefined;
  if (Array.isArray(table['data'])) return frameOf(table['data'], table['columns'], names);
  const [tensor, ...others] = Object.values(table);
  if (others.length === 0 && Array.isArray(tensor) && tensor.every(Array.isArray)) return listOf(tensor, names);
  return listOf(Object.values(table).every(isScalar) ? [table] : transposed(table), names);
}

/** @param rows each with its values in the model's order, or by name */
function listOf(rows: readonly unknown[], names: readonly string[] | undefined): Row[] | undefined {
  const [first] = rows;
  const order = names ?? (isObject(first) ? Object.keys(first) : []);
  return all(rows, (row) => {
    if (Array.isArray(row)) return all(row, numberOf);
    if (!isObject(row) || Object.keys(row).length !== order.length) return undefined;
    return all(order, (name) => (Object.hasOwn(row, name) ? numberOf(row[name]) : undefined));
  });
}

/** @param columns numbers where nobody named them */
function frameOf(rows: readonly unknown[], columns: unknown, names: readonly string[] | undefined): Row[] | undefined {
  const found = listOf(rows, undefined);
  if (!names || !Array.isArray(columns) || !columns.every(isText)) return found;
  const positions = names.map((name) => columns.indexOf(name));
  if (columns.length !== names.length || positions.includes(-1)) return undefined;
  return found?.map((row) => positions.map((position) => row[position] ?? null));
}

function transposed(columns: Record<string, unknown>): Record<string, unknown>[] {
  const lists = Object.entries(columns).map(([name, values]) => [name, Array.isArray(values) ? values : []] as const);
  const rowCount = lists[0]?.[1].length ?? 0;
  if (lists.some(([, values]) => values.length !== rowCount)) return [];
  return Array.from({ length: rowCount }, (_, i) =>
    Object.fromEntries(lists.map(([name, values]) => [name, values[i]])),
  );
}

function numberOf(value: unknown): number | null | undefined {
  if (value === null) return null;
  if (typeof value === 'boolean') return Number(value);
  return typeof value === 'number' && Number.isFinite(Math.fround(value)) ? value : undefined;
}

/** @returns undefined as soon as one of them has no result, or where there are none */
function all<T, R>(values: readonly T[], map: (value: T) => R | undefined): R[] | undefined {
  const results: R[] = [];
  for (const value of values) {
    const result = map(value);
    if (result === undefined) return undefined;
    results.push(result);
  }
  return results.length > 0 ? results : undefined;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isScalar = (value: unknown): boolean => typeof value !== 'object' || value === null;
const isText = (value: unknown): value is string => typeof value === 'string';
