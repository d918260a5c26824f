import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { ErasureKind } from '../chain/row-hash.js';

/** That a subject's data were erased, without saying whose to those who do not know the reference. */
@Entity('prediction_erasures')
export class PredictionErasureEntity {
  /** UUID v7: its time is the erasure's. */
  @PrimaryColumn('uuid')
  id!: string;

  /** See ErasureKind. */
  @Column('text')
  kind!: ErasureKind;

  /** HMAC-SHA-256 of the reference with PREDICTION_LOG_CHAIN_KEY; empty unless the erasure was asked for. */
  @Column('bytea', { name: 'reference_hmac' })
  referenceHmac!: Buffer;

  @Column('integer', { name: 'row_count' })
  rowCount!: number;

  /** Of the rows that were erased; null in what releases wrote that did not keep them. */
  @Column('bytea', { nullable: true })
  tokens!: Buffer | null;

  @Column('text', { name: 'request_id' })
  requestId!: string;

  @Column('uuid', { name: 'group_id' })
  groupId!: string;

  @Column('integer', { name: 'group_index' })
  groupIndex!: number;
}
