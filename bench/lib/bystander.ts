// An idle process that tells, when it is asked, how late its event loop turned: p99, ms.
import { monitorEventLoopDelay } from 'node:perf_hooks';

const RESOLUTION_MS = 20;
const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
delays.enable();
process.once('message', () => {
  process.send?.(Math.max(0, delays.percentile(99) / 1e6 - RESOLUTION_MS), () => process.exit());
});
