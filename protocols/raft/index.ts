/**
 * Raft, pure: who leads, what is committed, who votes. Rules and contract: docs/protocols/raft.md.
 *
 * @packageDocumentation
 */
export { TERM_LEAP_MAX } from './check-message.ts';
export { RaftCore } from './core.ts';
export { RAFT_TIMING, raftTiming } from './timing.ts';
export type {
  Configuration,
  MessageBody,
  PeerProgress,
  RaftEntry,
  RaftHardState,
  RaftInit,
  RaftInput,
  RaftMessage,
  RaftRole,
  RaftStatus,
  RaftTiming,
  Ready,
} from './types.ts';
