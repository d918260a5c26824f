import { Column, Entity, PrimaryColumn } from 'typeorm';

/** The model that scored a row and what it ran on; see ScoringContext. */
@Entity('scoring_contexts')
export class ScoringContextEntity {
  @PrimaryColumn('uuid')
  id!: string;

  @Column('smallint')
  format!: number;

  @Column('text', { name: 'model_name' })
  modelName!: string;

  @Column('text', { name: 'model_version' })
  modelVersion!: string;

  @Column('text', { name: 'model_alias', nullable: true })
  modelAlias!: string | null;

  @Column('text', { name: 'model_digest' })
  modelDigest!: string;

  @Column('double precision')
  threshold!: number;

  @Column('text', { name: 'feature_names', array: true })
  featureNames!: string[];

  @Column('text', { name: 'onnxruntime_version' })
  onnxruntimeVersion!: string;

  @Column('text')
  platform!: string;

  @Column('text', { name: 'default_class', nullable: true })
  defaultClass!: string | null;

  @Column('text', { name: 'default_class_from', nullable: true })
  defaultClassFrom!: string | null;
}
