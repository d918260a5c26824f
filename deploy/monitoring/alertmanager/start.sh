#!/bin/sh
# Starts Alertmanager, which expands no variables: the address of the webhook goes into the file that alertmanager.yml names.
set -eu

if [ -z "${ALERT_WEBHOOK_URL:-}" ]; then
  echo 'Nobody is told of alerts: set ALERT_WEBHOOK_URL. Alertmanager shows them on its own page, port 9093.'
  ALERT_WEBHOOK_URL=http://127.0.0.1:9 # nobody listens there
fi
printf '%s' "$ALERT_WEBHOOK_URL" >/tmp/alert-webhook-url

exec /bin/alertmanager --config.file=/etc/alertmanager/alertmanager.yml "$@"
