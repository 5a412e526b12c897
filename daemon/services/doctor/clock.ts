import { type DoctorLine, fail, lasting, ok, warn } from './line.ts';

/** From here on it is a condition; docs/mesh.md, Clocks. */
const OFF_MS_MAX = 2_000;

/** The window of gossip: beyond it nothing of this node is believed. */
const OFF_MS_REFUSED = 5 * 60_000;

/** This host's clock and those of the members. */
export interface ClockFacts {
  /** This clock minus the median of the mesh, ms; undefined while nobody was measured. */
  readonly skewMs: number | undefined;
}

/** Does the clock go with those of the mesh? */
export function judgeClock({ skewMs }: ClockFacts): DoctorLine {
  if (skewMs === undefined) return ok('clock', 'there is no other clock to compare it with yet');
  const size = Math.abs(skewMs);
  const side = skewMs > 0 ? 'ahead of' : 'behind';
  const text = `${lasting(size)} ${side} the median of the mesh`;
  const remedy = 'Set it, and keep it set with NTP: timedatectl set-ntp true';
  if (size > OFF_MS_REFUSED) return fail('clock', `${text}: gossip of this node stops`, remedy);
  return size > OFF_MS_MAX ? warn('clock', text, remedy) : ok('clock', text);
}
