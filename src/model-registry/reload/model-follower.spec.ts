import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { FakeModelSource } from '../../../test/fakes/fake-model-source.js';
import { eventually } from '../../../test/support/eventually.js';
import { fakeClock } from '../../../test/support/fake-clock.js';
import { FIXTURE_MODELS } from '../../../test/support/fixture-models.js';
import { samplesOf } from '../../../test/support/metric-samples.js';
import { ageTrials, loadingProcesses } from '../../../test/support/loading-processes.js';
import { type RegistryProcess, registryLauncher } from '../../../test/support/registry-process.js';
import { readModelDirectory } from '../model-directory.js';
import { RegistryError } from '../registry-error.js';
import type { ResolvedVersion } from '../source/model-source.js';

const BAD_MODEL = `${FIXTURE_MODELS}/known-rows-off`;
const MODEL_OF_OTHER_INPUTS = `${FIXTURE_MODELS}/single-column`;
const HOUR_MS = 3_600_000;
const outage = new RegistryError('unreachable', 'MLflow cannot be reached.');

const infos = async () => (await samplesOf('model_info')).map(({ labels }) => [labels['version'], labels['alias']]);

describe('ModelFollower', () => {
  const launcher = registryLauncher();
  let source: FakeModelSource;
  let cacheDirectory: string;
  let process: RegistryProcess;

  beforeEach(() => {
    source = new FakeModelSource();
    cacheDirectory = launcher.temporaryDirectory();
  });

  /** Another process with the same cache, such as this one after a restart. */
  async function launch(env: Record<string, string> = {}) {
    process = await launcher.start(source, { MODEL_CACHE_DIR: cacheDirectory, ...env });
    return process.follower.start();
  }

  async function restart() {
    await process.close();
    return launch();
  }

  async function register(version: string, changes: Partial<ResolvedVersion> = {}) {
    source.register(version, await launcher.model(), changes);
  }

  /** Version 1 is named and live. */
  async function serveFirst() {
    await register('1');
    source.moveAlias('1');
    expect(await launch()).toEqual({ result: 'swapped' });
  }

  const look = () => process.follower.look('poll');

  const moveTo = async (version: string) => {
    await register(version);
    source.moveAlias(version);
    await look();
  };

  const registerOther = (changes: Partial<ResolvedVersion> = {}) => {
    source.register('2', MODEL_OF_OTHER_INPUTS, changes);
    source.moveAlias('2');
  };

  const inputNames = () => process.activeModel.current().inputs.map(({ name }) => name);

  /** An older release did not read these names. */
  const restartAfterAnOlderRelease = async () => {
    const { served, ...state } = process.follower.servedState!;
    await process.cache.writeState({ ...state, served: { ...served, inputNames: ['f0', 'f1', 'f2'] } });
    return restart();
  };

  /** The state of what serves cannot be replaced, while versions still can be added. */
  const breakState = () => {
    rmSync(path.join(cacheDirectory, 'served'), { recursive: true });
    writeFileSync(path.join(cacheDirectory, 'served'), '');
  };

  const alias = () => process.activeModel.current().ref.alias;
  const refuseSecond = async () => {
    source.register('2', BAD_MODEL);
    source.moveAlias('2');
    await look();
  };

  const moveToMissing = async () => {
    source.register('2', path.join(launcher.temporaryDirectory(), 'not-there'));
    source.moveAlias('2');
    await look();
  };

  const events = () => process.history.events.map(({ result, version }) => [result, version]);

  /** Waits a turn of the event loop at a time: small models are ready soon. */
  async function isPreparing(version: string): Promise<void> {
    while (process.status.snapshot.preparing !== version) await setImmediate();
  }

  describe('A look', () => {
    beforeEach(serveFirst);

    it('changes and records nothing while the source names what is live', async () => {
      const before = process.activeModel.current();
      expect(await look()).toEqual({ result: 'unchanged' });
      expect(process.activeModel.current()).toBe(before);
      expect(events()).toEqual([['swapped', '1']]);
    });

    it('goes live with what the source names, and frees what served before', async () => {
      const before = process.activeModel.current();
      await register('2');
      source.moveAlias('2');
      expect(await look()).toEqual({ result: 'swapped' });
      expect(process.activeModel.current().ref).toMatchObject({ version: '2', alias: 'production' });
      expect(events()).toEqual([
        ['swapped', '2'],
        ['swapped', '1'],
      ]);
      expect(process.history.events[0]).toMatchObject({ trigger: 'poll', durationMs: expect.any(Number) });
      await expect(before.runner.score(new Float32Array(3), 1)).rejects.toThrow('disposed');
    });

    it('is seen in the history, the status and the metrics in the turn in which the new version serves', async () => {
      await register('2');
      source.moveAlias('2');
      const seen = Promise.withResolvers<unknown>();
      const state = async () => ({
        event: events()[0],
        behindSince: process.status.snapshot.behindSince,
        reloads: await samplesOf('model_reloads_total'),
      });
      process.activeModel.onSwap(() => queueMicrotask(() => seen.resolve(state())));
      await look();
      expect(await seen.promise).toEqual({
        event: ['swapped', '2'],
        behindSince: undefined,
        reloads: expect.arrayContaining([{ labels: { result: 'swapped' }, value: 2 }]),
      });
    });

    it('gives another version of the same logged model its own name in answers', async () => {
      await register('2', { identity: 'm-1', artifactUri: `file:${await launcher.model()}` });
      source.moveAlias('2');
      expect(await look()).toEqual({ result: 'swapped' });
      expect(process.liveVersion()).toBe('2');
    });

    it('notices a model of the same name and version that was deleted and created again', async () => {
      await register('1', { identity: 'm-another' });
      expect(await look()).toEqual({ result: 'swapped' });
      expect(process.activeModel.current().identity).toBe('m-another');
    });

    it('does not go live with a version that the source has left before it was ready', async () => {
      await register('2');
      source.moveAlias('2');
      const swapped = jest.fn();
      process.activeModel.onSwap(swapped);
      const looking = look();
      await isPreparing('2');
      source.moveAlias('1');
      expect(await looking).toEqual({ result: 'unchanged' });
      expect(swapped).not.toHaveBeenCalled();
      expect(process.status.snapshot).toMatchObject({ preparing: undefined, behindSince: undefined });
    });

    it('goes live with a version that it has prepared when the source cannot be asked any more', async () => {
      await register('2');
      source.moveAlias('2');
      const looking = look();
      await isPreparing('2');
      source.failWith(new RegistryError('unreachable', 'MLflow cannot be reached.'));
      expect(await looking).toEqual({ result: 'swapped' });
    });

    it('says which version is being prepared while it is, and since when the live one is behind', async () => {
      await register('2');
      source.moveAlias('2');
      const looking = look();
      await isPreparing('2');
      const { behindSince } = process.status.snapshot;
      await looking;
      expect(behindSince).toBeInstanceOf(Date);
      expect(process.status.snapshot).toMatchObject({ preparing: undefined, behindSince: undefined });
    });
  });

  describe('A version that must not serve', () => {
    beforeEach(async () => {
      await serveFirst();
      source.register('2', BAD_MODEL);
      source.moveAlias('2');
    });

    it('leaves the live one serving, and the reason can be read', async () => {
      expect(await look()).toMatchObject({
        result: 'rejected',
        error: { message: expect.stringContaining('Known row') },
      });
      expect(process.liveVersion()).toBe('1');
      expect(process.history.events[0]).toMatchObject({
        result: 'rejected',
        version: '2',
        retryable: false,
        reason: expect.stringContaining('Known row 31 of 32'),
      });
      expect(process.status.degradedBecause).toMatch(/^Version 2 is named but could not go live: Known row/);
    });

    it('is not tried again at the next looks', async () => {
      await look();
      expect(await look()).toEqual({ result: 'waiting-to-retry' });
      expect(await look()).toEqual({ result: 'waiting-to-retry' });
      expect(events()).toHaveLength(2);
    });

    it('is tried again when an operator asks', async () => {
      await look();
      expect(await process.follower.reload()).toMatchObject({ result: 'rejected' });
      expect(events()).toHaveLength(3);
      expect(process.history.events[0]).toMatchObject({ trigger: 'admin' });
    });

    it('is forgotten when the source names the live one again', async () => {
      await look();
      source.moveAlias('1');
      expect(await look()).toEqual({ result: 'unchanged' });
      expect(process.status.degradedBecause).toBeUndefined();
      source.moveAlias('2');
      expect(await look()).toMatchObject({ result: 'rejected' });
    });

    it('does not keep the next one from going live', async () => {
      await look();
      await register('3');
      source.moveAlias('3');
      expect(await look()).toEqual({ result: 'swapped' });
      expect(process.status.degradedBecause).toBeUndefined();
    });
  });

  describe('A version that cannot be had', () => {
    const clock = fakeClock();
    const resultAfter = async (milliseconds: number) => {
      clock.moveTo(milliseconds);
      return (await look()).result;
    };

    beforeEach(async () => {
      await serveFirst();
      source.register('2', path.join(launcher.temporaryDirectory(), 'not-there-yet'));
      source.moveAlias('2');
      clock.start();
    });

    it('is tried again after pauses that double, and serves when it can be had', async () => {
      expect(await resultAfter(0)).toBe('unavailable');
      expect(await resultAfter(999)).toBe('waiting-to-retry');
      expect(await resultAfter(1000)).toBe('unavailable');
      expect(await resultAfter(2999)).toBe('waiting-to-retry');
      expect(process.status.snapshot.failure).toMatchObject({ retryable: true, attempts: 2 });
      expect(process.liveVersion()).toBe('1');
      await register('2');
      expect(await resultAfter(3000)).toBe('swapped');
      expect(process.liveVersion()).toBe('2');
    });

    it('is tried at once when an operator asks', async () => {
      await look();
      await register('2');
      expect(await process.follower.reload()).toEqual({ result: 'swapped' });
    });
  });

  describe('A version that two processes died of', () => {
    const processes = loadingProcesses();
    const clock = fakeClock();

    async function dieTwice(version: string): Promise<void> {
      for (let deaths = 0; deaths < 2; deaths++) await processes.die(cacheDirectory, `m-${version}`);
      ageTrials(cacheDirectory, 0);
    }

    beforeEach(async () => {
      clock.start();
      await serveFirst();
      await register('2');
    });

    it('is not tried at the next looks, and an hour later it is', async () => {
      await dieTwice('2');
      source.moveAlias('2');
      expect(await look()).toMatchObject({ result: 'rejected' });
      expect(process.history.events[0]).toMatchObject({ version: '2', result: 'rejected', retryable: true });
      clock.moveTo(HOUR_MS - 1);
      expect(await look()).toEqual({ result: 'waiting-to-retry' });
      clock.moveTo(HOUR_MS);
      expect(await look()).toEqual({ result: 'swapped' });
    });

    it('is tried at once when an operator asks, for what the alias names or by number', async () => {
      await dieTwice('2');
      source.moveAlias('2');
      await look();
      expect(await process.follower.reload()).toEqual({ result: 'swapped' });
      await process.follower.pin('1');
      await dieTwice('2');
      expect(await process.follower.pin('2')).toEqual({ result: 'pinned' });
    });

    it('comes up at a restart when it has served before, and is live like any other', async () => {
      await dieTwice('1');
      expect(await restart()).toEqual({ result: 'restored' });
      expect(await look()).toEqual({ result: 'unchanged' });
      expect(process.status.degradedBecause).toBeUndefined();
    });
  });

  describe('Triggers that come together', () => {
    beforeEach(serveFirst);

    it('make one look, and at most one more while that one is under way', async () => {
      const looksBefore = source.looks;
      const letGo = source.hold();
      const first = look();
      await setImmediate();
      const others = [look(), process.follower.look('webhook'), look()];
      letGo();
      expect(await Promise.all([first, ...others])).toEqual(Array.from({ length: 4 }, () => ({ result: 'unchanged' })));
      expect(source.looks - looksBefore).toBe(2);
    });

    it('see what the alias names once the look before has ended', async () => {
      await register('2');
      await register('3');
      source.moveAlias('2');
      const letGo = source.hold();
      const first = look();
      letGo();
      const second = first.then(() => source.moveAlias('3')).then(look);
      expect([await first, await second]).toEqual([{ result: 'swapped' }, { result: 'swapped' }]);
      expect(process.liveVersion()).toBe('3');
    });

    it('never prepare two versions at the same time', async () => {
      await register('2');
      await register('3');
      source.moveAlias('2');
      const outcomes = await Promise.all([look(), process.follower.pin('3'), process.follower.rollback()]);
      expect(outcomes.map((outcome) => outcome?.result)).toEqual(['swapped', 'pinned', 'rolled-back']);
      expect(process.liveVersion()).toBe('2');
    });
  });

  describe('A pin', () => {
    beforeEach(async () => {
      await serveFirst();
      await register('2');
    });

    it('holds a version while the alias moves, and still shows what the alias says', async () => {
      expect(await process.follower.pin('1')).toEqual({ result: 'pinned' });
      source.moveAlias('2');
      expect(await look()).toEqual({ result: 'held-by-pin' });
      expect(process.liveVersion()).toBe('1');
      expect(process.status.snapshot).toMatchObject({ pinned: true, namedVersion: '2', behindSince: undefined });
      expect(process.status.degradedBecause).toBe('A version is pinned; the alias is not followed.');
    });

    it('brings a version up that is not live', async () => {
      expect(await process.follower.pin('2')).toEqual({ result: 'pinned' });
      expect(process.liveVersion()).toBe('2');
      expect(await look()).toEqual({ result: 'held-by-pin' });
    });

    it.each([
      ['is not there', '9', /There is no version 9/, 'unavailable'],
      ['must not serve', '7', /Known row/, 'rejected'],
    ] as const)('changes nothing when the version %s', async (_what, version, reason, result) => {
      source.register('7', BAD_MODEL);
      expect(await process.follower.pin(version)).toMatchObject({ result });
      expect(process.history.events[0]).toMatchObject({ result, version, reason: expect.stringMatching(reason) });
      expect(process.liveVersion()).toBe('1');
      expect(process.status.snapshot.pinned).toBe(false);
    });

    it('survives a restart', async () => {
      await process.follower.pin('1');
      source.moveAlias('2');
      expect(await restart()).toEqual({ result: 'restored' });
      expect(process.liveVersion()).toBe('1');
      expect(await look()).toEqual({ result: 'held-by-pin' });
    });

    it('survives a restart on which its files are gone, and one on which the registry is away, too', async () => {
      await process.follower.pin('1');
      await process.cache.drop(process.activeModel.current().ref.digest);
      source.failWith(outage);
      expect(await restart()).toMatchObject({ result: 'unavailable' });
      source.moveAlias('2');
      expect(await look()).toEqual({ result: 'pinned' });
      expect(process.liveVersion()).toBe('1');
    });

    it('ends with unpin, which follows the alias at once', async () => {
      await process.follower.pin('1');
      source.moveAlias('2');
      expect(await process.follower.unpin()).toEqual({ result: 'unpinned' });
      expect(process.liveVersion()).toBe('2');
      expect(process.status.snapshot).toMatchObject({ pinned: false });
      expect(process.status.degradedBecause).toBeUndefined();
      await restart();
      expect(process.status.snapshot.pinned).toBe(false);
    });

    it('ends with unpin also when the look that follows fails, which is then known', async () => {
      await process.follower.pin('1');
      source.failWith(outage);
      expect(await process.follower.unpin()).toEqual({ result: 'unpinned' });
      expect(process.status.snapshot).toMatchObject({ pinned: false, lastError: outage.message });
      expect(events().slice(0, 2)).toEqual([
        ['unavailable', undefined],
        ['unpinned', '1'],
      ]);
    });

    it('is told in one log line when the alias moves away from it', async () => {
      await process.follower.pin('1');
      source.moveAlias('2');
      const log = jest.spyOn(Logger.prototype, 'log');
      await look();
      await look();
      const told = log.mock.calls.filter(([message]) => String(message).includes('the pin keeps'));
      log.mockRestore();
      expect(told).toEqual([[expect.any(String), { named: '2', live: '1', alias: null }]]);
    });

    it('leaves the alias out of answers until a look finds it naming that version', async () => {
      await process.follower.pin('2');
      expect(process.activeModel.current().ref.alias).toBeNull();
      source.moveAlias('2');
      expect(await look()).toEqual({ result: 'unchanged' });
      await process.follower.unpin();
      expect(process.activeModel.current().ref).toMatchObject({ version: '2', alias: 'production' });
      expect(await process.follower.rollback()).toEqual({ result: 'rolled-back' });
      expect(process.liveVersion()).toBe('1');
    });

    it('need not be there for unpin', async () => {
      expect(await process.follower.unpin()).toEqual({ result: 'unchanged' });
    });
  });

  describe('A rollback', () => {
    beforeEach(serveFirst);

    it('is not possible when one version only has served', async () => {
      expect(await process.follower.rollback()).toBeUndefined();
      expect(process.liveVersion()).toBe('1');
    });

    it('goes to the version that served before, without the registry, and stays there', async () => {
      await moveTo('2');
      source.failWith(outage);
      expect(await process.follower.rollback()).toEqual({ result: 'rolled-back' });
      expect(process.liveVersion()).toBe('1');
      source.moveAlias('2');
      expect(await look()).toEqual({ result: 'held-by-pin' });
    });

    it('is not taken back by another one, also after a restart', async () => {
      await moveTo('2');
      await process.follower.rollback();
      expect(await process.follower.rollback()).toBeUndefined();
      await restart();
      expect(await process.follower.rollback()).toBeUndefined();
      expect(process.liveVersion()).toBe('1');
    });

    it('is possible again once the alias was followed', async () => {
      await moveTo('2');
      await process.follower.rollback();
      await process.follower.unpin();
      expect(process.liveVersion()).toBe('2');
      expect(await process.follower.rollback()).toEqual({ result: 'rolled-back' });
      expect(process.liveVersion()).toBe('1');
    });

    it('is possible after a restart, and survives one', async () => {
      await moveTo('2');
      await restart();
      expect(await process.follower.rollback()).toEqual({ result: 'rolled-back' });
      await restart();
      expect(process.liveVersion()).toBe('1');
      expect(process.status.snapshot.pinned).toBe(true);
    });

    it('leaves the live version serving when the files of the one before are gone', async () => {
      const { digest } = process.activeModel.current().ref;
      await moveTo('2');
      await process.cache.drop(digest);
      expect(await process.follower.rollback()).toMatchObject({ result: 'rejected' });
      expect(process.liveVersion()).toBe('2');
      expect(process.status.snapshot.pinned).toBe(false);
    });
  });

  describe('The alias of the live model', () => {
    beforeEach(serveFirst);

    it('is none after a rollback, and comes back when the alias does', async () => {
      await moveTo('2');
      await process.follower.rollback();
      expect([process.liveVersion(), alias(), await infos()]).toEqual(['1', null, [['1', '']]]);
      source.moveAlias('1');
      await look();
      expect([alias(), await infos()]).toEqual(['production', [['1', 'production']]]);
    });

    it('is none after a rollback without the registry, and after a restart without it', async () => {
      await moveTo('2');
      source.failWith(outage);
      await process.follower.rollback();
      expect(alias()).toBeNull();
      await restart();
      expect([process.liveVersion(), alias()]).toEqual(['1', null]);
    });

    it('is none after a rollback that follows a restart without the registry', async () => {
      await moveTo('2');
      source.failWith(outage);
      await restart();
      expect([process.liveVersion(), alias()]).toEqual(['2', 'production']);
      await process.follower.rollback();
      expect([process.liveVersion(), alias()]).toEqual(['1', null]);
    });

    it.each([
      ['must not serve', refuseSecond],
      ['cannot be had', moveToMissing],
    ])('is none once a look has ended at a version that %s, also after a restart', async (_what, fail) => {
      await fail();
      expect([process.liveVersion(), alias(), await infos()]).toEqual(['1', null, [['1', '']]]);
      source.failWith(outage);
      await restart();
      expect([process.liveVersion(), alias()]).toEqual(['1', null]);
    });

    it('is none when the alias is gone, and what it was while the registry is away', async () => {
      source.failWith(outage);
      await look();
      expect(alias()).toBe('production');
      source.failWith(new RegistryError('not-found', 'There is no alias "production".'));
      await look();
      expect(alias()).toBeNull();
      source.moveAlias('1');
      await look();
      expect(alias()).toBe('production');
    });

    it('stays while the version that it names now is prepared', async () => {
      await register('2');
      source.moveAlias('2');
      const looking = look();
      await isPreparing('2');
      expect([process.liveVersion(), alias()]).toEqual(['1', 'production']);
      await looking;
      expect([process.liveVersion(), alias()]).toEqual(['2', 'production']);
    });

    it('is that of a version pinned by number, too', async () => {
      await refuseSecond();
      await register('2', { identity: 'm-mended' });
      await process.follower.pin('2');
      expect(alias()).toBeNull();
      await look();
      expect([process.liveVersion(), alias()]).toEqual(['2', 'production']);
    });

    it('changes without another model: the runner goes on, and nobody is told of a swap', async () => {
      const { runner } = process.activeModel.current();
      const swapped = jest.fn();
      process.activeModel.onSwap(swapped);
      await refuseSecond();
      expect(alias()).toBeNull();
      expect(process.activeModel.current().runner).toBe(runner);
      await expect(runner.score(new Float32Array(3), 1)).resolves.toBeDefined();
      expect(swapped).not.toHaveBeenCalled();
    });

    it('is not taken from a pin that a release before wrote down', async () => {
      await moveTo('2');
      await process.follower.rollback();
      const { named: _named, served, ...state } = process.follower.servedState!;
      await process.cache.writeState({ ...state, served: { ...served, alias: 'production' } });
      await restart();
      expect([process.liveVersion(), alias()]).toEqual(['1', null]);
    });
  });

  describe('A start', () => {
    it('with the registry away comes up on what served last, not on what was named last', async () => {
      await serveFirst();
      source.register('2', BAD_MODEL);
      source.moveAlias('2');
      await look();
      source.failWith(outage);
      expect(await restart()).toEqual({ result: 'restored' });
      expect(process.liveVersion()).toBe('1');
      expect(events()).toEqual([
        ['restored', '1'],
        ['unavailable', undefined],
      ]);
      expect(process.status.degradedBecause).toMatch(/MLflow cannot be reached/);
    });

    it('comes up on what served last when what is named must not serve, and goes on saying so', async () => {
      await serveFirst();
      source.register('2', BAD_MODEL);
      source.moveAlias('2');
      expect(await restart()).toEqual({ result: 'restored' });
      expect(process.liveVersion()).toBe('1');
      expect(process.status.degradedBecause).toMatch(/^Version 2 is named but could not go live: Known row/);
    });

    it('with nothing in the cache has no model, and says why', async () => {
      source.failWith(outage);
      expect(await launch()).toMatchObject({ result: 'unavailable', error: outage });
      expect(process.liveVersion()).toBeUndefined();
    });

    it('with damaged files in the cache and the registry away has no model', async () => {
      await serveFirst();
      writeFileSync(path.join(process.cache.directoryOf(process.activeModel.current().ref.digest), 'model.onnx'), 'x');
      source.failWith(outage);
      expect(await restart()).toMatchObject({ result: 'unavailable', error: outage });
      expect(events()).toContainEqual(['rejected', '1']);
      expect(process.liveVersion()).toBeUndefined();
    });

    it('fails when the cache cannot be written to', async () => {
      cacheDirectory = path.join(cacheDirectory, 'file');
      writeFileSync(cacheDirectory, '');
      await expect(launch()).rejects.toThrow('MODEL_CACHE_DIR');
    });
  });

  describe('A version with other inputs', () => {
    beforeEach(serveFirst);

    it('is refused, and the message says how to allow it', async () => {
      registerOther();
      expect(await look()).toMatchObject({
        result: 'rejected',
        error: {
          message: expect.stringMatching(/f0, f1, f2, f3 instead of credit_limit.+tag allow_signature_change=true/),
        },
      });
      expect(process.liveVersion()).toBe('1');
    });

    it('goes live when the version allows it', async () => {
      registerOther({ allowSignatureChange: true });
      expect(await look()).toEqual({ result: 'swapped' });
      expect(process.activeModel.current().inputs).toHaveLength(4);
    });

    it('is refused at a start, too, since clients know the last known good', async () => {
      registerOther();
      expect(await restart()).toEqual({ result: 'restored' });
      expect(process.liveVersion()).toBe('1');
    });

    it('can be rolled back from', async () => {
      registerOther({ allowSignatureChange: true });
      await look();
      expect(await process.follower.rollback()).toEqual({ result: 'rolled-back' });
      expect(process.liveVersion()).toBe('1');
    });
  });

  describe('A model whose signature names its columns', () => {
    const NAMED = `${FIXTURE_MODELS}/named-columns`;
    const serveNamed = async () => {
      source.register('1', NAMED);
      source.moveAlias('1');
      expect(await launch()).toEqual({ result: 'swapped' });
    };
    beforeEach(serveNamed);

    it('is not followed by one with the same columns in another order', async () => {
      source.register('2', `${FIXTURE_MODELS}/reordered-columns`);
      source.moveAlias('2');
      expect(await look()).toMatchObject({
        result: 'rejected',
        error: {
          message: expect.stringMatching(/months_late, .+ instead of credit_limit, .+allow_signature_change=true/),
        },
      });
      expect(process.liveVersion()).toBe('1');
    });

    it('serves on, with its names, when this release takes over from one that did not read them', async () => {
      expect(await restartAfterAnOlderRelease()).toEqual({ result: 'swapped' });
      expect(inputNames()).toEqual(['credit_limit', 'utilisation', 'months_late']);
      expect(process.follower.servedState?.served.inputNames).toEqual(inputNames());
    });

    it('serves on then also without the registry', async () => {
      source.failWith(outage);
      expect(await restartAfterAnOlderRelease()).toEqual({ result: 'restored' });
      expect(inputNames()).toEqual(['credit_limit', 'utilisation', 'months_late']);
    });

    it('is followed then by a version of the same names that was named meanwhile, and by no other', async () => {
      source.register('2', `${FIXTURE_MODELS}/own-key`);
      source.moveAlias('2');
      expect(await restartAfterAnOlderRelease()).toEqual({ result: 'swapped' });
      source.register('3', `${FIXTURE_MODELS}/reordered-columns`);
      source.moveAlias('3');
      expect(await restartAfterAnOlderRelease()).toEqual({ result: 'restored' });
      expect(process.liveVersion()).toBe('2');
    });
  });

  describe('Another tag on the live version', () => {
    const tags = { nullableFeatures: 'credit_limit' };
    beforeEach(async () => {
      await serveFirst();
      await register('1', { tags });
    });

    it('makes it another version to try, once', async () => {
      expect(await look()).toEqual({ result: 'swapped' });
      expect(process.activeModel.current().tags).toEqual(tags);
      expect(await look()).toEqual({ result: 'unchanged' });
    });

    it('is kept for a start without the registry', async () => {
      await look();
      source.failWith(outage);
      expect(await restart()).toEqual({ result: 'restored' });
      expect(process.activeModel.current().tags).toEqual(tags);
    });

    it('can be taken back by a rollback', async () => {
      await look();
      expect(await process.follower.rollback()).toEqual({ result: 'rolled-back' });
      expect(process.activeModel.current().tags).toEqual({});
    });

    it('leaves a pinned version as it is', async () => {
      await register('1');
      await process.follower.pin('1');
      await register('1', { tags });
      expect(await look()).toEqual({ result: 'held-by-pin' });
      expect(process.activeModel.current().tags).toEqual({});
    });
  });

  describe('A registry that gives no answer', () => {
    beforeEach(serveFirst);

    it.each([
      ['is away', outage],
      ['does not know the alias any more', new RegistryError('not-found', 'There is no alias "production".')],
    ])('because it %s leaves the live model serving, and it is said once', async (_why, failure) => {
      source.failWith(failure);
      expect(await look()).toEqual({ result: 'unavailable', error: failure });
      await look();
      expect(process.liveVersion()).toBe('1');
      expect(process.status.degradedBecause).toContain(failure.message);
      expect(process.history.events).toHaveLength(2);
      expect(process.history.events[0]).toMatchObject({
        result: 'unavailable',
        retryable: true,
        reason: failure.message,
      });
    });

    it('is followed again when it answers, and the recovery is an event', async () => {
      source.failWith(outage);
      await look();
      source.moveAlias('1');
      expect(await look()).toEqual({ result: 'unchanged' });
      expect(events()[0]).toEqual(['recovered', '1']);
      expect(process.status.degradedBecause).toBeUndefined();
    });
  });

  describe('A cache that cannot be written to while the service runs', () => {
    beforeEach(serveFirst);
    afterEach(() => {
      jest.restoreAllMocks();
    });

    it('does not delay the news of a swap, however slow its disk is', async () => {
      const written = Promise.withResolvers<void>();
      const write = jest.spyOn(process.cache, 'writeState').mockReturnValue(written.promise);
      await register('2');
      source.moveAlias('2');
      const looking = look();
      await eventually(() => expect(write).toHaveBeenCalled());
      expect(process.liveVersion()).toBe('2');
      expect(events()[0]).toEqual(['swapped', '2']);
      expect(process.status.snapshot).toMatchObject({ preparing: undefined, behindSince: undefined });
      written.resolve();
      expect(await looking).toEqual({ result: 'swapped' });
    });

    it('does not keep a good version from going live, and it is said that a restart would not know of it', async () => {
      breakState();
      await register('2');
      source.moveAlias('2');
      expect(await look()).toEqual({ result: 'swapped' });
      expect(process.liveVersion()).toBe('2');
      expect(events()[0]).toEqual(['swapped', '2']);
      expect(process.status.degradedBecause).toMatch(/^A restart would come up on an older version/);
    });

    it('is written to at the next look, and until then degraded', async () => {
      await moveTo('2');
      const state = readdirSync(path.join(cacheDirectory, 'served'));
      breakState();
      expect(await process.follower.rollback()).toEqual({ result: 'rolled-back' });
      await look();
      expect(process.status.degradedBecause).toMatch(/^A restart would come up on an older version/);
      rmSync(path.join(cacheDirectory, 'served'));
      mkdirSync(path.join(cacheDirectory, 'served'));
      await look();
      expect(readdirSync(path.join(cacheDirectory, 'served'))).toEqual(state);
      await restart();
      expect(process.liveVersion()).toBe('1');
      expect(process.follower.servedState).toMatchObject({ pinned: true });
    });

    it('leaves the live version serving when there is no place to download to', async () => {
      rmSync(path.join(cacheDirectory, 'downloads'), { recursive: true });
      writeFileSync(path.join(cacheDirectory, 'downloads'), '');
      await register('2');
      source.moveAlias('2');
      expect(await look()).toMatchObject({ result: 'unavailable' });
      expect(process.liveVersion()).toBe('1');
    });
  });

  describe('What served last', () => {
    beforeEach(serveFirst);

    it.each<[string, Partial<ResolvedVersion>, Record<string, string>]>([
      ['MODEL_REQUIRE_DIGEST asks for a tag that it does not have', {}, { MODEL_REQUIRE_DIGEST: 'true' }],
      ['its sha256 tag names other bytes by now', { expectedDigest: 'ab'.repeat(32) }, {}],
    ])('is not restored by a start when %s', async (_why, changes, env) => {
      await register('1', changes);
      await process.close();
      expect(await launch(env)).toMatchObject({ result: 'rejected' });
      expect(process.liveVersion()).toBeUndefined();
    });

    it('is not restored without its tag where MODEL_REQUIRE_DIGEST asks for one, also while the registry is away', async () => {
      source.failWith(outage);
      await process.close();
      expect(await launch({ MODEL_REQUIRE_DIGEST: 'true' })).toMatchObject({ result: 'unavailable' });
      expect(process.liveVersion()).toBeUndefined();
    });

    it('is what a rollback goes to also when the version was deleted and created again meanwhile', async () => {
      await register('1', { identity: 'm-another' });
      await look();
      expect(await process.follower.rollback()).toEqual({ result: 'rolled-back' });
      expect(process.activeModel.current().identity).toBe('m-1');
    });
  });

  describe('A version that was rejected', () => {
    beforeEach(async () => {
      await serveFirst();
      await register('2', { identity: 'm-2', expectedDigest: 'ab'.repeat(32) });
      source.moveAlias('2');
      await look();
    });

    it('is tried again as another version, with another tag', async () => {
      await register('3', { identity: 'm-2' });
      source.moveAlias('3');
      expect(await look()).toEqual({ result: 'swapped' });
    });

    it('is tried again with another tag on itself', async () => {
      expect(await look()).toEqual({ result: 'waiting-to-retry' });
      await register('2', { identity: 'm-2', expectedDigest: 'ab'.repeat(32), tags: { defaultClass: 'bad' } });
      expect(await look()).toMatchObject({ result: 'rejected' });
    });

    it('is told of again after a pin that hid it', async () => {
      await process.follower.pin('1');
      await process.follower.unpin();
      expect(await look()).toEqual({ result: 'waiting-to-retry' });
      expect(process.status.degradedBecause).toMatch(/^Version 2 is named but could not go live/);
    });
  });

  describe('Closing', () => {
    it('cuts a look short that is under way, and that is no failure', async () => {
      await serveFirst();
      source.hold();
      const looking = look();
      await setImmediate();
      await Promise.all([process.follower.close(), looking]);
      expect(events()).toEqual([['swapped', '1']]);
    });

    it('lets nothing begin afterwards', async () => {
      await serveFirst();
      const looksBefore = source.looks;
      await process.follower.close();
      await expect(look()).rejects.toThrow('aborted');
      expect(source.looks).toBe(looksBefore);
    });
  });

  it('keeps what serves in the cache together with what served before', async () => {
    await serveFirst();
    await register('2');
    source.moveAlias('2');
    await look();
    const { digest } = await readModelDirectory(process.cache.directoryOf(process.activeModel.current().ref.digest));
    expect(process.follower.servedState).toMatchObject({
      uri: source.uri,
      served: { version: '2', digest, inputNames: ['credit_limit', 'utilisation', 'months_late'] },
      previous: { version: '1' },
      pinned: false,
    });
  });
});
