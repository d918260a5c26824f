import type { ModelRun, RowScore } from './model-runner.js';

/** Beyond this a row costs no less, and those that came first would only wait for the others. */
const MAX_ROWS = 64;

interface Gathering {
  rows: Float32Array[];
  run: Promise<ModelRun>;
}

/**
 * Scores single rows, those that come in the same turn of the event loop in one run: eight rows cost half as much again as
 * one. No timer is involved, so a lone row does not wait for others that may never come.
 */
export class SharedRuns {
  private gathering: Gathering | undefined;

  constructor(private readonly score: (rows: Float32Array, rowCount: number) => Promise<ModelRun>) {}

  /** @param row `[d]` */
  async scoreRow(row: Float32Array): Promise<RowScore> {
    const { rows, run } = (this.gathering ??= this.gather());
    const index = rows.push(row) - 1;
    if (rows.length === MAX_ROWS) this.gathering = undefined;
    return { run: await run, index };
  }

  /** Resolves once no row waits for its run any more. */
  async gathered(): Promise<void> {
    await this.gathering?.run.catch(() => undefined);
  }

  private gather(): Gathering {
    const rows: Float32Array[] = [];
    const endOfTurn = new Promise<void>((resolve) => void setImmediate(resolve));
    const gathering = {
      rows,
      run: endOfTurn.then(() => {
        if (this.gathering === gathering) this.gathering = undefined;
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
