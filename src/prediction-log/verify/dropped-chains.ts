import type { Query } from '../../database/query.js';
import type { ChainHead } from '../chain/chain-writer.js';
import {
  type Checkpoint,
  type DroppedChain,
  isNewerCheckpoint,
  SELECT_CHECKPOINTS,
  signedCheckpoint,
  type SignedCheckpoint,
  type StoredCheckpoint,
} from '../chain/checkpoint.js';
import type { Findings } from './findings.js';

/** The parts of chains that were dropped on purpose, with months at the end of their retention. */
export class DroppedChains {
  private readonly chains: readonly DroppedChain[];
  private readonly byWriter: ReadonlyMap<string, readonly DroppedChain[]>;

  /** @param checkpoints that are signed with the key */
  constructor(checkpoints: readonly Checkpoint[]) {
    this.chains = checkpoints.flatMap(({ heads }) => heads);
    this.byWriter = Map.groupBy(this.chains, ({ writer }) => writer);
  }

  /** Whether this very group was dropped, and what came after it was not dropped with it. */
  endWith({ writer, sequence, hash }: ChainHead): boolean {
    return this.of(writer).some((chain) => chain.sequence === sequence && chain.hash === hash);
  }

  contain(writer: string, sequence: number): boolean {
    return this.of(writer).some((chain) => chain.first <= sequence && sequence <= chain.sequence);
  }

  /**
   * Groups that were dropped follow others, which were dropped too or are still there. Where a whole part of a chain lies
   * between two that were dropped, no group that is left tells of it.
   */
  async checkStarts(query: Query, findings: Findings): Promise<void> {
    const before = this.chains.filter(({ writer, first }) => first > 0 && !this.contain(writer, first - 1));
    const missing = await query<{ writer: string; sequence: number }>(
      `SELECT writer, sequence FROM unnest($1::uuid[], $2::bigint[]) AS before (writer, sequence)
       WHERE NOT EXISTS (SELECT FROM chain_groups g WHERE g.writer = before.writer AND g.sequence = before.sequence)
       ORDER BY writer, sequence`,
      [before.map(({ writer }) => writer), before.map(({ first }) => first - 1)],
    );
    for (const { writer, sequence } of missing) {
      findings.add(
        `chain_groups: sequence ${sequence} of writer ${writer} is missing; the groups after it were dropped at the end of their retention`,
      );
    }
  }

  private of(writer: string): readonly DroppedChain[] {
    return this.byWriter.get(writer) ?? [];
  }
}

/** All checkpoints that are signed with the key; the others are findings. */
export async function signedCheckpoints(query: Query, key: string, findings: Findings): Promise<SignedCheckpoint[]> {
  const signed: SignedCheckpoint[] = [];
  for (const stored of await query<StoredCheckpoint>(`${SELECT_CHECKPOINTS} ORDER BY partition_month`)) {
    const checkpoint = signedCheckpoint(stored, key);
    if (checkpoint) signed.push(checkpoint);
    else {
      findings.add(
        `retention_checkpoints ${stored.month}: ` +
          (isNewerCheckpoint(stored)
            ? `is of format ${stored.format}, which this release cannot read: verify with the newest release`
            : 'was changed, or was not written with this PREDICTION_LOG_CHAIN_KEY'),
      );
    }
  }
  return signed;
}
