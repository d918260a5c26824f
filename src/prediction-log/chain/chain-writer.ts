import { createHmac, randomUUID } from 'node:crypto';
import { CanonicalBytes } from './canonical-bytes.js';
import { HASH_BYTES } from './row-hash.js';

export type ChainKind = 'prediction' | 'outcome' | 'erasure';

/**
 * The format that this release writes. It decides how a group is signed and how its rows are hashed:
 *
 * 1: the HMAC does not cover the format, and an erasure does not name the rows that it took.
 * 2: the HMAC covers the format, and an erasure names its rows.
 */
export const GROUP_FORMAT = 2;

/** A link of a writer's chain: rows that were committed together. */
export interface ChainGroup {
  /** See {@link GROUP_FORMAT}. */
  format: number;
  /** The smallest id of its rows. */
  id: string;
  kind: ChainKind;
  writer: string;
  /** From 0, without gaps. */
  sequence: number;
  /** The hmac of the group before; zeros for the first. */
  previousHash: Uint8Array;
  rowCount: number;
  /** `rowCount` times `HASH_BYTES`, in the order of `group_index`. */
  rowHashes: Uint8Array;
  hmac: Uint8Array;
}

/** The newest group of a writer: whoever kept it elsewhere can tell that the chain's tail was cut off. */
export interface ChainHead {
  writer: string;
  sequence: number;
  hash: string;
}

const encoder = new CanonicalBytes();

export function groupHmac(group: Omit<ChainGroup, 'hmac'>, key: string): Buffer {
  encoder.start().text('group');
  if (group.format > 1) encoder.number(group.format);
  const bytes = encoder
    .text(group.id)
    .text(group.kind)
    .text(group.writer)
    .number(group.sequence)
    .bytes(group.previousHash)
    .number(group.rowCount)
    .bytes(group.rowHashes)
    .finish();
  return createHmac('sha256', key).update(bytes).digest();
}

/**
 * Links groups to a chain of its own. Only what was committed becomes part of it: a group that is given up is followed by
 * another one with the same sequence. One group at a time: link, write, commit or give up.
 */
export class ChainWriter {
  readonly id = randomUUID();
  private sequence = 0;
  private previousHash: Uint8Array = new Uint8Array(HASH_BYTES);

  /** @param key PREDICTION_LOG_CHAIN_KEY */
  constructor(private readonly key: string) {}

  /**
   * The group that comes next, not yet part of the chain.
   *
   * @param ids of its rows, in the order of `group_index`; at least one
   * @param hashes `[n, HASH_BYTES]`, of its rows
   * @param after the group before it in the same transaction; without it, the newest of the chain
   */
  link(kind: ChainKind, ids: readonly string[], hashes: Uint8Array, after?: ChainGroup): ChainGroup {
    const group = {
      format: GROUP_FORMAT,
      id: ids.reduce((least, id) => (id < least ? id : least)),
      kind,
      writer: this.id,
      sequence: after ? after.sequence + 1 : this.sequence,
      previousHash: after ? after.hmac : this.previousHash,
      rowCount: ids.length,
      rowHashes: hashes,
    };
    return { ...group, hmac: groupHmac(group, this.key) };
  }

  /** Makes the group the newest of the chain, once its transaction has committed. */
  committed({ sequence, hmac }: ChainGroup): void {
    this.sequence = sequence + 1;
    this.previousHash = hmac;
  }

  /** Undefined until the first group was committed. */
  get head(): ChainHead | undefined {
    if (this.sequence === 0) return undefined;
    return { writer: this.id, sequence: this.sequence - 1, hash: Buffer.from(this.previousHash).toString('hex') };
  }
}
