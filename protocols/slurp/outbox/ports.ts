import type {
  Actor,
  Clock,
  CooeeError,
  Crypto,
  ErrorCode,
  KeyValueStore,
  Logger,
  Outcome,
  Signer,
  StoreWrite,
} from '../../interface/index.ts';
import type { Command } from '../machine/codec.ts';

/** What an outbox is built from. */
export interface OutboxComponents {
  readonly store: KeyValueStore;
  readonly signer: Signer;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly logger: Logger;
  /**
   * Whether this node leads: then the log, which is synced a moment later, makes what is accepted
   * durable, and the outbox need not write it for that.
   */
  readonly isLeader?: () => boolean;
  /** Whether the log has a batch committed that is not applied here yet. */
  readonly isCommitted?: (batch: Uint8Array) => boolean;
  /**
   * What is to be kept of a command that was accepted and then refused, with the refusal itself.
   */
  readonly onRefused?: (command: Command, refused: RefusedCommand) => readonly StoreWrite[];
}

/** How a command was refused after it had been accepted. */
export interface RefusedCommand {
  readonly code: ErrorCode;
  readonly message: string;
  /** Index of the entry that refused it; left out when it never came into the log. */
  readonly index?: number;
}

/** Settings of an outbox. */
export interface OutboxInit {
  readonly meshId: string;
  /** The number of this start. */
  readonly boot: number;
  /** The last batch number of this start that is in use (genesis takes the first). Default 0. */
  readonly lastSeq?: number;
  /** How long a command may wait for others, while batches are before it. Default 0: not at all. */
  readonly gatherMs?: number;
}

/** How a command is handed in. */
export interface SubmitOptions {
  /** Who acts, when it is not the node itself. */
  readonly actor?: Omit<Actor, 'peer'>;
  /** In a batch of its own. */
  readonly alone?: boolean;
  /** Its caller goes on only when it is decided. */
  readonly isAwaited?: boolean;
}

/** What became of a command, as far as its node knows. */
export type Decided =
  | { readonly index: number; readonly outcome: Outcome }
  /** Refused before the log, or because this node is no member any more. */
  | { readonly error: CooeeError };

/** A command that was handed in. */
export interface Submitted {
  readonly id: string;
  /**
   * Resolves when it is durable. Rejects when it could not be kept: it is gone then, or on a leader
   * may be decided all the same.
   */
  readonly accepted: Promise<void>;
  /**
   * Resolves when it was decided and, if by the log, applied here. Never rejects; may take as long
   * as it takes.
   */
  readonly decided: Promise<Decided>;
}

/** A batch that waits for the leader. */
export interface OutboxBatch {
  readonly key: string;
  readonly boot: number;
  readonly seq: number;
  readonly bytes: Uint8Array;
  readonly commands: readonly Command[];
}
