import { readFileSync } from 'node:fs';
import { loadAll } from 'js-yaml';

/** What specs read of Kubernetes' objects, in Kubernetes' own words. Schemas have been checked before. */
export interface Resource {
  kind: string;
  metadata: { name: string; labels?: Labels };
}
export type Labels = Record<string, string>;

export interface Selector {
  matchLabels?: Labels;
}

export interface Container {
  name: string;
  image: string;
  args?: string[];
  ports?: { name: string; containerPort: number }[];
  envFrom?: { configMapRef?: { name: string }; secretRef?: { name: string } }[];
  env?: { name: string; value?: string; valueFrom?: { secretKeyRef?: { name: string; key: string } } }[];
  startupProbe?: Probe;
  livenessProbe?: Probe;
  readinessProbe?: Probe;
  resources: { requests: Record<string, string>; limits: Record<string, string> };
  securityContext: object;
  volumeMounts?: { name: string; mountPath: string; readOnly?: boolean }[];
}

export interface Probe {
  httpGet?: { path: string; port: string };
  periodSeconds: number;
  failureThreshold: number;
}

export interface PodSpec {
  automountServiceAccountToken: boolean;
  enableServiceLinks: boolean;
  terminationGracePeriodSeconds: number;
  serviceAccountName: string;
  securityContext: object;
  containers: Container[];
  initContainers?: Container[];
  volumes: { name: string; emptyDir?: object; configMap?: { name: string; optional?: boolean } }[];
  topologySpreadConstraints: { topologyKey: string; labelSelector: Selector }[];
}

export interface PodTemplate {
  metadata: { labels: Labels };
  spec: PodSpec;
}

export interface Workload extends Resource {
  spec: {
    replicas?: number;
    selector: Selector;
    strategy?: { type: string; rollingUpdate?: { maxUnavailable: number } };
    template: PodTemplate;
    volumeClaimTemplates?: Resource[];
    persistentVolumeClaimRetentionPolicy?: object;
  };
}

export interface CronJob extends Resource {
  spec: { concurrencyPolicy: string; jobTemplate: { spec: { template: PodTemplate } } };
}

export interface NetworkPolicy extends Resource {
  spec: {
    podSelector: Selector;
    policyTypes: string[];
    ingress?: { from?: object[]; ports?: object[] }[];
    egress?: { to?: object[]; ports?: object[] }[];
  };
}

export interface Autoscaler extends Resource {
  spec: { scaleTargetRef: object; minReplicas: number; metrics: object[] };
}

/** The kinds that specs look into. */
interface Kinds {
  Namespace: Resource;
  ServiceAccount: Resource;
  ConfigMap: Resource & { data: Record<string, string> };
  Secret: Resource & { data: Record<string, string> };
  Service: Resource & { spec: { selector: Labels; ports: object[] } };
  Deployment: Workload;
  StatefulSet: Workload;
  Job: Workload;
  CronJob: CronJob;
  PodDisruptionBudget: Resource & { spec: { selector: Selector; maxUnavailable: number } };
  HorizontalPodAutoscaler: Autoscaler;
  NetworkPolicy: NetworkPolicy;
  ServiceMonitor: Resource & { spec: { selector: Selector; jobLabel: string } };
  PrometheusRule: Resource;
}

/** The objects of an overlay, as `kubectl apply` would send them. */
export class Manifests {
  readonly all: Resource[];

  constructor(readonly overlay: string) {
    this.all = loadAll(readFileSync(`.tools/rendered/${overlay}.yaml`, 'utf8')) as Resource[];
  }

  of<Kind extends keyof Kinds>(kind: Kind): Kinds[Kind][] {
    return this.all.filter((resource) => resource.kind === kind) as Kinds[Kind][];
  }

  /** @throws Error when there is none, or more than one */
  one<Kind extends keyof Kinds>(kind: Kind, name?: string): Kinds[Kind] {
    const found = this.of(kind).filter(({ metadata }) => name === undefined || metadata.name === name);
    if (found.length !== 1) throw new Error(`${this.overlay} has ${found.length} of ${kind} ${name ?? ''}`);
    return found[0]!;
  }

  /** The Deployment or StatefulSet of the service. */
  get service(): Workload {
    return this.one(this.of('StatefulSet').length > 0 ? 'StatefulSet' : 'Deployment', 'credit-default-service');
  }

  get container(): Container {
    return this.service.spec.template.spec.containers[0]!;
  }

  /** Every pod that the overlay brings, by the name of what makes it. */
  get pods(): [string, PodTemplate][] {
    const workloads = [...this.of('Deployment'), ...this.of('StatefulSet'), ...this.of('Job')];
    return [
      ...workloads.map(({ metadata, spec }): [string, PodTemplate] => [metadata.name, spec.template]),
      ...this.of('CronJob').map(({ metadata, spec }): [string, PodTemplate] => [
        metadata.name,
        spec.jobTemplate.spec.template,
      ]),
    ];
  }

  /** The variables that a container has from ConfigMaps. */
  configOf(container: Container): Record<string, string> {
    const names = (container.envFrom ?? []).flatMap(({ configMapRef }) => configMapRef?.name ?? []);
    return Object.assign({}, ...names.map((name) => this.one('ConfigMap', name).data)) as Record<string, string>;
  }
}

export function selects({ matchLabels = {} }: Selector, labels: Labels): boolean {
  return Object.entries(matchLabels).every(([name, value]) => labels[name] === value);
}
