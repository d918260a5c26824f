import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { alerts, dashboardExpressions, recordings } from '../support/monitoring-files.js';
import { type ExpressionNode, type Labels, partsOf, type Prometheus, selectorOf } from '../support/prometheus.js';
import { type MonitoredScene, openMonitoredScene } from './monitored-scene.js';

const OPENED_WITHIN_MS = 240_000;
const CLOSED_WITHIN_MS = 60_000;
const DATA_WITHIN_MS = 20_000;

let scene: MonitoredScene;
let prometheus: Prometheus;

beforeAll(async () => {
  scene = await openMonitoredScene();
  ({ prometheus } = scene);
}, OPENED_WITHIN_MS);
afterAll(() => scene?.close(), CLOSED_WITHIN_MS);

/** As Grafana would put values for its variables. */
const substituted = (expression: string): string =>
  expression.replaceAll('$instance', '.*').replaceAll('$__rate_interval', '1m').replaceAll('$__range', '15m');

/** Every metric that the expression selects has such series, and every label by which it groups or joins. */
async function expectKnown(expression: string): Promise<void> {
  for (const part of partsOf(await prometheus.parse(expression))) {
    const { grouping = [], matching } = part;
    const selected = await Promise.all(partsOf(part).filter(isSelector).map(seriesOf));
    for (const label of [...grouping, ...(matching?.labels ?? [])]) {
      for (const series of selected) expect(labelsOf(series)).toContain(label);
    }
    for (const label of matching?.include ?? []) expect(selected.flatMap(labelsOf)).toContain(label);
  }
}

const isSelector = ({ type }: ExpressionNode): boolean => type === 'vectorSelector' || type === 'matrixSelector';

async function seriesOf(part: ExpressionNode): Promise<Labels[]> {
  const selector = selectorOf(part);
  const series = await prometheus.series(selector);
  if (series.length === 0) throw new Error(`The service has no such series: ${selector}`);
  return series;
}

const labelsOf = (series: Labels[]): string[] => series.flatMap((labels) => Object.keys(labels));

const expectData = (expression: string): Promise<void> =>
  eventually(async () => {
    const values = (await prometheus.query(expression)).map(({ value }) => Number(value[1]));
    expect(values.filter((value) => !Number.isNaN(value))).not.toEqual([]);
  }, DATA_WITHIN_MS);

describe('dashboards', () => {
  it.each(dashboardExpressions)('%s has data: %s', async (_, expression) => {
    await expectKnown(substituted(expression));
    await expectData(substituted(expression));
  });
});

describe('rules', () => {
  it.each(recordings.map(({ record, expr }) => [record, expr]))('%s has data: %s', async (record, expression) => {
    await expectKnown(expression);
    await expectData(record);
  });

  // Most of them give nothing as long as all is well, so it is what they select that must be there.
  it.each(alerts.map(({ alert, expr }) => [alert, expr]))('%s knows what it asks for: %s', async (_, expression) => {
    await expectKnown(expression);
  });

  it('are evaluated without an error, all of them', async () => {
    const states = await prometheus.rules();
    expect(states.filter(({ health }) => health !== 'ok')).toEqual([]);
    expect(states).toHaveLength(recordings.length + alerts.length);
  });
});

describe('alerts of the real service', () => {
  it.each(['CreditDefaultErrorBudgetBurnsFast', 'CreditDefaultVersionRefused', 'CreditDefaultAuthFailures'])(
    '%s fires for what its clients did',
    async (alert) => {
      expect(await prometheus.query(`ALERTS{alertname="${alert}",alertstate="firing"}`)).toHaveLength(1);
    },
  );

  it.each([
    'CreditDefaultServiceDown',
    'CreditDefaultInstanceDown',
    'CreditDefaultNoModel',
    'CreditDefaultRegistryUnreachable',
    'CreditDefaultNoTraffic',
    'CreditDefaultShedding',
    'CreditDefaultLogDown',
    'CreditDefaultLogFailing',
    'CreditDefaultLogDefaultPartition',
  ])('%s does not', async (alert) => {
    // One look at the registry that took too long, on a busy machine, makes an alert pending until the next one.
    await eventually(
      async () => expect(await prometheus.query(`ALERTS{alertname="${alert}"}`)).toEqual([]),
      DATA_WITHIN_MS,
    );
  });
});
