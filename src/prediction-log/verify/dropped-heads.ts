import { z } from 'zod';
import type { Query } from '../../database/query.js';
import type { ChainHead } from '../chain/chain-writer.js';
import { type Checkpoint, checkpointHmac } from '../chain/checkpoint.js';
import type { Findings } from './findings.js';

/** Where chains were cut on purpose, when months were dropped at the end of their retention. */
export class DroppedHeads {
  private readonly heads = new Set<string>();
  private readonly newest = new Map<string, number>();

  /** @param checkpoints that are signed with the key */
  constructor(checkpoints: readonly Checkpoint[]) {
    for (const { writer, sequence, hash } of checkpoints.flatMap(({ heads }) => heads)) {
      this.heads.add(`${writer} ${sequence} ${hash}`);
      this.newest.set(writer, Math.max(sequence, this.newest.get(writer) ?? 0));
    }
  }

  /** Whether this very group was dropped, and what came after it was not. */
  includes({ writer, sequence, hash }: ChainHead): boolean {
    return this.heads.has(`${writer} ${sequence} ${hash}`);
  }

  /** Whether a writer's groups were dropped up to this one, or further. */
  reach(writer: string, sequence: number): boolean {
    return sequence <= (this.newest.get(writer) ?? -1);
  }
}

const checkpointSchema = z.object({
  month: z.string(),
  rowCounts: z.record(z.string(), z.number()),
  heads: z.array(z.object({ writer: z.string(), sequence: z.number(), hash: z.string() })),
});

/** All checkpoints that are signed with the key; the others are findings. */
export async function signedCheckpoints(query: Query, key: string, findings: Findings): Promise<Checkpoint[]> {
  const checkpoints = await query<Record<keyof Checkpoint, unknown> & { hmac: Buffer }>(
    `SELECT partition_month::text AS month, row_counts AS "rowCounts", heads, hmac
     FROM retention_checkpoints ORDER BY partition_month`,
  );
  const signed: Checkpoint[] = [];
  for (const { hmac, ...stored } of checkpoints) {
    const checkpoint = checkpointSchema.safeParse(stored).data;
    if (checkpoint && checkpointHmac(checkpoint, key).equals(hmac)) signed.push(checkpoint);
    else {
      findings.add(
        `retention_checkpoints ${String(stored.month)}: was changed, or was not written with this PREDICTION_LOG_CHAIN_KEY`,
      );
    }
  }
  return signed;
}
