import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A key is for one request: the same body at another route is not the same request. Null where the release before wrote. */
export class IdempotencyRoute1764300000000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('ALTER TABLE idempotency_records ADD COLUMN route text');
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('ALTER TABLE idempotency_records DROP COLUMN route');
  }
}
