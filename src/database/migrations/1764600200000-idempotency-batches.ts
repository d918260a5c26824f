import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The key of a batch keeps where its rows are, and no answer: that is written anew from them. The release before takes a record
 * without an answer for a claim that was left behind, and would score the batch again; the trigger keeps it from that, so that it
 * answers IDEMPOTENCY_IN_PROGRESS.
 */
export class IdempotencyBatches1764600200000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      ALTER TABLE idempotency_records
        ADD COLUMN answer_format smallint,
        ADD COLUMN first_id uuid,
        ADD COLUMN last_id uuid,
        ADD COLUMN row_count integer;
      COMMENT ON COLUMN idempotency_records.entry_id IS 'batch_id of a batch, id of a single prediction; null while the release before answers';
      COMMENT ON COLUMN idempotency_records.response IS 'The reply to a single prediction';
      COMMENT ON COLUMN idempotency_records.answer_format IS 'Of a batch: how its reply is written anew from its rows';
      COMMENT ON COLUMN idempotency_records.first_id IS 'Of a batch: the smallest id of its rows; last_id is the largest';

      CREATE FUNCTION keep_idempotency_record() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
      CREATE TRIGGER keep_idempotency_record BEFORE UPDATE ON idempotency_records FOR EACH ROW
        WHEN (OLD.answer_format IS NOT NULL AND NEW.entry_id IS NULL AND OLD.claimed_at >= now() - interval '24 hours')
        EXECUTE FUNCTION keep_idempotency_record();
    `);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      DROP TRIGGER keep_idempotency_record ON idempotency_records;
      DROP FUNCTION keep_idempotency_record();
      DELETE FROM idempotency_records WHERE answer_format IS NOT NULL;
      ALTER TABLE idempotency_records
        DROP COLUMN answer_format, DROP COLUMN first_id, DROP COLUMN last_id, DROP COLUMN row_count;
    `);
  }
}
