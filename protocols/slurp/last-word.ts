import type { CooeeError } from '../interface/index.ts';

/**
 * Whether trying again cannot help. A node that the leader does not know yet is one that it will
 * know; malformed bytes (ERR_WIRE_*) are what a broken stream makes of an answer: of a batch the
 * leader says ERR_SLURP_COMMAND.
 */
export function isFinal(error: CooeeError): boolean {
  return !error.retryable && FINAL_CODES.has(error.code);
}

/** Whether it says that too few voters can hold the blocks of a command at present. */
export function isUnheld(error: CooeeError): boolean {
  return UNHELD_CODES.has(error.code);
}

const FINAL_CODES: ReadonlySet<string> = new Set([
  'ERR_MEMBERSHIP_REMOVED',
  'ERR_SLURP_COMMAND',
  'ERR_SLURP_LEVEL',
  'ERR_SLURP_SIGNATURE',
  'ERR_WIRE_VERSION',
]);

const UNHELD_CODES: ReadonlySet<string> = new Set([
  'ERR_SUBMISSION_BLOCK_MISSING',
  'ERR_SUBMISSION_BLOCKS_FULL',
]);
