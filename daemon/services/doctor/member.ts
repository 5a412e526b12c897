import { type DoctorLine, lasting, ok, warn } from './line.ts';

/** Another member as this node meets it. */
export interface MemberFacts {
  readonly peer: string;
  readonly name: string;
  readonly isConnected: boolean;
  /** There was no connection before this check made one. */
  readonly isNew: boolean;
  /** Why it cannot be dialled. */
  readonly dialError?: string | undefined;
  readonly attempts: number;
  /** Until it is dialled again, ms. */
  readonly nextInMs?: number | undefined;
  /** `alive`, `suspect`, `unreachable`, `left`. */
  readonly state: string;
  readonly address: string | undefined;
  /** Round trip of a ping, which only members may send; undefined when it was not answered. */
  readonly rttMs?: number | undefined;
  readonly pingError?: string | undefined;
  /** Protocols that it should speak and does not; undefined while it has not said which. */
  readonly missing?: readonly string[] | undefined;
  /** Levels that its program supports. */
  readonly levels: readonly [number, number];
  readonly meshLevel: number;
  /** Topics of gossip that it takes part in, of how many. */
  readonly topics: number;
  readonly topicsAll: number;
  /** It goes through another member. */
  readonly isRelayed: boolean;
}

/** How it goes with one member. */
export function judgeMember(facts: MemberFacts): DoctorLine {
  const name = `member ${facts.name}`;
  if (!facts.isConnected) return away(name, facts);
  const { rttMs, missing, levels, meshLevel, topics, topicsAll } = facts;
  if (rttMs === undefined) {
    return warn(
      name,
      `connected, but it does not answer as a member: ${facts.pingError ?? 'no answer to a ping'}`,
      `It may lag behind this node's admission, or hang. See there: cooee doctor`,
    );
  }
  if (levels[1] < meshLevel || levels[0] > meshLevel) {
    const range = `level ${levels[0]} to ${levels[1]}, the mesh is at ${meshLevel}`;
    return warn(name, `its program knows ${range}`, 'Upgrade COOEE on that host.');
  }
  if (missing !== undefined && missing.length > 0) {
    const remedy = 'Run the same version of COOEE on both hosts.';
    return warn(name, `it does not speak ${missing.slice(0, 3).join(', ')}`, remedy);
  }
  if (topics < topicsAll) {
    return warn(
      name,
      `connected, ${lasting(rttMs)}; it takes part in ${topics} of ${topicsAll} topics of gossip`,
      'Nothing, if it has just come; else restart it: what it announces is not heard here.',
    );
  }
  const how = facts.isRelayed ? 'connected through a relay' : 'connected';
  const now = facts.isNew ? ' since just now' : '';
  return ok(name, `${how}${now}, ${lasting(rttMs)}, level ${levels[1]}, gossip in all topics`);
}

function away(name: string, facts: MemberFacts): DoctorLine {
  const { state, attempts, dialError, nextInMs, address } = facts;
  if (state === 'left') return ok(name, 'it said goodbye and is stopped');
  const tries = attempts === 0 ? '' : ` after ${attempts} ${attempts === 1 ? 'try' : 'tries'}`;
  const why = dialError === undefined ? '' : `: ${dialError}`;
  const next = nextInMs === undefined ? '' : `; next try in ${lasting(nextInMs)}`;
  const where = address === undefined ? '' : ` at ${address}`;
  return warn(
    name,
    `not connected${tries}${why}${next}`,
    `See that it is up and can be reached${where}; more: cooee why ${facts.name}`,
  );
}
