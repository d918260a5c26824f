import { createHmac } from 'node:crypto';
import { z } from 'zod';
import { CanonicalBytes } from './canonical-bytes.js';
import type { ChainHead } from './chain-writer.js';

/** Groups of one writer that follow each other and were dropped together; the head is the last of them. */
export interface DroppedChain extends ChainHead {
  /** Sequence of the first of them. */
  first: number;
}

/** What stays of a month when its partitions are dropped at the end of its retention. */
export interface Checkpoint {
  /** The first day of the UTC month, `2024-10-01`. */
  month: string;
  /** Rows that were dropped, by table. */
  rowCounts: Readonly<Record<string, number>>;
  /**
   * Every part of a chain that was dropped, so that who verifies the rest knows where chains were cut and that nothing else is
   * missing. A writer can have several: what arrives late is of an earlier month than the groups before it.
   */
  heads: readonly DroppedChain[];
}

const encoder = new CanonicalBytes();

/** @param key PREDICTION_LOG_CHAIN_KEY */
export function checkpointHmac({ month, rowCounts, heads }: Checkpoint, key: string): Buffer {
  const tables = Object.keys(rowCounts).toSorted();
  encoder.start().text('checkpoint').text(month).number(tables.length);
  for (const table of tables) encoder.text(table).number(rowCounts[table]!);
  for (const { writer, first, sequence, hash } of heads) encoder.text(writer).number(first).number(sequence).text(hash);
  return createHmac('sha256', key).update(encoder.finish()).digest();
}

/** As PostgreSQL has it, which anybody may have changed. */
export interface StoredCheckpoint {
  month: string;
  rowCounts: unknown;
  heads: unknown;
  hmac: Buffer;
}

/** Gives {@link StoredCheckpoint}s; which ones is up to what follows. */
export const SELECT_CHECKPOINTS = `
  SELECT partition_month::text AS month, row_counts AS "rowCounts", heads, hmac FROM retention_checkpoints`;

const checkpointSchema = z.object({
  month: z.string(),
  rowCounts: z.record(z.string(), z.number()),
  heads: z.array(z.object({ writer: z.string(), first: z.number(), sequence: z.number(), hash: z.string() })),
});

/**
 * @param key PREDICTION_LOG_CHAIN_KEY
 * @returns undefined where it is not what was signed with the key
 */
export function signedCheckpoint({ hmac, ...stored }: StoredCheckpoint, key: string): Checkpoint | undefined {
  const checkpoint = checkpointSchema.safeParse(stored).data;
  return checkpoint && checkpointHmac(checkpoint, key).equals(hmac) ? checkpoint : undefined;
}
