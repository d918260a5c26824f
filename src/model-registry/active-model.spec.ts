import { describe, expect, it, jest } from '@jest/globals';
import { FakeModelRunner } from '../../test/fakes/fake-model-runner.js';
import { domainErrorOf } from '../../test/support/domain-error-of.js';
import { servedModel } from '../../test/support/served-model.js';
import { ActiveModel } from './active-model.js';

describe('ActiveModel', () => {
  it('has none at first, and says when to try again', () => {
    const activeModel = new ActiveModel();
    expect(activeModel.peek()).toBeUndefined();
    expect(domainErrorOf(() => activeModel.current())).toMatchObject({ code: 'MODEL_NOT_READY', retryAfterSeconds: 5 });
  });

  it('is the last model that was activated', () => {
    const activeModel = new ActiveModel();
    const second = servedModel();
    activeModel.activate(servedModel());
    activeModel.activate(second);
    expect(activeModel.current()).toBe(second);
    expect(activeModel.peek()).toBe(second);
  });

  it('serves on by another alias, with the same runner and without a swap', () => {
    const activeModel = new ActiveModel();
    const model = servedModel();
    activeModel.activate(model);
    const swapped = jest.fn();
    activeModel.onSwap(swapped);
    expect(activeModel.nameAlias(null).ref).toEqual({ ...model.ref, alias: null });
    expect(activeModel.current().runner).toBe(model.runner);
    expect((model.runner as FakeModelRunner).isDisposed).toBe(false);
    expect(model.ref.alias).toBe('production');
    expect(swapped).not.toHaveBeenCalled();
  });

  it('frees the model at shutdown and has none from then on', async () => {
    const activeModel = new ActiveModel();
    const runner = new FakeModelRunner(2);
    activeModel.activate(servedModel({ runner }));
    await activeModel.onApplicationShutdown();
    expect(runner.isDisposed).toBe(true);
    expect(activeModel.peek()).toBeUndefined();
  });

  it('can shut down before any model was live', async () => {
    await expect(new ActiveModel().onApplicationShutdown()).resolves.toBeUndefined();
  });
});
