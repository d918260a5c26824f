/** Prints rows with the same keys as a table. */
export function printTable(rows) {
  const cells = [Object.keys(rows[0]), ...rows.map((row) => Object.values(row).map(String))];
  const widths = cells[0].map((_, column) => Math.max(...cells.map((row) => row[column].length)));
  for (const row of cells) {
    process.stdout.write(`${row.map((cell, column) => cell.padStart(widths[column])).join('  ')}\n`);
  }
}

/** Prints a figure beside its limit. @returns whether it holds */
export function bar(name, value, limit) {
  const holds = value <= limit;
  process.stdout.write(`${holds ? 'ok    ' : 'MISSED'} ${name}: ${rounded(value)} (limit ${limit})\n`);
  return holds;
}

/** @param ascending sorted values */
export const quantile = (ascending, q) => ascending[Math.min(ascending.length - 1, Math.floor(ascending.length * q))];

export const sorted = (values) => values.toSorted((a, b) => a - b);

export const rounded = (value) => Math.round(value * 100) / 100;
