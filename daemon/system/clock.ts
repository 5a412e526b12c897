import type { Clock, Timer } from '../../protocols/interface/index.ts';

/** The longest delay that Node's timers take; beyond it they fire at once. */
const TIMER_DELAY_MS_MAX = 2 ** 31 - 1;

/** The system's clock. Its timers never keep the process alive. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  schedule: (delayMs, task) => scheduleAfter(delayMs, task),
};

function scheduleAfter(delayMs: number, task: () => void): Timer {
  let timeout: NodeJS.Timeout;
  const arm = (restMs: number): void => {
    const laterMs = restMs - TIMER_DELAY_MS_MAX;
    const next = laterMs > 0 ? () => arm(laterMs) : task;
    timeout = setTimeout(next, Math.min(Math.max(restMs, 0), TIMER_DELAY_MS_MAX));
    timeout.unref();
  };
  arm(delayMs);
  return { cancel: () => clearTimeout(timeout) };
}
