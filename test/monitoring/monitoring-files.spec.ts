import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import {
  alerts,
  type Dashboard,
  dashboardExpressions,
  dashboards,
  DASHBOARDS_DIRECTORY,
  panelsOf,
  readYaml,
  recordings,
} from '../support/monitoring-files.js';

const GRAFANA = 'deploy/monitoring/grafana';
const GRID_COLUMNS = 24;

interface ComposeService {
  image: string;
  mem_limit: string;
  ports: string[];
  volumes: string[];
  environment?: Record<string, string | null>;
}

const { services } = readYaml('docker-compose.monitoring.yml') as { services: Record<string, ComposeService> };
const { datasources } = readYaml(`${GRAFANA}/provisioning/datasources/prometheus.yml`) as {
  datasources: { uid: string; type: string; url: string }[];
};
const { providers } = readYaml(`${GRAFANA}/provisioning/dashboards/credit-default.yml`) as {
  providers: { options: { path: string } }[];
};

/** Where a path in a container comes from in this repository. */
function sourceOf(service: ComposeService, inside: string): string | undefined {
  for (const volume of service.volumes) {
    const [source, target] = volume.split(':') as [string, string];
    if (inside === target || inside.startsWith(`${target}/`)) return path.join(source, inside.slice(target.length));
  }
  return undefined;
}

/** Anchors of a page's headings, as they are made of Markdown everywhere. */
const anchorsOf = (markdown: string): string[] =>
  [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );

const valuesOf = (dashboard: Dashboard) => [
  ...panelsOf(dashboard).map(({ datasource }) => datasource),
  ...dashboard.annotations.list.map(({ datasource }) => datasource),
  ...dashboard.templating.list.map(({ datasource }) => datasource),
];

describe('Grafana', () => {
  it('has one data source, by a name that does not change: the Prometheus of the stack', () => {
    expect(datasources).toMatchObject([{ uid: 'prometheus', type: 'prometheus', url: 'http://prometheus:9090' }]);
  });

  it('finds provisioning and dashboards where they are mounted', () => {
    const grafana = services['grafana']!;
    expect(sourceOf(grafana, '/etc/grafana/provisioning')).toBe(`${GRAFANA}/provisioning`);
    expect(providers.map(({ options }) => sourceOf(grafana, options.path))).toEqual([DASHBOARDS_DIRECTORY]);
    const home = grafana.environment!['GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH']!;
    expect(existsSync(sourceOf(grafana, home)!)).toBe(true);
  });

  it('has dashboards with ids and titles of their own', () => {
    expect(dashboards.map(([, { uid }]) => uid)).toEqual(
      dashboards.map(([file]) => `credit-default-${path.basename(file, '.json')}`),
    );
    expect(new Set(dashboards.map(([, { title }]) => title)).size).toBe(dashboards.length);
  });
});

describe.each(dashboards)('%s', (_, dashboard) => {
  const panels = panelsOf(dashboard);

  it('asks the provisioned data source only', () => {
    for (const datasource of valuesOf(dashboard)) expect(datasource).toEqual({ type: 'prometheus', uid: 'prometheus' });
  });

  it('marks swaps of the model', () => {
    expect(dashboard.annotations.list.map(({ name }) => name)).toContain('Model swaps');
  });

  it('has panels with ids and titles of their own', () => {
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
    expect(new Set(panels.map(({ title }) => title)).size).toBe(panels.length);
  });

  it('has no panel beside the grid or on top of another', () => {
    const taken = dashboard.panels.flatMap(({ gridPos: { x, y, w, h } }) => {
      expect(x + w).toBeLessThanOrEqual(GRID_COLUMNS);
      return Array.from({ length: w * h }, (__, i) => `${x + (i % w)},${y + Math.floor(i / w)}`);
    });
    expect(new Set(taken).size).toBe(taken.length);
  });

  it.each(panels)('says of $title what it shows, and in which unit', ({ description, fieldConfig, targets }) => {
    expect(description).toMatch(/^[A-Z].+\.$/);
    expect(fieldConfig?.defaults.unit).toBeTruthy();
    expect(targets).not.toHaveLength(0);
  });
});

describe('expressions', () => {
  it.each([
    ...dashboardExpressions,
    ...recordings.map(({ record, expr }) => [record, expr]),
    ...alerts.map(({ alert, expr }) => [alert, expr]),
  ])('%s asks for this service alone', (_, expression) => {
    // What rules have recorded is about this service already.
    const selectors = expression.match(/\b[a-z]\w+(?=\{)|ALERTS(?=\{)/gi) ?? [];
    expect(expression.split('job="credit-default-service"')).toHaveLength(selectors.length + 1);
    expect(expression).toMatch(/\{job="credit-default-service"|job:/);
  });
});

describe.each(alerts)('$alert', ({ alert: name, labels, annotations }) => {
  it('has a name of its own, a severity and words', () => {
    expect(alerts.filter(({ alert }) => alert === name)).toHaveLength(1);
    expect(name).toMatch(/^CreditDefault[A-Z]/);
    expect(['critical', 'warning', 'info']).toContain(labels.severity);
    expect(annotations.summary).not.toMatch(/\.$/);
    expect(annotations.description).toMatch(/\.$/);
  });

  it('has a runbook, with the place that it names, in the list of runbooks', () => {
    const [file, anchor] = annotations.runbook_url.split('#') as [string, string];
    const runbook = readFileSync(file, 'utf8');
    expect(anchorsOf(runbook)).toContain(anchor);
    expect(runbook).toContain(`\`${name}\``);
    expect(readFileSync('docs/runbooks/README.md', 'utf8')).toContain(`(${path.basename(file)})`);
  });

  it('is tried by promtool, firing', () => {
    const tests = 'deploy/monitoring/prometheus/tests';
    const tried = readdirSync(tests).map((file) => readFileSync(`${tests}/${file}`, 'utf8'));
    expect(tried.join('\n')).toContain(`ALERTS{alertname="${name}",alertstate="firing"`);
  });
});

describe('docker-compose.monitoring.yml', () => {
  it.each(Object.entries(services))(
    'bounds the memory of %s and opens its ports to this machine alone',
    (_, service) => {
      expect(service.mem_limit).toMatch(/^\d+[mg]$/);
      for (const port of service.ports) expect(port).toMatch(/^127\.0\.0\.1:/);
      expect(service.image).toMatch(/:v?\d+\.\d+\.\d+$/);
    },
  );

  it('mounts what is in the repository', () => {
    const mounted = Object.values(services).flatMap(({ volumes }) =>
      volumes.filter((volume) => volume.startsWith('./')),
    );
    for (const volume of mounted) expect(existsSync(volume.split(':')[0]!)).toBe(true);
  });

  it('runs the versions that rules and configuration are checked with', () => {
    const makefile = readFileSync('Makefile', 'utf8');
    // Prometheus's module cannot be at 3 without another name: 3.5.3 is v0.305.3.
    const [major, minor, patch] = services['prometheus']!.image.split(':v')[1]!.split('.').map(Number);
    expect(makefile).toContain(`github.com/prometheus/prometheus@v0.${100 * major! + minor!}.${patch}\n`);
    expect(makefile).toContain(
      `github.com/prometheus/alertmanager@${services['alertmanager']!.image.split(':')[1]!}\n`,
    );
  });
});
