import type { SimRandom } from '../../../sim/world/random.ts';
import type { Board } from '../board.ts';
import type { NodeLink } from '../link.ts';
import type { Attempt, Attempted, Recorder } from '../recorder.ts';

/** One client of one node, which is also one human. */
export interface Acting {
  /** `<node>/<number>`; also the name of the human. */
  readonly name: string;
  /** Part of the names of all that the workload makes. */
  readonly tag: string;
  readonly link: NodeLink;
  readonly random: SimRandom;
  readonly board: Board;
  readonly recorder: Recorder;
  readonly opTimeoutMs: number;
  readonly enrolmentsMax: number;
  /** The calls that this human holds, and the fences of its claims. */
  readonly holds: Map<string, number>;
  /** Numbers what it makes. */
  made: number;
}

/** The query of a write that is waited for. */
export const committed = ({ opTimeoutMs }: Acting) =>
  ({ wait: 'committed', timeoutMs: opTimeoutMs }) as const;

/** The query of a read. */
export const fresh = (isPlain: boolean) =>
  isPlain ? {} : ({ consistency: 'linearizable' } as const);

/** Does it as this client, and records it. */
export function attempt<T>(acting: Acting, what: Attempt<T>): Promise<Attempted<T>> {
  return acting.recorder.attempt(acting.link, acting.name, what);
}
