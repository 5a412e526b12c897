import { counted, type DoctorLine, lasting, ok, warn } from './line.ts';

/** A commit takes milliseconds; whatever waits for longer waits for something. */
const AGE_MS_MAX = 10_000;

/** What this node has accepted and the log has not decided. */
export interface OutboxFacts {
  readonly waiting: number;
  /** How long the oldest has waited, ms. */
  readonly oldestMs: number | undefined;
  readonly isLed: boolean;
}

/** Does what is handed in go on to the leader? */
export function judgeOutbox({ waiting, oldestMs, isLed }: OutboxFacts): DoctorLine {
  if (waiting === 0) return ok('outbox', 'nothing waits');
  const text = `${counted(waiting, 'item')} wait${waiting === 1 ? 's' : ''}`;
  if (oldestMs === undefined || oldestMs < AGE_MS_MAX) return ok('outbox', `${text} for a moment`);
  const age = `${text}, the oldest for ${lasting(oldestMs)}`;
  return isLed
    ? warn(
        'outbox',
        age,
        'cooee why ID tells what holds one up; cooee submissions and cooee calls list them.',
      )
    : warn(
        'outbox',
        `${age}: there is no leader`,
        'Nothing more than for the leader: it drains by itself.',
      );
}
