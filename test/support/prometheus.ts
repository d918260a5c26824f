import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { eventually } from './eventually.js';
import { freePort } from './free-port.js';
import { monitoringBinary } from './monitoring-binary.js';
import { startProgram } from './start-program.js';

export type Labels = Record<string, string>;

export interface Sample {
  metric: Labels;
  value: [timestamp: number, value: string];
}

/** A part of a PromQL expression, as far as it matters here. */
export interface ExpressionNode {
  type: string;
  /** Of a selector. */
  name?: string;
  matchers?: { name: string; type: string; value: string }[];
  /** Of an aggregation. */
  grouping?: string[];
  /** Of a binary operation. */
  matching?: { labels: string[]; include: string[] } | null;
}

interface RuleState {
  name: string;
  health: string;
  lastError?: string;
  type: 'alerting' | 'recording';
}

/** A real Prometheus with a directory of its own. */
export class Prometheus {
  private constructor(
    readonly url: string,
    private readonly stop: () => Promise<void>,
  ) {}

  /**
   * @param config its prometheus.yml
   * @param history samples from before, in the OpenMetrics text format
   */
  static async start(config: object, history: string): Promise<Prometheus> {
    const directory = mkdtempSync(path.join(tmpdir(), 'credit-default-prometheus-'));
    const file = (name: string, contents: string): string => {
      writeFileSync(path.join(directory, name), contents);
      return path.join(directory, name);
    };
    const data = path.join(directory, 'data');
    const promtool = monitoringBinary('promtool');
    execFileSync(promtool, ['tsdb', 'create-blocks-from', 'openmetrics', file('history.om', history), data]);
    const port = await freePort();
    const program = startProgram(monitoringBinary('prometheus'), [
      // JSON is YAML.
      `--config.file=${file('prometheus.json', JSON.stringify(config))}`,
      `--storage.tsdb.path=${data}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ]);
    const prometheus = new Prometheus(`http://127.0.0.1:${port}`, async () => {
      await program.stop();
      rmSync(directory, { recursive: true });
    });
    await eventually(async () => {
      const ready = await fetch(`${prometheus.url}/-/ready`);
      if (!ready.ok) throw new Error(`Prometheus is not ready:\n${program.output()}`);
    }, 30_000);
    return prometheus;
  }

  /** What an expression gives now. */
  async query(expression: string): Promise<Sample[]> {
    return ((await this.get('query', { query: expression })) as { result: Sample[] }).result;
  }

  /** The series that a selector has had in the last five minutes. */
  series(selector: string): Promise<Labels[]> {
    const start = String(Date.now() / 1000 - 300);
    return this.get('series', { 'match[]': selector, start }) as Promise<Labels[]>;
  }

  parse(expression: string): Promise<ExpressionNode> {
    return this.get('parse_query', { query: expression }) as Promise<ExpressionNode>;
  }

  async rules(): Promise<RuleState[]> {
    const { groups } = (await this.get('rules', {})) as { groups: { rules: RuleState[] }[] };
    return groups.flatMap(({ rules }) => rules);
  }

  close(): Promise<void> {
    return this.stop();
  }

  private async get(endpoint: string, parameters: Record<string, string>): Promise<unknown> {
    const response = await fetch(`${this.url}/api/v1/${endpoint}?${new URLSearchParams(parameters).toString()}`);
    const { data, error } = (await response.json()) as { data: unknown; error?: string };
    if (error !== undefined) throw new Error(`${error}: ${Object.values(parameters).join(', ')}`);
    return data;
  }
}

/** An expression's parts with, for each, those within it. */
export function partsOf(node: unknown): ExpressionNode[] {
  if (typeof node !== 'object' || node === null) return [];
  const within = Object.values(node).flatMap(partsOf);
  return 'type' in node && typeof node.type === 'string' && !('value' in node && 'name' in node)
    ? [node as ExpressionNode, ...within]
    : within;
}

export const selectorOf = ({ name = '', matchers = [] }: ExpressionNode): string =>
  `${name}{${matchers
    .filter((matcher) => matcher.name !== '__name__')
    .map((matcher) => `${matcher.name}${matcher.type}${JSON.stringify(matcher.value)}`)
    .join(',')}}`;
