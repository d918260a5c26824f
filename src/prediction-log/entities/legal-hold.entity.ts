import { Column, CreateDateColumn, Entity, PrimaryColumn } from 'typeorm';

/** A subject whose records must be kept: they are neither erased nor dropped when their retention ends. */
@Entity('legal_holds')
export class LegalHoldEntity {
  @PrimaryColumn('text')
  reference!: string;

  @Column('text')
  reason!: string;

  @CreateDateColumn({ type: 'timestamptz', name: 'placed_at' })
  placedAt!: Date;
}
