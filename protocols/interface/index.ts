/**
 * Ports and shared types: what every folder may import. Nothing here touches a clock, a disk, a
 * network or chance.
 *
 * @packageDocumentation
 */
export * from './clock.ts';
export * from './crypto.ts';
export { ERROR_CODES, type ErrorCode, type ErrorRow } from './error-codes.ts';
export * from './errors.ts';
export * from './gossip.ts';
export * from './lifecycle.ts';
export * from './limits.ts';
export * from './logger.ts';
export * from './metrics.ts';
export * from './random.ts';
export * from './seal.ts';
export * from './state/calls.ts';
export * from './state/command.ts';
export * from './state/records.ts';
export * from './state/revisions.ts';
export * from './state/tables.ts';
export * from './store.ts';
export * from './stream.ts';
export * from './text/printable.ts';
export * from './text/sanitize.ts';
export * from './text/untrusted.ts';
export * from './text/utf8.ts';
