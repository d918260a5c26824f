import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The prediction log. What grows with traffic is partitioned by range of its UUID v7, whose first 48 bits are its time in
 * milliseconds: the primary key alone finds the partition. `maintenance/partitions.ts` makes the months; DEFAULT takes what
 * a wrong clock or a late arrival puts outside them.
 *
 * There are no foreign keys on these tables: checking one costs more than the whole insert of a row, and what they would
 * guard (rows without their context or group) is what the chain is there to prove.
 */
export class PredictionLog1764000000000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE TABLE scoring_contexts (
        id                  uuid PRIMARY KEY,
        model_name          text NOT NULL,
        model_version       text NOT NULL,
        model_alias         text,
        model_digest        text NOT NULL,
        threshold           double precision NOT NULL,
        feature_names       text[] NOT NULL,
        onnxruntime_version text NOT NULL,
        platform            text NOT NULL
      );
      COMMENT ON COLUMN scoring_contexts.id IS 'The first 16 bytes of the SHA-256 over the other columns';

      CREATE TABLE predictions (
        id           uuid PRIMARY KEY,
        context_id   uuid NOT NULL,
        reference    text,
        request_id   text NOT NULL,
        trace_id     text,
        batch_id     uuid,
        row_index    integer,
        inputs       real[],
        probability  real NOT NULL,
        prediction   smallint NOT NULL,
        warnings     jsonb,
        caller       text,
        inference_us real NOT NULL,
        salt         bytea,
        subject_hash bytea,
        group_id     uuid NOT NULL,
        group_index  integer NOT NULL
      ) PARTITION BY RANGE (id);
      CREATE TABLE predictions_default PARTITION OF predictions DEFAULT;
      CREATE INDEX predictions_reference ON predictions (reference, id) WHERE reference IS NOT NULL;
      CREATE INDEX predictions_context ON predictions (context_id, id);
      COMMENT ON COLUMN predictions.inputs IS 'The float32 values that were scored; NaN where one was missing; null once erased';
      COMMENT ON COLUMN predictions.inference_us IS 'Microseconds of the run that scored the row, together with the others of its batch';
      COMMENT ON COLUMN predictions.subject_hash IS 'Stands for salt, inputs and reference once they are erased';

      CREATE TABLE prediction_outcomes (
        id            uuid PRIMARY KEY,
        prediction_id uuid NOT NULL,
        defaulted     boolean NOT NULL,
        observed_at   timestamptz(3) NOT NULL,
        request_id    text NOT NULL,
        caller        text,
        group_id      uuid NOT NULL,
        group_index   integer NOT NULL
      ) PARTITION BY RANGE (id);
      CREATE TABLE prediction_outcomes_default PARTITION OF prediction_outcomes DEFAULT;
      CREATE INDEX prediction_outcomes_prediction ON prediction_outcomes (prediction_id);

      CREATE TABLE chain_groups (
        id            uuid PRIMARY KEY,
        kind          text NOT NULL,
        writer        uuid NOT NULL,
        sequence      bigint NOT NULL,
        previous_hash bytea NOT NULL,
        row_count     integer NOT NULL,
        row_hashes    bytea NOT NULL,
        hmac          bytea NOT NULL
      ) PARTITION BY RANGE (id);
      CREATE TABLE chain_groups_default PARTITION OF chain_groups DEFAULT;
      CREATE INDEX chain_groups_writer ON chain_groups (writer, sequence);
      COMMENT ON COLUMN chain_groups.id IS 'The smallest id of its rows';
      COMMENT ON COLUMN chain_groups.previous_hash IS 'The hmac of the same writer''s group before; zeros for its first';
      COMMENT ON COLUMN chain_groups.row_hashes IS 'SHA-256 of each row, by group_index, 32 bytes each';

      CREATE TABLE prediction_erasures (
        id             uuid PRIMARY KEY,
        reference_hmac bytea NOT NULL,
        row_count      integer NOT NULL,
        request_id     text NOT NULL,
        group_id       uuid NOT NULL,
        group_index    integer NOT NULL
      );
      CREATE INDEX prediction_erasures_reference ON prediction_erasures (reference_hmac);

      CREATE TABLE legal_holds (
        reference text PRIMARY KEY,
        reason    text NOT NULL,
        placed_at timestamptz NOT NULL DEFAULT now()
      );

      CREATE TABLE retention_checkpoints (
        partition_month date PRIMARY KEY,
        row_counts      jsonb NOT NULL,
        heads           jsonb NOT NULL,
        recorded_at     timestamptz NOT NULL DEFAULT now(),
        dropped_at      timestamptz,
        hmac            bytea NOT NULL
      );

      CREATE TABLE idempotency_records (
        caller     text NOT NULL,
        key        text NOT NULL,
        body_hash  bytea NOT NULL,
        claim      uuid NOT NULL,
        claimed_at timestamptz NOT NULL DEFAULT now(),
        entry_id   uuid,
        response   bytea,
        PRIMARY KEY (caller, key)
      );
      CREATE INDEX idempotency_records_claimed_at ON idempotency_records (claimed_at);
      CREATE INDEX idempotency_records_entry ON idempotency_records (entry_id) WHERE entry_id IS NOT NULL;
    `);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      DROP TABLE idempotency_records, retention_checkpoints, legal_holds, prediction_erasures, chain_groups,
        prediction_outcomes, predictions, scoring_contexts;
    `);
  }
}
