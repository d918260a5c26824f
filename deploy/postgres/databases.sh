#!/bin/bash
# PostgreSQL runs this once, on an empty volume: MLflow and the prediction log get a database each, and a user each who may
# not enter the other's.
psql --username "${POSTGRES_USER:-postgres}" --dbname postgres --set ON_ERROR_STOP=1 \
  --set mlflow_password="$MLFLOW_DATABASE_PASSWORD" --set log_password="$PREDICTION_LOG_DATABASE_PASSWORD" <<'SQL'
CREATE ROLE mlflow LOGIN PASSWORD :'mlflow_password';
CREATE DATABASE mlflow OWNER mlflow;
REVOKE ALL ON DATABASE mlflow FROM PUBLIC;

CREATE ROLE prediction_log LOGIN PASSWORD :'log_password';
CREATE DATABASE prediction_log OWNER prediction_log;
REVOKE ALL ON DATABASE prediction_log FROM PUBLIC;
SQL
