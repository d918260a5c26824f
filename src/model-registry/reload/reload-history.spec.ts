import { describe, expect, it } from '@jest/globals';
import { ReloadHistory } from './reload-history.js';

describe('ReloadHistory', () => {
  it('keeps the last 50 events, newest first', () => {
    const history = new ReloadHistory();
    for (let i = 1; i <= 60; i++) {
      history.record({
        at: new Date(i),
        trigger: 'poll',
        result: 'swapped',
        version: String(i),
        retryable: undefined,
        reason: undefined,
        durationMs: 1,
      });
    }
    expect(history.events.map(({ version }) => version)).toEqual(Array.from({ length: 50 }, (_, i) => String(60 - i)));
  });
});
