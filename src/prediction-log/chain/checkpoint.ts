import { createHmac } from 'node:crypto';
import { z } from 'zod';
import { CanonicalBytes } from './canonical-bytes.js';
import type { ChainHead } from './chain-writer.js';

/** Groups of one writer that follow each other and were dropped together; the head is the last of them. */
export interface DroppedChain extends ChainHead {
  /** Sequence of the first of them. */
  first: number;
}

/** The format that this release signs checkpoints in. The HMAC covers it from 2 on; 1 does not tell how many rows were erased. */
export const CHECKPOINT_FORMAT = 2;

/** What stays of a month when its partitions are dropped at the end of its retention. */
export interface Checkpoint {
  /** The first day of the UTC month, `2024-10-01`. */
  month: string;
  /** Rows that were dropped, by table; as {@link ERASED_COUNT} those of `predictions` that were erased, unknown without it. */
  rowCounts: Readonly<Record<string, number>>;
  /**
   * Every part of a chain that was dropped, so that who verifies the rest knows where chains were cut and that nothing else is
   * missing. A writer can have several: what arrives late is of an earlier month than the groups before it.
   */
  heads: readonly DroppedChain[];
}

/** As it was stored and is signed. */
export interface SignedCheckpoint extends Checkpoint {
  /** Whether the month was dropped; else its tables are still there. Not signed. */
  isDropped: boolean;
}

export const ERASED_COUNT = 'predictions_erased';

const encoder = new CanonicalBytes();

/** @param key PREDICTION_LOG_CHAIN_KEY */
export function checkpointHmac(
  { month, rowCounts, heads }: Checkpoint,
  key: string,
  format: number = CHECKPOINT_FORMAT,
): Buffer {
  const tables = Object.keys(rowCounts).toSorted();
  encoder.start().text('checkpoint');
  if (format > 1) encoder.number(format);
  encoder.text(month).number(tables.length);
  for (const table of tables) encoder.text(table).number(rowCounts[table]!);
  for (const { writer, first, sequence, hash } of heads) encoder.text(writer).number(first).number(sequence).text(hash);
  return createHmac('sha256', key).update(encoder.finish()).digest();
}

/** As PostgreSQL has it, which anybody may have changed. */
export interface StoredCheckpoint {
  format: number;
  isDropped: boolean;
  month: string;
  rowCounts: unknown;
  heads: unknown;
  hmac: Buffer;
}

/** Gives {@link StoredCheckpoint}s; which ones is up to what follows. */
export const SELECT_CHECKPOINTS = `
  SELECT format, dropped_at IS NOT NULL AS "isDropped", partition_month::text AS month, row_counts AS "rowCounts", heads, hmac FROM retention_checkpoints`;

const checkpointSchema = z.object({
  month: z.string(),
  rowCounts: z.record(z.string(), z.number()),
  heads: z.array(z.object({ writer: z.string(), first: z.number(), sequence: z.number(), hash: z.string() })),
});

/**
 * @param key PREDICTION_LOG_CHAIN_KEY
 * @returns undefined where it is not what was signed with the key
 */
export function signedCheckpoint(
  { format, hmac, isDropped, ...stored }: StoredCheckpoint,
  key: string,
): SignedCheckpoint | undefined {
  const checkpoint = checkpointSchema.safeParse(stored).data;
  if (!checkpoint || isNewerCheckpoint({ format })) return undefined;
  // The release before writes format 1 over what this one has signed, and leaves the column as it is.
  const isSigned = [format, 1].some((each) => checkpointHmac(checkpoint, key, each).equals(hmac));
  return isSigned ? { ...checkpoint, isDropped } : undefined;
}

/** Whether only a newer release can read it. */
export const isNewerCheckpoint = ({ format }: Pick<StoredCheckpoint, 'format'>): boolean => format > CHECKPOINT_FORMAT;
