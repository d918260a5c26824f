import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { ChainKind } from '../chain/chain-writer.js';

/** A link of a writer's chain; see ChainGroup. */
@Entity('chain_groups')
export class ChainGroupEntity {
  @PrimaryColumn('uuid')
  id!: string;

  @Column('smallint')
  format!: number;

  @Column('text')
  kind!: ChainKind;

  @Column('uuid')
  writer!: string;

  /** A bigint, which pg returns as text. */
  @Column('bigint')
  sequence!: string;

  @Column('bytea', { name: 'previous_hash' })
  previousHash!: Buffer;

  @Column('integer', { name: 'row_count' })
  rowCount!: number;

  @Column('bytea', { name: 'row_hashes' })
  rowHashes!: Buffer;

  @Column('bytea')
  hmac!: Buffer;
}
