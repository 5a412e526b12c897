/**
 * Proofs of entries for people outside of the mesh. Pure, and light to load: the command line
 * verifies with it where no daemon runs.
 *
 * @packageDocumentation
 */
export { parseAnchor } from './anchor.ts';
export { fromBase64, toBase64 } from './base64.ts';
export { proofJsonSchema } from './json-schema.ts';
export { type Proof, type Proved, proofSchema, verifyProof } from './proof.ts';
