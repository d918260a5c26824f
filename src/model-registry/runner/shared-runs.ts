import type { ModelRun, RowScore } from './model-runner.js';

/** Beyond this a row costs no less, and those that came first would only wait for the others. */
const MAX_ROWS = 64;

interface Gathering {
  rows: Float32Array[];
  run: Promise<ModelRun>;
  /** Until it is full or its run begins. */
  isOpen: boolean;
}

/**
 * Scores single rows, those that come in the same turn of the event loop in one run: eight rows cost half as much again as
 * one. No timer is involved, so a lone row does not wait for others that may never come.
 */
export class SharedRuns {
  private newest: Gathering | undefined;

  constructor(private readonly score: (rows: Float32Array, rowCount: number) => Promise<ModelRun>) {}

  /** @param row `[d]` */
  async scoreRow(row: Float32Array): Promise<RowScore> {
    const gathering = this.newest?.isOpen ? this.newest : (this.newest = this.gather());
    const index = gathering.rows.push(row) - 1;
    if (gathering.rows.length === MAX_ROWS) gathering.isOpen = false;
    return { run: await gathering.run, index };
  }

  /** Resolves once no row waits for its run to begin any more: runs begin in the order in which they were gathered. */
  async gathered(): Promise<void> {
    await this.newest?.run.catch(() => undefined);
  }

  private gather(): Gathering {
    const rows: Float32Array[] = [];
    const endOfTurn = new Promise<void>((resolve) => void setImmediate(resolve));
    const gathering = {
      rows,
      isOpen: true,
      run: endOfTurn.then(() => {
        gathering.isOpen = false;
        return this.score(concatenated(rows), rows.length);
      }),
    };
    return gathering;
  }
}

function concatenated(rows: readonly Float32Array[]): Float32Array {
  if (rows.length === 1) return rows[0]!;
  const width = rows[0]!.length;
  const all = new Float32Array(rows.length * width);
  rows.forEach((row, i) => all.set(row, i * width));
  return all;
}
