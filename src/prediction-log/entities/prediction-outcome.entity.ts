import { Column, Entity, PrimaryColumn } from 'typeorm';

/** What really happened to a loan after its prediction. Append-only: a correction is a further outcome. */
@Entity('prediction_outcomes')
export class PredictionOutcomeEntity {
  /** UUID v7: its time is when the outcome was recorded. */
  @PrimaryColumn('uuid')
  id!: string;

  @Column('uuid', { name: 'prediction_id' })
  predictionId!: string;

  @Column('boolean')
  defaulted!: boolean;

  @Column('timestamptz', { name: 'observed_at' })
  observedAt!: Date;

  @Column('text', { name: 'request_id' })
  requestId!: string;

  @Column('text', { nullable: true })
  caller!: string | null;

  @Column('uuid', { name: 'group_id' })
  groupId!: string;

  @Column('integer', { name: 'group_index' })
  groupIndex!: number;
}
