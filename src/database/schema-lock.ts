/**
 * Key of the PostgreSQL advisory lock that is held while tables are made, changed or dropped, by `migration:run` and by
 * the daily maintenance: one of them at a time, on one of the replicas.
 */
export const SCHEMA_LOCK = 4_713_260_155;
