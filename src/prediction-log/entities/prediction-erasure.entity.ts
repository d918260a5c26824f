import { Column, Entity, PrimaryColumn } from 'typeorm';

/** That a subject's data were erased, without saying whose to those who do not know the reference. */
@Entity('prediction_erasures')
export class PredictionErasureEntity {
  /** UUID v7: its time is the erasure's. */
  @PrimaryColumn('uuid')
  id!: string;

  /** HMAC-SHA-256 of the reference with PREDICTION_LOG_CHAIN_KEY. */
  @Column('bytea', { name: 'reference_hmac' })
  referenceHmac!: Buffer;

  @Column('integer', { name: 'row_count' })
  rowCount!: number;

  @Column('text', { name: 'request_id' })
  requestId!: string;

  @Column('uuid', { name: 'group_id' })
  groupId!: string;

  @Column('integer', { name: 'group_index' })
  groupIndex!: number;
}
