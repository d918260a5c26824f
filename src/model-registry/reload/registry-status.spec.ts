import { beforeEach, describe, expect, it } from '@jest/globals';
import { FakeModelSource } from '../../../test/fakes/fake-model-source.js';
import { fakeClock } from '../../../test/support/fake-clock.js';
import { samplesOf } from '../../../test/support/metric-samples.js';
import { registryLauncher } from '../../../test/support/registry-process.js';
import { RegistryError } from '../registry-error.js';
import type { ResolvedVersion } from '../source/model-source.js';
import type { VersionFailure } from './failure-memory.js';
import type { RegistryStatus } from './registry-status.js';

const named = (version: string): ResolvedVersion => ({
  identity: `m-${version}`,
  name: 'credit-default-model',
  version,
  alias: 'production',
  runId: undefined,
  artifactUri: 's3://bucket/model',
  expectedDigest: undefined,
  allowSignatureChange: false,
  tags: {},
});

const failure: VersionFailure = {
  candidate: named('2'),
  reason: 'Known row 31 of 32 is off.',
  retryable: false,
  attempts: 1,
  retryAt: Infinity,
};
const outage = new RegistryError('unreachable', 'MLflow cannot be reached.');
const noAlias = new RegistryError('not-found', 'There is no alias "production".');

describe('RegistryStatus', () => {
  const launcher = registryLauncher();
  const clock = fakeClock();
  let status: RegistryStatus;
  beforeEach(async () => {
    ({ status } = await launcher.start(new FakeModelSource()));
  });

  it('knows nothing at first, and is not degraded by that', () => {
    expect(status.snapshot).toMatchObject({ lastLookAt: undefined, lastSuccessAt: undefined, namedVersion: undefined });
    expect(status.degradedBecause).toBeUndefined();
  });

  it('remembers when the registry last answered, also while it fails', () => {
    status.lookSucceeded(named('1'));
    const { lastSuccessAt } = status.snapshot;
    status.lookFailed(outage);
    expect(status.snapshot).toMatchObject({ lastSuccessAt, namedVersion: '1', lastError: outage.message });
    expect(status.snapshot.lastLookAt!.getTime()).toBeGreaterThanOrEqual(lastSuccessAt!.getTime());
  });

  it('tells a failure that is news from one that goes on, and a recovery from a success', () => {
    expect([status.lookFailed(outage), status.lookFailed(outage), status.lookFailed(noAlias)]).toEqual([
      true,
      false,
      true,
    ]);
    expect([status.lookSucceeded(named('1')), status.lookSucceeded(named('1'))]).toEqual([true, false]);
  });

  it('counts the time behind from the first look that named another version', () => {
    status.behind();
    const { behindSince } = status.snapshot;
    status.behind();
    expect(status.snapshot.behindSince).toBe(behindSince);
    status.inStep();
    expect(status.snapshot.behindSince).toBeUndefined();
  });

  it('is neither behind nor failed while a version is pinned, but says so', () => {
    status.lookSucceeded(named('2'));
    status.behind();
    status.versionFailed(failure);
    status.pinned(true);
    expect(status.snapshot).toMatchObject({ behindSince: undefined, failure: undefined });
    expect(status.degradedBecause).toMatch(/pinned/);
    status.pinned(false);
    expect(status.degradedBecause).toBeUndefined();
  });

  it('tells the most important reason of several', () => {
    status.lookSucceeded(named('2'));
    status.pinned(true);
    status.cacheFailed('no space left');
    expect(status.degradedBecause).toMatch(/^A restart would come up on an older version: no space left/);
    status.versionFailed(failure);
    expect(status.degradedBecause).toMatch(/^Version 2 is named but could not go live: Known row/);
    status.lookFailed(outage);
    expect(status.degradedBecause).toMatch(/^The registry does not say which version to serve: MLflow cannot/);
  });

  describe('in metrics', () => {
    it('shows the version that the registry named last, and that it is up', async () => {
      status.lookSucceeded(named('1'));
      status.lookSucceeded(named('2'));
      expect(await samplesOf('registry_alias_info')).toEqual([{ labels: { version: '2' }, value: 1 }]);
      expect(await samplesOf('registry_up')).toEqual([{ labels: {}, value: 1 }]);
      const [lastSuccess] = await samplesOf('registry_last_success_timestamp_seconds');
      expect(lastSuccess!.value).toBe(status.snapshot.lastSuccessAt!.getTime() / 1000);
    });

    it.each([
      ['down when it cannot be reached', outage, 0],
      ['up when it answers that there is no such alias', noAlias, 1],
    ] as const)('shows the registry %s', async (_what, error, up) => {
      status.lookSucceeded(named('1'));
      status.lookFailed(error);
      expect(await samplesOf('registry_up')).toEqual([{ labels: {}, value: up }]);
    });

    it('shows what serves as stale while a look or the named version fails', async () => {
      status.lookSucceeded(named('2'));
      expect(await samplesOf('model_serving_stale')).toEqual([{ labels: {}, value: 0 }]);
      status.lookFailed(outage);
      expect(await samplesOf('model_serving_stale')).toEqual([{ labels: {}, value: 1 }]);
      status.lookSucceeded(named('2'));
      status.versionFailed(failure);
      expect(await samplesOf('model_serving_stale')).toEqual([{ labels: {}, value: 1 }]);
      status.inStep();
      expect(await samplesOf('model_serving_stale')).toEqual([{ labels: {}, value: 0 }]);
    });

    it('shows a pin for as long as it lasts', async () => {
      expect(await samplesOf('model_pinned')).toEqual([{ labels: {}, value: 0 }]);
      status.pinned(true);
      expect(await samplesOf('model_pinned')).toEqual([{ labels: {}, value: 1 }]);
      status.pinned(false);
      expect(await samplesOf('model_pinned')).toEqual([{ labels: {}, value: 0 }]);
    });

    it('shows for how long the live version has been behind', async () => {
      expect(await samplesOf('model_alias_behind_seconds')).toEqual([{ labels: {}, value: 0 }]);
      clock.start();
      status.behind();
      clock.moveTo(1500);
      expect(await samplesOf('model_alias_behind_seconds')).toEqual([{ labels: {}, value: 1.5 }]);
    });
  });
});
