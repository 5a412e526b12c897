import {
  type Clock,
  CooeeError,
  delay,
  isCooeeError,
  type MeshRecord,
  type StateReader,
} from '../../interface/index.ts';

/** With so many voters one can be removed, and the rest finds another for its seat. */
const REMOVABLE_MIN = 3;
const ASK_EVERY_MS = 500;
const PATIENCE_MS = 15_000;

/** What {@link vacateSeat} works with. */
export interface VacateSeatComponents {
  readonly state: StateReader;
  readonly clock: Clock;
  /** See {@link LeaderAsks.vacate}. */
  readonly vacate: (peer: string) => Promise<void>;
}

/**
 * Before a voter of a mesh of one or two is removed: has its seat given to another member, and
 * waits until that one votes alone and everybody can know it. Does nothing where the removal needs
 * no such help, or is refused anyway.
 *
 * @throws CooeeError ERR_MEMBERSHIP_LAST_VOTER when nobody took the seat in 15 s;
 * ERR_MEMBERSHIP_FORBIDDEN
 */
export async function vacateSeat(components: VacateSeatComponents, peer: string): Promise<void> {
  const { state, clock, vacate } = components;
  if (!isLastVoter(state, peer)) return;
  const untilMs = clock.monotonicMs() + PATIENCE_MS;
  for (let cause: unknown; isSeated(state, peer); await delay(clock, ASK_EVERY_MS)) {
    if (clock.monotonicMs() >= untilMs) {
      const message =
        cause === undefined
          ? 'no other member could take its seat'
          : 'the last voter does not answer, and only it can hand its seat on';
      throw new CooeeError('ERR_MEMBERSHIP_LAST_VOTER', message, { cause });
    }
    try {
      await vacate(peer);
      cause = undefined;
    } catch (error) {
      // Leadership is handed on in the course of it.
      if (!isCooeeError(error, 'ERR_SLURP_NO_LEADER')) throw error;
      cause = error;
    }
  }
}

/** Whether it votes among too few, and others are there of which one is an admin. */
function isLastVoter(state: StateReader, peer: string): boolean {
  const { voters = [] } = meshIn(state) ?? {};
  const others = [...state.entries('member')].filter(
    ([other, { removedIndex }]) => other !== peer && removedIndex === null,
  );
  const isLed = others.some(([, { role }]) => role === 'admin');
  return voters.includes(peer) && voters.length < REMOVABLE_MIN && isLed;
}

function isSeated(state: StateReader, peer: string): boolean {
  const { voters = [], learners = [] } = meshIn(state) ?? {};
  return voters.includes(peer) || learners.includes(peer);
}

function meshIn(state: StateReader): MeshRecord | undefined {
  return state.get('mesh', 'mesh') as MeshRecord | undefined;
}
