/**
 * SLURP: the replicated log of the mesh, its leader, its followers, and the state that follows from
 * it.
 *
 * @packageDocumentation
 */

export { LeaderAsks, type LeaderAsksComponents } from './asking/leader-asks.ts';
export { type VacateSeatComponents, vacateSeat } from './asking/vacate-seat.ts';
export { BlockClaims, type BlockClaimsComponents } from './blocks/block-claims.ts';
export {
  BlockCourier,
  type BlockCourierComponents,
  type FailedHold,
} from './blocks/block-courier.ts';
export { BlockHolding, type BlockHoldingComponents } from './blocks/block-holding.ts';
export { ContentBlocks, type ContentBlocksComponents } from './blocks/content-blocks.ts';
export * from './dht/index.ts';
export { Consensus } from './driver/consensus.ts';
export { raftProtocol } from './driver/raft-codec.ts';
export type { Restored } from './driver/seats/restored-seat.ts';
export * from './heads/index.ts';
export { peekState } from './log/applied-store.ts';
export { MeshLog } from './log/mesh-log.ts';
export type { MeshLogComponents, MeshLogInit } from './log/ports.ts';
export type { AppliedEntry, Decision } from './machine/apply.ts';
export * from './machine/codec.ts';
export {
  blocksOfCommand,
  COMMAND_KINDS,
  type CommandBody,
  type CommandKind,
  isKnownKind,
} from './machine/kinds.ts';
export { MeshState, StateOverlay } from './machine/state.ts';
export { Courier, type CourierComponents } from './outbox/courier.ts';
export { decodeHeldCommand, type HeldCommand } from './outbox/held-back.ts';
export {
  type Decided,
  Outbox,
  type OutboxComponents,
  type OutboxInit,
  type RefusedCommand,
  type Submitted,
} from './outbox/outbox.ts';
export { Submit, type SubmitComponents } from './outbox/submit.ts';
export type { AuditTree } from './proof/audit-tree.ts';
export * from './proof/index.ts';
export { type LogProblem, LogVerifier, type VerifiedLog } from './proof/log-verifier.ts';
export { ProofMaker, type ProofMakerComponents } from './proof/proof-maker.ts';
export {
  HOPS_MAX,
  replicaProtocol,
  SUBMIT_BATCHES_MAX,
  submitProtocol,
  submitRequest,
  submitResponse,
} from './protocol.ts';
export * from './recovery/index.ts';
export { type RegisterStartComponents, registerStart } from './register-start.ts';
export { Replica, type ReplicaComponents } from './replica/replica.ts';
export { type ReplicaServerComponents, serveReplica } from './replica/replica-server.ts';
export { mendInstall } from './snapshot/install.ts';
export type { Installed } from './snapshot/ports.ts';
export type { SnapshotOffer } from './snapshot/records.ts';
export { Snapshots, type SnapshotsComponents } from './snapshot/snapshots.ts';
