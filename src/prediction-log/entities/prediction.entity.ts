import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { RecordWarning } from '../prediction-record.js';

/** A row of the log; see PredictionRow and LogEntry. Written by `writer/` alone, read through here. */
@Entity('predictions')
export class PredictionEntity {
  /** UUID v7: its time is the row's. */
  @PrimaryColumn('uuid')
  id!: string;

  @Column('uuid', { name: 'context_id' })
  contextId!: string;

  @Column('text', { nullable: true })
  reference!: string | null;

  @Column('text', { name: 'request_id' })
  requestId!: string;

  @Column('text', { name: 'trace_id', nullable: true })
  traceId!: string | null;

  @Column('uuid', { name: 'batch_id', nullable: true })
  batchId!: string | null;

  @Column('integer', { name: 'row_index', nullable: true })
  rowIndex!: number | null;

  /** Float32 values in shortest decimal form: `Math.fround` gives back the bits. Null once erased. */
  @Column('real', { array: true, nullable: true })
  inputs!: number[] | null;

  @Column('real')
  probability!: number;

  @Column('smallint')
  prediction!: 0 | 1;

  @Column('jsonb', { nullable: true })
  warnings!: RecordWarning[] | null;

  @Column('text', { nullable: true })
  caller!: string | null;

  @Column('real', { name: 'inference_us' })
  inferenceUs!: number;

  /** Null once erased. */
  @Column('bytea', { nullable: true })
  salt!: Buffer | null;

  /** Null until erased. */
  @Column('bytea', { name: 'subject_hash', nullable: true })
  subjectHash!: Buffer | null;

  @Column('uuid', { name: 'group_id' })
  groupId!: string;

  @Column('integer', { name: 'group_index' })
  groupIndex!: number;
}
