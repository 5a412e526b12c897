import { counted, type DoctorLine, lasting, ok, warn } from './line.ts';

/** What became of a record that was put into the DHT and asked for again. */
export interface DhtFacts {
  /** Members that are connected. */
  readonly members: number;
  /** Undefined while this node has no signed head to put there. */
  readonly probe:
    | {
        /** Members that took a copy. */
        readonly copies: number;
        readonly isFound: boolean;
        readonly tookMs: number;
      }
    | undefined;
  /** Why the probe ended early. */
  readonly problem?: string | undefined;
}

/** Does the DHT take a record and give it back? */
export function judgeDht({ members, probe, problem }: DhtFacts): DoctorLine {
  const remedy =
    'Agents are still found while the log is followed; see the lines of the members above.';
  if (problem !== undefined) return warn('dht', `a put and a get failed: ${problem}`, remedy);
  if (probe === undefined) return ok('dht', 'nothing to put there yet');
  const { copies, isFound, tookMs } = probe;
  if (members === 0) return ok('dht', 'there is nobody else to keep records');
  if (!isFound) return warn('dht', 'a record that was put there is not found', remedy);
  if (copies === 0) return warn('dht', 'no member took a copy of a record', remedy);
  return ok(
    'dht',
    `a record was put on ${counted(copies, 'member')} and found in ${lasting(tookMs)}`,
  );
}
