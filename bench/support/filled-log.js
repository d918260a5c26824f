/** A prediction log as years of traffic leave it, written by PostgreSQL itself. */
import { addMonths, monthBounds } from '../../dist/prediction-log/id-time.js';
import { ensurePartitions } from '../../dist/prediction-log/maintenance/partitions.js';

/** As large as groups are under load. */
const ROWS_PER_GROUP = 20;
/** Each row is for one of a million applications, so some have several. As socket-load.js names them. */
const REFERENCE = `'application-' || lpad(floor(1e6 * random())::text, 6, '0')`;
const OUTCOME_EVERY = 10;

const INSERT_CONTEXT = `
  INSERT INTO scoring_contexts
  VALUES ($1, 'credit-default-model', $2, 'production', md5($2), 0.5, $3, '1.30.0', 'linux/x64')`;

/** Nobody verifies the chain here: hashes have their size, and a salt's randomness, but do not fit. */
const INSERT_MONTH = `
  WITH made AS MATERIALIZED (
    SELECT (n - 1) / ${ROWS_PER_GROUP} AS number, (n - 1) % ${ROWS_PER_GROUP} AS position,
      uuidv7($1::timestamptz + (n - 0.5) / $3::int * ($2::timestamptz - $1::timestamptz) - clock_timestamp()) AS id
    FROM generate_series(1, $3::int) AS n
  ), grouped AS MATERIALIZED (
    SELECT *, first_value(id) OVER (PARTITION BY number ORDER BY id) AS group_id FROM made
  ), chained AS (
    INSERT INTO chain_groups
    SELECT group_id, 'prediction', $4::uuid, number, sha256(uuid_send(group_id)), count(*),
      string_agg(sha256(uuid_send(id)), ''::bytea), sha256(uuid_send(group_id))
    FROM grouped GROUP BY group_id, number
  )
  INSERT INTO predictions (id, context_id, reference, request_id, trace_id, inputs, probability, prediction, caller,
    inference_us, salt, group_id, group_index)
  SELECT id, $4::uuid, ${REFERENCE}, uuidv7()::text,
    md5(id::text), ARRAY[10000 + 1000 * floor(500 * random()), floor(3 * random()), 0, floor(3 * random()), 0, random(),
      random(), random(), floor(5000 * random()), random()]::real[],
    random(), (random() < 0.2)::int, 'gateway', 30 + 10 * random(), uuid_send(gen_random_uuid()), group_id, position
  FROM grouped`;

/** What became of some answers of the month before, each told on its own. */
const INSERT_OUTCOMES = `
  WITH told AS MATERIALIZED (
    SELECT p.id, uuidv7($1::timestamptz + random() * ($2::timestamptz - $1::timestamptz) - clock_timestamp()) AS outcome
    FROM (SELECT id, row_number() OVER () AS n FROM predictions WHERE id >= $3 AND id < $4) AS p
    WHERE n % ${OUTCOME_EVERY} = 0
  ), chained AS (
    INSERT INTO chain_groups
    SELECT outcome, 'outcome', $5::uuid, row_number() OVER () - 1, sha256(uuid_send(outcome)), 1,
      sha256(uuid_send(outcome)), sha256(uuid_send(outcome))
    FROM told
  )
  INSERT INTO prediction_outcomes
  SELECT outcome, id, random() < 0.2, $1, uuidv7()::text, 'gateway', outcome, 0 FROM told`;

/**
 * Writes `rows` answers, and outcomes of some, into an empty log. Every month has a model version and writers of its own.
 * Needs PostgreSQL 18, for its uuidv7().
 *
 * @param {import('pg').Client} client
 * @param {{ rows: number, months: number, presentRows: number }} size months up to now; rows of the present one, the others
 *   share the rest evenly
 */
export async function fillLog(client, { rows, months, presentRows }) {
  const query = async (sql, values) => (await client.query(sql, values)).rows;
  const now = new Date();
  await ensurePartitions(query, addMonths(now, 1 - months), months);
  const features = Array.from({ length: 10 }, (_, i) => `feature_${i}`);
  for (let ago = months - 1; ago >= 0; ago--) {
    const from = addMonths(now, -ago);
    const until = ago === 0 ? now : addMonths(from, 1);
    const [{ id }] = await query('SELECT gen_random_uuid() AS id');
    await query(INSERT_CONTEXT, [id, String(months - ago), features]);
    const share = ago === 0 ? presentRows : monthlyShare(rows - presentRows, months - 1, ago - 1);
    await query(INSERT_MONTH, [from, until, share, id]);
    const before = monthBounds(addMonths(from, -1));
    await query(INSERT_OUTCOMES, [from, until, before.from, before.to, id]);
  }
  // What autovacuum would do on its own time, in the middle of a measurement.
  await query('VACUUM (ANALYZE)');
  await query('CHECKPOINT');
}

/** Part `index` of `rows`, divided into `months` parts that differ by at most one. */
const monthlyShare = (rows, months, index) =>
  Math.floor((rows * (index + 1)) / months) - Math.floor((rows * index) / months);
