import { ERROR_CODES, type ErrorCode } from './error-codes.ts';

/** What may accompany an error: small, JSON-safe facts for logs and callers. Never a secret. */
export type ErrorDetails = Readonly<Record<string, string | number | boolean | null>>;

/** Options of {@link CooeeError}. */
export interface CooeeErrorInit {
  /** Facts about this occurrence (file, offset, peer, limit). Shown to the caller as they are. */
  readonly details?: ErrorDetails;
  /** The error that led to this one; kept for logs, never sent to a caller. */
  readonly cause?: unknown;
  /** Replaces the remedy of the code's table row when this occurrence knows a better one. */
  readonly remedy?: string;
}

/**
 * The one error class of COOEE: a stable `code` out of {@link ERROR_CODES} decides the HTTP status,
 * the exit code, whether trying again helps, and what to do next. Callers branch on `code`, never
 * on `message`.
 */
export class CooeeError extends Error {
  override readonly name = 'CooeeError';
  readonly code: ErrorCode;
  readonly details: ErrorDetails;
  readonly remedy: string;

  constructor(code: ErrorCode, message?: string, init: CooeeErrorInit = {}) {
    const row = ERROR_CODES[code];
    super(message ?? row.meaning, init.cause === undefined ? undefined : { cause: init.cause });
    this.code = code;
    this.details = init.details ?? {};
    this.remedy = init.remedy ?? row.remedy;
  }

  /** Whether the same request may succeed later without being changed. */
  get retryable(): boolean {
    return ERROR_CODES[this.code].retryable;
  }

  /** The body that a caller of the API or a peer gets. */
  toView(): ErrorView {
    return {
      code: this.code,
      message: this.message,
      remedy: this.remedy,
      retryable: this.retryable,
      details: this.details,
    };
  }
}

/** An error as it crosses a socket. */
export interface ErrorView {
  readonly code: ErrorCode;
  readonly message: string;
  readonly remedy: string;
  readonly retryable: boolean;
  readonly details: ErrorDetails;
}

/** True when `value` is one of ours, optionally with the given code. */
export function isCooeeError(value: unknown, code?: ErrorCode): value is CooeeError {
  return value instanceof CooeeError && (code === undefined || value.code === code);
}

/** True when the text is a known error code (codes arrive from peers as plain strings). */
export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(ERROR_CODES, text);
}

/**
 * Turns anything thrown into an Error that can be logged; libp2p rejects with Events now and then.
 */
export function toError(thrown: unknown): Error {
  if (thrown instanceof Error) return thrown;
  return new Error(typeof thrown === 'string' ? thrown : `non-error thrown: ${typeof thrown}`);
}
