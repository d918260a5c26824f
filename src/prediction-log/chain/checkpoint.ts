import { createHmac } from 'node:crypto';
import { CanonicalBytes } from './canonical-bytes.js';
import type { ChainHead } from './chain-writer.js';

/** What stays of a month when its partitions are dropped at the end of its retention. */
export interface Checkpoint {
  /** The first day of the UTC month, `2024-10-01`. */
  month: string;
  /** Rows that were dropped, by table. */
  rowCounts: Readonly<Record<string, number>>;
  /**
   * Every dropped group whose next one was not dropped with it, so that who verifies the rest knows where chains were cut. A
   * writer can have several: what arrives late is of an earlier month than the groups before it.
   */
  heads: readonly ChainHead[];
}

const encoder = new CanonicalBytes();

/** @param key PREDICTION_LOG_CHAIN_KEY */
export function checkpointHmac({ month, rowCounts, heads }: Checkpoint, key: string): Buffer {
  const tables = Object.keys(rowCounts).toSorted();
  encoder.start().text('checkpoint').text(month).number(tables.length);
  for (const table of tables) encoder.text(table).number(rowCounts[table]!);
  for (const { writer, sequence, hash } of heads) encoder.text(writer).number(sequence).text(hash);
  return createHmac('sha256', key).update(encoder.finish()).digest();
}
