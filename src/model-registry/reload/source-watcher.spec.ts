import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { FakeModelSource } from '../../../test/fakes/fake-model-source.js';
import { eventually } from '../../../test/support/eventually.js';
import { servedModel } from '../../../test/support/served-model.js';
import { temporaryDirectories } from '../../../test/support/temporary-directory.js';
import { testConfig } from '../../../test/support/test-config.js';
import { ActiveModel } from '../active-model.js';
import { ModelRejectedError } from '../model-rejected.error.js';
import { RegistryError } from '../registry-error.js';
import type { ModelFollower, ReloadOutcome } from './model-follower.js';
import type { RegistryStatus } from './registry-status.js';
import type { ReloadTrigger } from './reload-history.js';
import { SourceWatcher } from './source-watcher.js';

const POLL_INTERVAL_MS = 10_000;
const EARLIEST_LOOK = 0.7;
const LATEST_LOOK = 0.9;
/** Timers are late by up to a millisecond. */
const TIMER_MS = 1;

/** Counts looks; what comes of them is set. */
class FakeFollower {
  readonly looks: ReloadTrigger[] = [];
  started: ReloadOutcome = { result: 'swapped' };
  look: (trigger: ReloadTrigger) => Promise<ReloadOutcome> = async (trigger) => {
    this.looks.push(trigger);
    return { result: 'unchanged' };
  };
  start = () => Promise.resolve(this.started);
  close = () => Promise.resolve();
}

const pass = (milliseconds: number) => jest.advanceTimersByTimeAsync(milliseconds);

describe('SourceWatcher', () => {
  let source: FakeModelSource;
  let follower: FakeFollower;
  let activeModel: ActiveModel;
  let status: { isStale: boolean };
  let watcher: SourceWatcher;

  beforeAll(() => Logger.overrideLogger(false));
  beforeEach(() => {
    source = new FakeModelSource();
    follower = new FakeFollower();
    activeModel = new ActiveModel();
    const config = testConfig({ MODEL_POLL_INTERVAL_MS: String(POLL_INTERVAL_MS) });
    status = { isStale: false };
    watcher = new SourceWatcher(
      source,
      follower as unknown as ModelFollower,
      activeModel,
      status as RegistryStatus,
      config,
    );
  });
  afterEach(async () => {
    await watcher.onApplicationShutdown();
    jest.useRealTimers();
  });

  async function start() {
    await watcher.onModuleInit();
    watcher.onApplicationBootstrap();
  }

  /** The times from the start to the first look and from look to look, each of which takes `lookMs`. */
  async function pausesOf(lookMs: number, forMs: number, outcome: ReloadOutcome = { result: 'unchanged' }) {
    const moments = [Date.now()];
    follower.look = async () => {
      moments.push(Date.now());
      if (lookMs > 0) await new Promise((resolve) => setTimeout(resolve, lookMs));
      return outcome;
    };
    await start();
    await pass(forMs);
    return moments.slice(1).map((moment, i) => moment - moments[i]!);
  }

  describe('at intervals', () => {
    beforeEach(() => {
      jest.useFakeTimers();
    });

    it.each([
      ['are answered at once', 0],
      ['take half an interval', POLL_INTERVAL_MS / 2],
    ])('begins looks that %s well within an interval of each other, and irregularly', async (_how, lookMs) => {
      activeModel.activate(servedModel());
      const pauses = await pausesOf(lookMs, 100 * POLL_INTERVAL_MS);
      expect(pauses.length).toBeGreaterThan(100);
      expect(Math.min(...pauses)).toBeGreaterThanOrEqual(POLL_INTERVAL_MS * EARLIEST_LOOK - TIMER_MS);
      expect(Math.max(...pauses)).toBeLessThanOrEqual(POLL_INTERVAL_MS * LATEST_LOOK + TIMER_MS);
      expect(new Set(pauses).size).toBeGreaterThan(50);
    });

    it('looks again as soon as a look has ended that took longer than an interval', async () => {
      activeModel.activate(servedModel());
      const [, ...pauses] = await pausesOf(3 * POLL_INTERVAL_MS, 30 * POLL_INTERVAL_MS);
      expect(pauses.length).toBeGreaterThanOrEqual(8);
      for (const pause of pauses) expect(Math.abs(pause - 3 * POLL_INTERVAL_MS)).toBeLessThanOrEqual(TIMER_MS);
    });

    it('looks never at what cannot move, once it is live', async () => {
      source.canMove = false;
      activeModel.activate(servedModel());
      await start();
      await pass(100 * POLL_INTERVAL_MS);
      expect(follower.looks).toEqual([]);
    });

    it('looks at what cannot move while it serves from the cache, until the registry has answered', async () => {
      source.canMove = false;
      status.isStale = true;
      activeModel.activate(servedModel());
      follower.look = async (trigger) => {
        if (follower.looks.push(trigger) === 3) status.isStale = false;
        return { result: 'unchanged' };
      };
      await start();
      await pass(100 * POLL_INTERVAL_MS);
      expect(follower.looks).toEqual(['poll', 'poll', 'poll']);
    });

    it('looks again at what cannot move when an operator has left it behind', async () => {
      source.canMove = false;
      activeModel.activate(servedModel());
      follower.look = async (trigger) => {
        follower.looks.push(trigger);
        status.isStale = false;
        return { result: 'swapped' };
      };
      await start();
      await pass(3 * POLL_INTERVAL_MS);
      status.isStale = true;
      await pass(3 * POLL_INTERVAL_MS);
      expect(follower.looks).toEqual(['poll']);
    });

    it('looks even at what cannot move until it is live, then no more', async () => {
      source.canMove = false;
      follower.started = { result: 'unavailable', error: new RegistryError('timeout', 'No answer.') };
      follower.look = async (trigger) => {
        if (follower.looks.push(trigger) === 3) activeModel.activate(servedModel());
        return { result: 'swapped' };
      };
      await start();
      await pass(100 * POLL_INTERVAL_MS);
      expect(follower.looks).toEqual(['poll', 'poll', 'poll']);
    });

    it('looks within a second while nothing is live, then ever less often, up to the interval', async () => {
      const error = new RegistryError('timeout', 'No answer.');
      const pauses = await pausesOf(0, 60_000, { result: 'unavailable', error });
      for (const [i, intervalMs] of [1000, 2000, 4000, 8000, 10_000, 10_000].entries()) {
        expect(pauses[i]).toBeGreaterThanOrEqual(intervalMs * EARLIEST_LOOK - TIMER_MS);
        expect(pauses[i]).toBeLessThanOrEqual(intervalMs * LATEST_LOOK + TIMER_MS);
      }
    });

    it('goes on after a look that failed unexpectedly', async () => {
      activeModel.activate(servedModel());
      let attempts = 0;
      follower.look = () => {
        attempts++;
        return Promise.reject(new Error('a fault of our own'));
      };
      await start();
      await pass(5 * POLL_INTERVAL_MS);
      expect(attempts).toBeGreaterThanOrEqual(4);
    });

    it('looks no more once the service shuts down', async () => {
      activeModel.activate(servedModel());
      await start();
      watcher.nudge('webhook');
      await watcher.onApplicationShutdown();
      watcher.nudge('webhook');
      await pass(10 * POLL_INTERVAL_MS);
      expect(follower.looks).toEqual([]);
    });

    it('looks at once when it is nudged, whatever the interval', async () => {
      activeModel.activate(servedModel());
      await start();
      watcher.nudge('webhook');
      await pass(0);
      expect(follower.looks).toEqual(['webhook']);
    });

    it('makes one look of many nudges that come together', async () => {
      activeModel.activate(servedModel());
      await start();
      for (let i = 0; i < 100; i++) watcher.nudge('webhook');
      await pass(1000);
      expect(follower.looks).toEqual(['webhook']);
    });

    it('looks at most five times a second, however often it is nudged, and after the last nudge', async () => {
      activeModel.activate(servedModel());
      await start();
      for (let i = 0; i < 95; i++) {
        watcher.nudge('webhook');
        await pass(10);
      }
      expect(follower.looks).toHaveLength(5);
      await pass(1000);
      expect(follower.looks).toHaveLength(6);
    });
  });

  describe('at a start without a model', () => {
    const rejection = new ModelRejectedError('No MLmodel file.');

    it('stops when the model is a local directory, which only a person can put right', async () => {
      source.watchedDirectory = '/model';
      follower.started = { result: 'rejected', error: rejection };
      await expect(watcher.onModuleInit()).rejects.toBe(rejection);
    });

    it('goes on when the model is in a registry, which comes back', async () => {
      follower.started = { result: 'rejected', error: rejection };
      await expect(watcher.onModuleInit()).resolves.toBeUndefined();
    });
  });

  describe('with a local directory', () => {
    const temporaryDirectory = temporaryDirectories();
    let directory: string;
    beforeEach(async () => {
      directory = path.join(temporaryDirectory(), 'model');
      mkdirSync(directory);
      source.watchedDirectory = directory;
      activeModel.activate(servedModel());
      await start();
    });

    it.each([
      ['a file is written', () => writeFileSync(path.join(directory, 'MLmodel'), 'x')],
      ['a folder is made', () => mkdirSync(path.join(directory, 'data'))],
      ['the directory is removed', () => rmSync(directory, { recursive: true })],
      ['the directory is moved away', () => renameSync(directory, `${directory}-before`)],
    ])('looks when %s', async (_when, change) => {
      change();
      await eventually(() => expect(follower.looks).toEqual(['file-change']));
    });

    it('waits until files are no longer written, rather than look at half of them again and again', async () => {
      const startedAt = performance.now();
      while (performance.now() - startedAt < 1500) await writeFile(path.join(directory, 'model.onnx'), 'x');
      // Every 200 ms would be seven; a machine that is too busy to write for as long accounts for some.
      expect(follower.looks.length).toBeLessThanOrEqual(3);
      await eventually(() => expect(follower.looks).toContain('file-change'));
    });
  });

  it('starts, and polls, also when the local directory cannot be watched', async () => {
    source.watchedDirectory = '/no/such/directory';
    activeModel.activate(servedModel());
    await expect(start()).resolves.toBeUndefined();
  });
});
