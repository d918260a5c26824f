import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { envVariables, parseEnv } from '../../src/config/env.schema.js';
import { type Container, Manifests, type NetworkPolicy, type Resource, selects } from './manifests.js';

const OVERLAYS = ['local', 'production', 'requests-in-flight', 'spooled'];
/** What the Secrets have to hold, as docs/kubernetes.md says. */
const SECRETS = {
  DATABASE_URL: 'postgresql://service:password@postgresql:5432/predictions?sslmode=verify-full',
  PREDICTION_LOG_CHAIN_KEY: 'x'.repeat(32),
};
const IS_SECRET = /PASSWORD|TOKEN|SECRET|CHAIN_KEY|^DATABASE_URL$/;

it('has an overlay for each that there is', () => {
  expect(readdirSync('deploy/k8s/overlays').toSorted()).toEqual(OVERLAYS);
});

describe.each(OVERLAYS)('the overlay %s', (overlay) => {
  const manifests = new Manifests(overlay);
  const { service, container } = manifests;
  const labels = service.spec.template.metadata.labels;

  describe.each(manifests.pods)('the pods of %s', (_name, { spec }) => {
    it('meet the restricted Pod Security Standard', () => {
      expect(spec.securityContext).toMatchObject({
        runAsNonRoot: true,
        seccompProfile: { type: 'RuntimeDefault' },
      });
      expect(spec.securityContext).toHaveProperty('runAsUser', expect.any(Number));
      expect(spec.securityContext).not.toHaveProperty('runAsUser', 0);
      expect(spec).not.toHaveProperty('hostNetwork');
      for (const { securityContext } of containersOf(spec)) {
        expect(securityContext).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        });
      }
    });

    it('have no token for the API server, and no variables that name other Services', () => {
      expect(spec.automountServiceAccountToken).toBe(false);
      expect(spec.enableServiceLinks).toBe(false);
    });

    it('say what they need, and what they may take', () => {
      for (const { resources } of containersOf(spec)) {
        for (const amounts of [resources.requests, resources.limits]) {
          expect(Object.keys(amounts)).toEqual(expect.arrayContaining(['cpu', 'memory']));
        }
      }
    });

    it('run a named version of an image', () => {
      for (const { image } of containersOf(spec)) {
        expect(image).toMatch(/(:|@sha256:)[\w.-]+$/);
        expect(image).not.toMatch(/:latest$/);
      }
    });

    it('write to volumes alone, none of them of the node', () => {
      for (const volume of spec.volumes) {
        expect(['emptyDir', 'configMap'].some((kind) => kind in volume)).toBe(true);
      }
    });
  });

  it('has the Namespace refuse pods that are not restricted', () => {
    expect(manifests.one('Namespace').metadata.labels).toMatchObject({
      'pod-security.kubernetes.io/enforce': 'restricted',
    });
  });

  it('mounts no token by the ServiceAccount either, and has no rights in the cluster', () => {
    expect(manifests.one('ServiceAccount', service.spec.template.spec.serviceAccountName)).toMatchObject({
      automountServiceAccountToken: false,
    });
    expect(manifests.all.map(({ kind }) => kind).filter((kind) => /Role|Binding/.test(kind))).toEqual([]);
  });

  it("probes the service's own endpoints", () => {
    const probes = { startup: container.startupProbe, live: container.livenessProbe, ready: container.readinessProbe };
    const { paths } = JSON.parse(readFileSync('docs/openapi.json', 'utf8')) as { paths: object };
    for (const [name, probe] of Object.entries(probes)) {
      expect(probe?.httpGet).toEqual({ path: `/health/${name}`, port: 'http' });
      expect(paths).toHaveProperty([`/health/${name}`]);
    }
    expect(container.ports).toEqual([{ name: 'http', containerPort: 8000 }]);
  });

  it('gives the first attempt to load a model the time that it may take', () => {
    const { MODEL_DOWNLOAD_TIMEOUT_MS, MODEL_REGISTRY_TIMEOUT_MS } = serviceEnv();
    const { periodSeconds, failureThreshold } = container.startupProbe!;
    expect(periodSeconds * failureThreshold * 1000).toBeGreaterThan(
      MODEL_DOWNLOAD_TIMEOUT_MS + 3 * MODEL_REGISTRY_TIMEOUT_MS,
    );
  });

  it('lets the service shut down by itself, once the endpoints have forgotten the pod', () => {
    const { SHUTDOWN_DELAY_MS, SHUTDOWN_GRACE_MS } = serviceEnv();
    const { terminationGracePeriodSeconds } = service.spec.template.spec;
    expect(SHUTDOWN_DELAY_MS).toBeGreaterThanOrEqual(5000);
    expect(terminationGracePeriodSeconds * 1000).toBeGreaterThanOrEqual(SHUTDOWN_GRACE_MS + 10_000);
  });

  it('has a configuration that the service accepts, with no secret in a ConfigMap', () => {
    expect(serviceEnv()).toMatchObject({ PORT: 8000, PREDICTION_LOG: 'on' });
    for (const name of manifests.of('ConfigMap').flatMap(({ data }) => Object.keys(data))) {
      expect(Object.keys(envVariables)).toContain(name);
      expect(name).not.toMatch(IS_SECRET);
    }
  });

  it('does not put its size back at each apply, and keeps at least as many replicas as it says', () => {
    const scaler = manifests.one('HorizontalPodAutoscaler').spec;
    expect(service.spec).not.toHaveProperty('replicas');
    expect(scaler.scaleTargetRef).toEqual({ apiVersion: 'apps/v1', kind: service.kind, name: service.metadata.name });
    expect(scaler.metrics[0]).toMatchObject({ type: 'Resource', resource: { name: 'cpu' } });
    expect(scaler.minReplicas).toBeGreaterThanOrEqual(overlay === 'local' ? 1 : 3);
  });

  it('loses at most one replica to a disruption', () => {
    const { spec } = manifests.one('PodDisruptionBudget');
    expect(spec.maxUnavailable).toBe(1);
    expect(selects(spec.selector, labels)).toBe(true);
  });

  it('spreads replicas over zones and machines', () => {
    const constraints = service.spec.template.spec.topologySpreadConstraints;
    expect(constraints.map(({ topologyKey }) => topologyKey)).toEqual([
      'topology.kubernetes.io/zone',
      'kubernetes.io/hostname',
    ]);
    for (const { labelSelector } of constraints) expect(selects(labelSelector, labels)).toBe(true);
  });

  it('sends requests to the service and not to its jobs', () => {
    const { spec } = manifests.one('Service', 'credit-default-service');
    const reached = manifests.pods.filter(([, { metadata }]) =>
      selects({ matchLabels: spec.selector }, metadata.labels),
    );
    expect(reached.map(([name]) => name)).toEqual(['credit-default-service']);
    expect(spec.ports).toEqual([{ name: 'http', port: 8000, targetPort: 'http' }]);
  });

  it('lets the service reach DNS, PostgreSQL, MLflow and S3, and its jobs the first two', () => {
    const dns = ['UDP 53', 'TCP 53'];
    const beyond = overlay === 'local' ? [] : ['TCP 5000', 'TCP 443'];
    expect(portsOut('credit-default-service').toSorted()).toEqual([...dns, ...beyond, 'TCP 5432'].toSorted());
    for (const job of ['credit-default-migrate', 'credit-default-log-maintain']) {
      expect(portsOut(job).toSorted()).toEqual([...dns, 'TCP 5432'].toSorted());
    }
  });

  it('is reached by its port alone, and its jobs by nobody', () => {
    const rules = policiesFor('credit-default-service').flatMap(({ spec }) => spec.ingress ?? []);
    expect(rules).toHaveLength(1);
    expect(rules[0]).toMatchObject({ from: expect.anything(), ports: [{ protocol: 'TCP', port: 'http' }] });
    for (const job of ['credit-default-migrate', 'credit-default-log-maintain']) {
      const policies = policiesFor(job);
      expect(policies.flatMap(({ spec }) => spec.policyTypes)).toContain('Ingress');
      expect(policies.flatMap(({ spec }) => spec.ingress ?? [])).toEqual([]);
    }
  });

  it('migrates and maintains as the owner of the tables, with commands of the build', () => {
    for (const name of ['credit-default-migrate', 'credit-default-log-maintain']) {
      const job = podOf(name).spec.containers[0]!;
      expect(job.image).toBe(container.image);
      expect(job.args![0]).toBe('node');
      expect(existsSync(job.args![1]!)).toBe(true);
      expect(secretOf(job, 'DATABASE_URL')).toMatch(/^credit-default-log-owner/);
      expect(secretOf(job, 'DATABASE_URL')).not.toBe(secretName(container));
    }
    expect(serviceEnv().PREDICTION_LOG_MAINTENANCE).toBe('rows');
    expect(manifests.one('CronJob')).toMatchObject({ spec: { concurrencyPolicy: 'Forbid' } });
  });

  if (overlay === 'spooled') {
    it('keeps the spool and the model cache on a volume of each replica, whatever happens', () => {
      expect(serviceEnv()).toMatchObject({ PREDICTION_LOG_DURABILITY: 'spooled' });
      expect(service).toMatchObject({
        kind: 'StatefulSet',
        spec: {
          persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Retain' },
          volumeClaimTemplates: [{ metadata: { name: 'data' }, spec: { accessModes: ['ReadWriteOncePod'] } }],
        },
      });
      expect(container.volumeMounts).toContainEqual({ name: 'data', mountPath: '/data' });
      expect(service.spec.template.spec.volumes).not.toContainEqual(expect.objectContaining({ name: 'data' }));
    });

    it('never takes away a replica that may have a spool', () => {
      expect(manifests.one('HorizontalPodAutoscaler')).toMatchObject({
        spec: { behavior: { scaleDown: { selectPolicy: 'Disabled' } } },
      });
    });

    it('has room on the volume for the spool, the cache and a version on its way', () => {
      const env = serviceEnv();
      const claim = service.spec.volumeClaimTemplates![0] as Resource & {
        spec: { resources: { requests: { storage: string } } };
      };
      expect(bytes(claim.spec.resources.requests.storage)).toBeGreaterThanOrEqual(
        env.PREDICTION_LOG_SPOOL_MAX_BYTES + env.MODEL_CACHE_MAX_BYTES + env.MODEL_MAX_BYTES,
      );
    });
  } else {
    it('has no replica less during a rollout', () => {
      expect(service.kind).toBe('Deployment');
      expect(service.spec.strategy).toMatchObject({ type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0 } });
    });

    it('answers what is committed in PostgreSQL, and nothing else', () => {
      expect(serviceEnv()).toMatchObject({ PREDICTION_LOG_DURABILITY: 'committed' });
    });

    it('has room on the volume for the cache and a version on its way', () => {
      const env = serviceEnv();
      const data = service.spec.template.spec.volumes.find(({ name }) => name === 'data');
      expect(data).toMatchObject({ emptyDir: { sizeLimit: expect.any(String) } });
      const { sizeLimit } = data!.emptyDir as { sizeLimit: string };
      expect(bytes(sizeLimit)).toBeGreaterThanOrEqual(env.MODEL_CACHE_MAX_BYTES + env.MODEL_MAX_BYTES);
      expect(bytes(container.resources.limits['ephemeral-storage']!)).toBeGreaterThanOrEqual(bytes(sizeLimit));
    });
  }

  if (overlay === 'local') {
    it('has placeholders for secrets, which say so', () => {
      const secrets = manifests.of('Secret');
      expect(secrets).toHaveLength(3);
      for (const value of secrets.flatMap(({ data }) => Object.values(data))) {
        expect(Buffer.from(value, 'base64').toString()).toContain('placeholder');
      }
    });
  } else {
    it('brings no Secret, and names those that have to be there', () => {
      expect(manifests.of('Secret')).toEqual([]);
      expect(secretName(container)).toBe('credit-default-service');
    });

    it('is reached by the gateway and Prometheus alone', () => {
      const rules = policiesFor('credit-default-service').flatMap(({ spec }) => spec.ingress ?? []);
      expect(rules.flatMap(({ from }) => from)).toEqual(
        ['gateway', 'monitoring'].map((name) => ({
          namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': name } },
        })),
      );
    });

    it('follows the alias, and refuses what has no digest', () => {
      expect(serviceEnv()).toMatchObject({
        MODEL_URI: 'models:/credit-default-model@production',
        MODEL_REQUIRE_DIGEST: true,
      });
    });

    it('runs the version that package.json says', () => {
      const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
      expect(container.image).toBe(`ghcr.io/your-organisation/credit-default-service:${version}`);
    });

    it('is scraped under the name of the job that the alerts know', () => {
      const monitor = manifests.one('ServiceMonitor');
      const target = manifests.one('Service', 'credit-default-service');
      expect(selects(monitor.spec.selector, target.metadata.labels!)).toBe(true);
      expect(monitor).toMatchObject({ spec: { endpoints: [{ port: 'http', path: '/metrics' }] } });
      const job = target.metadata.labels![monitor.spec.jobLabel];
      const rules = JSON.stringify(manifests.one('PrometheusRule', 'credit-default-service'));
      expect(new Set([...rules.matchAll(/\bjob=\\"([^"\\]+)/g)].map(([, name]) => name))).toEqual(new Set([job]));
    });
  }

  if (overlay === 'requests-in-flight') {
    it('scales by requests in flight as well', () => {
      expect(manifests.one('HorizontalPodAutoscaler').spec.metrics[1]).toMatchObject({
        type: 'Pods',
        pods: { metric: { name: 'http_requests_in_flight' }, target: { type: 'AverageValue' } },
      });
    });
  }

  function serviceEnv() {
    return parseEnv({ NODE_ENV: 'production', ...manifests.configOf(container), ...SECRETS });
  }

  function podOf(name: string) {
    return manifests.pods.find(([of]) => of === name)![1];
  }

  function policiesFor(name: string): NetworkPolicy[] {
    const { metadata } = podOf(name);
    return manifests.of('NetworkPolicy').filter(({ spec }) => selects(spec.podSelector, metadata.labels));
  }

  /** Such as `TCP 5432`. Each must say where to. */
  function portsOut(name: string): string[] {
    const policies = policiesFor(name);
    expect(policies.flatMap(({ spec }) => spec.policyTypes)).toContain('Egress');
    return policies
      .flatMap(({ spec }) => spec.egress ?? [])
      .flatMap(({ to, ports }) => {
        expect(to).toBeDefined();
        expect(ports).toBeDefined();
        return (ports as { protocol: string; port: number }[]).map(({ protocol, port }) => `${protocol} ${port}`);
      });
  }
});

function containersOf({ containers, initContainers = [] }: { containers: Container[]; initContainers?: Container[] }) {
  return [...initContainers, ...containers];
}

function secretName(container: Container): string | undefined {
  return container.envFrom?.find(({ secretRef }) => secretRef)?.secretRef?.name;
}

function secretOf(container: Container, variable: string): string | undefined {
  return container.env?.find(({ name }) => name === variable)?.valueFrom?.secretKeyRef?.name;
}

/** Of a quantity such as `2Gi`. */
function bytes(quantity: string): number {
  const [, number, unit] = /^(\d+)(Mi|Gi)$/.exec(quantity)!;
  return Number(number) * 1024 ** (unit === 'Mi' ? 2 : 3);
}
