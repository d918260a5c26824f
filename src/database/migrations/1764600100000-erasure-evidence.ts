import type { MigrationInterface, QueryRunner } from 'typeorm';
import { MONTH_SUFFIX, SELECT_UNATTACHED } from '../../prediction-log/maintenance/partitions.js';

const GROUP_TABLES = `chain_groups_(default|${MONTH_SUFFIX})`;

/**
 * Groups and checkpoints say in which format they were signed, and an erasure names the rows that it took. The release before
 * leaves the new columns out: what it writes is of format 1.
 */
export class ErasureEvidence1764600100000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await changeGroups(queryRunner, 'ADD COLUMN format smallint NOT NULL DEFAULT 1');
    await queryRunner.query(`
      ALTER TABLE retention_checkpoints ADD COLUMN format smallint NOT NULL DEFAULT 1;
      ALTER TABLE prediction_erasures
        ADD COLUMN kind text NOT NULL DEFAULT 'asked',
        ADD COLUMN tokens bytea;
      COMMENT ON COLUMN chain_groups.format IS 'Decides how hmac and row_hashes are computed; covered by hmac from 2 on';
      COMMENT ON COLUMN prediction_erasures.kind IS 'asked; late: rows that reached the table after their erasure; baseline: rows erased before erasures had tokens';
      COMMENT ON COLUMN prediction_erasures.tokens IS 'Sorted HMAC-SHA-256 of the ids of the rows that were erased, 32 bytes each; null in format 1';
    `);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      ALTER TABLE prediction_erasures DROP COLUMN tokens, DROP COLUMN kind;
      ALTER TABLE retention_checkpoints DROP COLUMN format;
    `);
    await changeGroups(queryRunner, 'DROP COLUMN format');
  }
}

/**
 * Changes the table with its partitions, and what is none of them at the moment: months that are being dropped, which a legal
 * hold may put back, and DEFAULT. A month whose detachment was broken off cannot be changed before that is finished.
 */
async function changeGroups(queryRunner: QueryRunner, change: string): Promise<void> {
  for (const name of await groupTables(queryRunner, 'AND inhdetachpending')) {
    await queryRunner.query(`ALTER TABLE chain_groups DETACH PARTITION ${name} FINALIZE`);
  }
  for (const name of ['chain_groups', ...(await groupTables(queryRunner, ''))]) {
    await queryRunner.query(`ALTER TABLE ${name} ${change}`);
  }
}

async function groupTables(queryRunner: QueryRunner, condition: string): Promise<string[]> {
  const rows: { name: string }[] = await queryRunner.query(
    `${SELECT_UNATTACHED} AND relname ~ '^${GROUP_TABLES}$' ${condition}`,
  );
  return rows.map(({ name }) => name);
}
