/**
 * The door of a mesh: who may connect, for how long, and which protocols they may speak.
 * docs/protocols/doors.md.
 *
 * @packageDocumentation
 */
export { addressGroup } from './address-group.ts';
export { Door, type DoorComponents, type DoorInit, type DoorNode } from './door.ts';
export { endConnection } from './end-connection.ts';
export type { GuestLimits } from './guests.ts';
export { Pulse, type PulseComponents, type PulseInit } from './pulse.ts';
export {
  type OnRefused,
  REFUSAL_REASONS,
  REFUSALS_METRIC,
  type RefusalReason,
} from './refusals.ts';
export type { PeerStanding, Standing } from './standing.ts';
