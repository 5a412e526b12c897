import {
  type Clock,
  CooeeError,
  delay,
  isCooeeError,
  type MeshRecord,
  type StateReader,
} from '../../interface/index.ts';

const ASK_EVERY_MS = 500;
const PATIENCE_MS = 15_000;

/** What {@link vacateSeat} works with. */
export interface VacateSeatComponents {
  readonly state: StateReader;
  readonly clock: Clock;
  /** Whether the log would refuse to remove that voter: those that stay are no majority. */
  readonly isNeeded: (peer: string) => boolean;
  /** See {@link LeaderAsks.vacate}. */
  readonly vacate: (peer: string) => Promise<void>;
}

/**
 * Before a voter is removed that the others cannot do without, of one or two, or of three of which
 * another was removed a moment ago: has its seat given to another member, and waits until the rest
 * votes without it and everybody can know it. One that is a learner by now may have to sign for
 * that still. Does nothing where the removal needs no such help, or is refused anyway.
 *
 * @throws CooeeError ERR_MEMBERSHIP_LAST_VOTER when nobody took the seat in 15 s
 */
export async function vacateSeat(components: VacateSeatComponents, peer: string): Promise<void> {
  const { state, clock, isNeeded, vacate } = components;
  if (!isWaitedFor(components, peer)) return;
  const untilMs = clock.monotonicMs() + PATIENCE_MS;
  for (
    let cause: unknown;
    isSeated(state, peer) && isWaitedFor(components, peer);
    await delay(clock, ASK_EVERY_MS)
  ) {
    if (clock.monotonicMs() >= untilMs) {
      const isNecessary = isNeeded(peer);
      // Nobody leads who could take a learner's seat: the log removes it when somebody does.
      if (!isNecessary && cause !== undefined) return;
      const message =
        cause === undefined
          ? isNecessary
            ? 'no other member could take its seat'
            : 'it has to sign for the last change of the voters first'
          : 'the last voter does not answer, and only it can hand its seat on';
      throw new CooeeError('ERR_MEMBERSHIP_LAST_VOTER', message, { cause });
    }
    try {
      await vacate(peer);
      cause = undefined;
    } catch (error) {
      // The log says so too, at an index.
      if (isCooeeError(error, 'ERR_MEMBERSHIP_FORBIDDEN')) return;
      // Leadership is handed on in the course of it.
      if (!isCooeeError(error, 'ERR_SLURP_NO_LEADER')) throw error;
      cause = error;
    }
  }
}

/**
 * Whether it votes among too few, or may have done so a moment ago; and others are there of which
 * one is an admin.
 */
function isWaitedFor({ state, isNeeded }: VacateSeatComponents, peer: string): boolean {
  const others = [...state.entries('member')].filter(
    ([other, { removedIndex }]) => other !== peer && removedIndex === null,
  );
  const isLed = others.some(([, { role }]) => role === 'admin');
  const isLearner = meshIn(state)?.learners.includes(peer) === true;
  return (isLearner || isNeeded(peer)) && isLed;
}

function isSeated(state: StateReader, peer: string): boolean {
  const { voters = [], learners = [] } = meshIn(state) ?? {};
  return voters.includes(peer) || learners.includes(peer);
}

function meshIn(state: StateReader): MeshRecord | undefined {
  return state.get('mesh', 'mesh') as MeshRecord | undefined;
}
