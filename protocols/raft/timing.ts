import { CooeeError } from '../interface/index.ts';
import type { RaftTiming } from './types.ts';

/**
 * The defaults. A loopback round trip with its write takes about 2 ms and a busy event loop is late
 * by up to some 100 ms: six heartbeats fit into an election timeout.
 */
export const RAFT_TIMING: RaftTiming = {
  heartbeatMs: 60,
  electionMs: 400,
  electionSpreadMs: 200,
  connectionLostSpreadMs: 30,
  inflightMax: 2,
  appendEntriesMax: 256,
};

/** Bounds of each setting: below or above it the core cannot work or would not be bounded. */
const BOUNDS: Readonly<Record<keyof RaftTiming, readonly [number, number]>> = {
  heartbeatMs: [1, 60_000],
  electionMs: [3, 600_000],
  electionSpreadMs: [1, 600_000],
  connectionLostSpreadMs: [0, 600_000],
  inflightMax: [1, 1_024],
  appendEntriesMax: [1, 65_536],
};

/**
 * Defaults filled in, combinations checked: an election timeout holds at least three heartbeats,
 * for one lost heartbeat must not depose a leader, and a tick that is two late judges nobody.
 *
 * @throws CooeeError ERR_RAFT_INPUT
 */
export function raftTiming(given: Partial<RaftTiming> = {}): RaftTiming {
  const timing = { ...RAFT_TIMING, ...given };
  for (const [name, [min, max]] of Object.entries(BOUNDS)) {
    const value = timing[name as keyof RaftTiming];
    if (!(Number.isFinite(value) && value >= min && value <= max)) {
      throw new CooeeError('ERR_RAFT_INPUT', `${name} is from ${min} to ${max}`);
    }
  }
  for (const name of ['inflightMax', 'appendEntriesMax'] as const) {
    if (!Number.isInteger(timing[name])) {
      throw new CooeeError('ERR_RAFT_INPUT', `${name} is a whole number`);
    }
  }
  if (timing.electionMs < 3 * timing.heartbeatMs) {
    throw new CooeeError('ERR_RAFT_INPUT', 'electionMs is at least three times heartbeatMs');
  }
  if (timing.connectionLostSpreadMs > timing.electionMs) {
    throw new CooeeError('ERR_RAFT_INPUT', 'connectionLostSpreadMs is at most electionMs');
  }
  return timing;
}
