import { describe, expect, it } from 'vitest';
import { type Clock, delay, type Timer } from '../../../protocols/interface/index.ts';

/** A clock that stands still until it is told; counts the timers that it still holds. */
class HandClock implements Clock {
  #nowMs = 0;
  readonly #timers = new Map<Timer, { readonly atMs: number; readonly task: () => void }>();

  get timerCount(): number {
    return this.#timers.size;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  schedule(delayMs: number, task: () => void): Timer {
    const timer = { cancel: () => void this.#timers.delete(timer) };
    this.#timers.set(timer, { atMs: this.#nowMs + delayMs, task });
    return timer;
  }

  advance(byMs: number): void {
    this.#nowMs += byMs;
    for (const [timer, { atMs, task }] of [...this.#timers]) {
      if (atMs > this.#nowMs) continue;
      this.#timers.delete(timer);
      task();
    }
  }
}

/** Whether a promise has settled after the present microtasks have run. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol('pending');
  const first = await Promise.race([promise.catch(() => undefined), tick().then(() => pending)]);
  return first !== pending;
}

async function tick(): Promise<void> {
  for (let round = 0; round < 10; round += 1) await Promise.resolve();
}

describe('delay', () => {
  it('resolves when the clock gets there, not before', async () => {
    const clock = new HandClock();
    const waiting = delay(clock, 100);
    clock.advance(99);
    expect(await isSettled(waiting)).toBe(false);
    clock.advance(1);
    await expect(waiting).resolves.toBeUndefined();
    expect(clock.timerCount).toBe(0);
  });

  it('rejects with the reason of the signal and calls its timer off', async () => {
    const clock = new HandClock();
    const control = new AbortController();
    const waiting = delay(clock, 100, control.signal);
    const reason = new Error('stopping');
    control.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    expect(clock.timerCount).toBe(0);
  });

  it('does not start when the signal was aborted before', async () => {
    const clock = new HandClock();
    const reason = new Error('stopped');
    await expect(delay(clock, 100, AbortSignal.abort(reason))).rejects.toBe(reason);
    expect(clock.timerCount).toBe(0);
  });

  it('leaves no listener behind on a signal that lives on', async () => {
    const clock = new HandClock();
    const control = new AbortController();
    let listeners = 0;
    const { signal } = control;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners += 1;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners -= 1;
      remove(...args);
    };
    const waiting = delay(clock, 5, signal);
    expect(listeners).toBe(1);
    clock.advance(5);
    await waiting;
    expect(listeners).toBe(0);
    control.abort();
  });
});
