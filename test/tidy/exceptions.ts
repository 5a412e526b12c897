import type { Ratchet } from './rules/sizes.ts';

/**
 * Files over 400 lines with their present length and, in a comment, the reason. They may shrink,
 * never grow.
 */
export const RATCHET: Ratchet = {};

/** Error codes that nothing uses yet, with the reason for keeping the name. */
export const RESERVED_CODES: Readonly<Record<string, string>> = {};

/** Folders with more than 12 source files, with how many they may have and why. */
export const FOLDER_RATCHET: Ratchet = {
  // One port a file: a flat list that every folder reads from.
  'protocols/interface': 15,
};
