import { counted, type DoctorLine, lasting, ok, warn } from './line.ts';

/** The search of the local network. */
export interface MdnsFacts {
  readonly isOn: boolean;
  /** How long ago this node heard its own announcement come back; null when it never did. */
  readonly heardItselfMsAgo: number | null;
  /** How long it has been looking, ms. */
  readonly runsMs: number;
  /** Others of this mesh that were heard lately. */
  readonly found: number;
}

/** An announcement goes out at the start and every ten seconds: three may be lost. */
const PATIENCE_MS = 30_000;

/** Does multicast DNS work on this network, as far as can be told from here? */
export function judgeMdns({ isOn, heardItselfMsAgo, runsMs, found }: MdnsFacts): DoctorLine {
  if (!isOn) return ok('mdns', 'switched off');
  const members = found === 0 ? '' : `; ${counted(found, 'other')} heard`;
  if (heardItselfMsAgo !== null && heardItselfMsAgo < PATIENCE_MS) {
    return ok('mdns', `it heard itself ${lasting(heardItselfMsAgo)} ago${members}`);
  }
  if (heardItselfMsAgo === null && runsMs < PATIENCE_MS) {
    return ok('mdns', `on, and listening for ${lasting(runsMs)}${members}`);
  }
  return warn(
    'mdns',
    'its own announcement does not come back: hosts of this network are not found by themselves',
    'Allow UDP port 5353 and multicast to 224.0.0.251, or go by invites alone: cooee up --no-mdns',
  );
}
