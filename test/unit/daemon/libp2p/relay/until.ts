import { expect } from 'vitest';

/** Tries until it is true; the time only bounds hanging. */
export async function until(what: string, check: () => boolean | Promise<boolean>): Promise<void> {
  const endMs = performance.now() + 15_000;
  let isSo = await check();
  while (!isSo && performance.now() < endMs) {
    await new Promise((wake) => setTimeout(wake, 20));
    isSo = await check();
  }
  expect(isSo, what).toBe(true);
}
