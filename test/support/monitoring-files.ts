import { readdirSync, readFileSync } from 'node:fs';
import { load as parseYaml } from 'js-yaml';

export const DASHBOARDS_DIRECTORY = 'deploy/monitoring/grafana/dashboards';
export const RULES_DIRECTORY = 'deploy/monitoring/prometheus/rules';

interface Datasource {
  type: string;
  uid: string;
}

interface Target {
  refId: string;
  expr: string;
}

export interface Panel {
  id: number;
  type: string;
  title: string;
  description?: string;
  datasource?: Datasource;
  gridPos: { x: number; y: number; w: number; h: number };
  fieldConfig?: { defaults: { unit?: string } };
  targets?: Target[];
}

export interface Dashboard {
  uid: string;
  title: string;
  annotations: { list: { name: string; datasource: Datasource; target: Target }[] };
  templating: { list: { name: string; datasource: Datasource; query: { query: string } }[] };
  panels: Panel[];
}

export interface RecordingRule {
  record: string;
  expr: string;
}

export interface AlertingRule {
  alert: string;
  expr: string;
  for?: string;
  labels: { severity: string };
  annotations: { summary: string; description: string; runbook_url: string };
}

/** By the name of its file. */
export const dashboards: [file: string, Dashboard][] = readdirSync(DASHBOARDS_DIRECTORY).map((file) => [
  file,
  JSON.parse(readFileSync(`${DASHBOARDS_DIRECTORY}/${file}`, 'utf8')) as Dashboard,
]);

/** Without the headings between them. */
export const panelsOf = ({ panels }: Dashboard): Panel[] => panels.filter(({ type }) => type !== 'row');

const rules = readdirSync(RULES_DIRECTORY).flatMap((file) => {
  const { groups } = readYaml(`${RULES_DIRECTORY}/${file}`) as {
    groups: { rules: (RecordingRule | AlertingRule)[] }[];
  };
  return groups.flatMap((group) => group.rules);
});

export const recordings = rules.filter((rule) => 'record' in rule);

export const alerts = rules.filter((rule) => 'alert' in rule);

/** Everything that a dashboard asks of Prometheus: panels, annotations, variables. */
export const dashboardExpressions: [where: string, expression: string][] = dashboards.flatMap(([file, dashboard]) => [
  ...panelsOf(dashboard).flatMap(({ title, targets = [] }) =>
    targets.map(({ refId, expr }): [string, string] => [`${file}, ${title}, ${refId}`, expr]),
  ),
  ...dashboard.annotations.list.map(({ name, target }): [string, string] => [`${file}, ${name}`, target.expr]),
  ...dashboard.templating.list.map(({ name, query }): [string, string] => [
    `${file}, $${name}`,
    /^label_values\((.+), \w+\)$/.exec(query.query)![1]!,
  ]),
]);

export function readYaml(file: string): unknown {
  return parseYaml(readFileSync(file, 'utf8'));
}
