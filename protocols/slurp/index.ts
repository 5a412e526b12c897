/**
 * SLURP: the replicated log of the mesh, its leader, its followers, and the state that follows from
 * it.
 *
 * @packageDocumentation
 */

export { Leader, type LeaderComponents } from './driver/leader.ts';
export { MeshLog, type MeshLogComponents, type MeshLogInit } from './log/mesh-log.ts';
export type { AppliedEntry, Decision } from './machine/apply.ts';
export * from './machine/codec.ts';
export { type CommandBody, type CommandKind, isKnownKind } from './machine/kinds.ts';
export { MeshState, StateOverlay } from './machine/state.ts';
export { Courier, type CourierComponents } from './outbox/courier.ts';
export {
  type Decided,
  Outbox,
  type OutboxComponents,
  type OutboxInit,
  type Submitted,
} from './outbox/outbox.ts';
export { Submit, type SubmitComponents } from './outbox/submit.ts';
export {
  HOPS_MAX,
  replicaProtocol,
  submitProtocol,
  submitRequest,
  submitResponse,
} from './protocol.ts';
export { Replica, type ReplicaComponents, type ReplicaTrust } from './replica/replica.ts';
export { type ReplicaServerComponents, serveReplica } from './replica/replica-server.ts';
