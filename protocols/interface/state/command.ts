import type { Crypto } from '../crypto.ts';
import type { ErrorCode } from '../error-codes.ts';
import type { ErrorDetails } from '../errors.ts';
import type { StateWriter } from './tables.ts';

/** Who acts: the node, and the agent or the human on it when there is one. */
export interface Actor {
  readonly peer: string;
  readonly agent?: string | undefined;
  readonly human?: string | undefined;
}

/** What a reducer is told about the command it applies, besides its body. */
export interface ApplyContext {
  /** Log index of the entry. */
  readonly index: number;
  readonly term: number;
  /** The entry's agreed time: never goes back. */
  readonly timeMs: number;
  readonly actor: Actor;
  /** The node that made and signed the batch. */
  readonly origin: string;
  /** When its node made the command, by that node's clock: its own word. */
  readonly commandMs: number;
  readonly meshId: string;
  readonly crypto: Crypto;
}

/**
 * What the reducer of a kind is told whose command's id becomes a name in the state. Others do not
 * see the id: it is the word of its origin there, and another member may have said it first.
 */
export interface NamingContext extends ApplyContext {
  /** Checked: no other member's command has it. */
  readonly commandId: string;
}

/**
 * A fact that applying made true; goes to watchers and to this node's services, never back into the
 * log.
 */
export interface StateEvent {
  /** `noun:verb`. */
  readonly type: string;
  /** UCXL address of what it is about. */
  readonly address?: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** What applying a command came to. The same on every node, for ever. */
export type Outcome =
  | { readonly ok: true; readonly value?: unknown; readonly events?: readonly StateEvent[] }
  | {
      readonly ok: false;
      readonly code: ErrorCode;
      readonly message?: string;
      readonly details?: ErrorDetails;
      /**
       * The one thing that a refusal leaves in the state, so that it stays refused: everything else
       * that the command wrote is thrown away.
       */
      readonly keep?: (state: StateWriter) => void;
    };

/** An outcome that is a refusal. */
export type Refusal = Extract<Outcome, { readonly ok: false }>;

/** A refusal as the result of applying. */
export function refuse(code: ErrorCode, message?: string, details?: ErrorDetails): Refusal {
  return {
    ok: false,
    code,
    ...(message === undefined ? {} : { message }),
    ...(details === undefined ? {} : { details }),
  };
}
