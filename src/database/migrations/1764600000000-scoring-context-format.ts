import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Which class the scores are the probability of. Format 1 is what the release before writes: it does not know the columns, and
 * its contexts keep the ids that they have.
 */
export class ScoringContextFormat1764600000000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      ALTER TABLE scoring_contexts
        ADD COLUMN format smallint NOT NULL DEFAULT 1,
        ADD COLUMN default_class text,
        ADD COLUMN default_class_from text;
      COMMENT ON COLUMN scoring_contexts.format IS 'Which of the other columns the id covers: 1 without default_class and default_class_from';
    `);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      ALTER TABLE scoring_contexts DROP COLUMN format, DROP COLUMN default_class, DROP COLUMN default_class_from`);
  }
}
