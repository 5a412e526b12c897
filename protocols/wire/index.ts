/**
 * The only place that turns bytes from strangers into values: canonical encoding, signed bytes,
 * Merkle tree, replay windows, framing and rates.
 *
 * @packageDocumentation
 */
export * from './canonical.ts';
export * from './cid.ts';
export * from './gossip.ts';
export * from './hex.ts';
export * from './merkle.ts';
export * from './rate-limit.ts';
export * from './replay-window.ts';
export * from './schema.ts';
export * from './signed.ts';
export * from './stream.ts';
