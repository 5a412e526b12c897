import { afterEach, beforeEach, expect } from 'vitest';
import { settle } from '../wire/manual-clock.ts';

/** Fails every test of the file after which a promise was left rejected and unheard. */
export function expectNoUnhandled(): void {
  const unhandled: unknown[] = [];
  const onUnhandled = (reason: unknown) => unhandled.push(reason);
  beforeEach(() => {
    unhandled.length = 0;
    process.on('unhandledRejection', onUnhandled);
  });
  afterEach(async () => {
    await settle();
    process.off('unhandledRejection', onUnhandled);
    expect(unhandled).toEqual([]);
  });
}
