/**
 * The PrometheusRule of deploy/k8s, from the rule files that the stack's Prometheus reads, and one for Kubernetes alone:
 *
 *   node deploy/k8s/prometheus-rule.ts write     writes it
 *   node deploy/k8s/prometheus-rule.ts check     exit status 1 where it is not what `write` would write
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dump, load } from 'js-yaml';

const RULES = 'deploy/monitoring/prometheus/rules';
const COMPONENT = 'deploy/k8s/components/prometheus-operator';
const TARGET = `${COMPONENT}/prometheus-rule.yaml`;

const wanted = prometheusRule();
if (process.argv[2] === 'write') {
  writeFileSync(TARGET, wanted);
} else if (readFileSync(TARGET, 'utf8') !== wanted) {
  process.stderr.write(`${TARGET} is not what the rules say: run "make k8s-rules".\n`);
  process.exitCode = 1;
}

function prometheusRule(): string {
  const names = readdirSync(RULES).filter((name) => name.endsWith('.yml'));
  const files = [...names.toSorted().map((name) => `${RULES}/${name}`), `${COMPONENT}/cron-job-rules.yml`];
  const groups = files.flatMap((file) => (load(readFileSync(file, 'utf8')) as { groups: unknown[] }).groups);
  const resource = {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PrometheusRule',
    metadata: { name: 'credit-default-service' },
    spec: { groups },
  };
  return `# Made from ${RULES} by "make k8s-rules".\n${dump(resource, { lineWidth: -1 })}`;
}
