import type { ModelRun, RowScore } from './model-runner.js';

/** Beyond this a row costs no less, and those that came first would only wait for the others. */
const MAX_ROWS = 64;

/** Rows for a run that has not begun: when it does, it takes as many as the shape then says. */
export interface GatheredRows {
  /** `[n, d]` in row-major order, with room for more rows. */
  values: Float32Array;
  /** `[n, d]`. All the room until {@link RunGathered} has returned, since a tensor is made of it. */
  shape: [number, number];
}

/**
 * Asks for a run in this turn of the event loop.
 *
 * @param begins to be called right before the run reads the rows
 */
type RunGathered = (rows: GatheredRows, begins: () => void) => Promise<ModelRun>;

interface Gathering extends GatheredRows {
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

  constructor(
    private readonly width: number,
    private readonly runGathered: RunGathered,
  ) {}

  /** @param row `[d]` */
  async scoreRow(row: Float32Array): Promise<RowScore> {
    const gathering = this.newest?.isOpen ? this.newest : (this.newest = this.gather());
    const index = gathering.shape[0]++;
    gathering.values.set(row, index * this.width);
    if (index === MAX_ROWS - 1) gathering.isOpen = false;
    return { run: await gathering.run, index };
  }

  private gather(): Gathering {
    const rows: GatheredRows = { values: new Float32Array(MAX_ROWS * this.width), shape: [MAX_ROWS, this.width] };
    const run = this.runGathered(rows, () => (gathering.isOpen = false));
    rows.shape[0] = 0;
    const gathering = { ...rows, run, isOpen: true };
    return gathering;
  }
}
