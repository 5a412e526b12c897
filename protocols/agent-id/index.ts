/**
 * Names of agents: the token that people type, the tuple that says what an agent is, and the hashes
 * of the tuple. Pure: works without a daemon. Layout, vectors and examples:
 * docs/protocols/agent-id.md.
 *
 * @packageDocumentation
 */
export { createTokenCodec, type TokenCodec, type TokenRefusal } from './codec.ts';
export { foldSymbols } from './crockford.ts';
export {
  TOKEN_V1,
  TOKEN_V2,
  type TokenFields,
  type TokenLayout,
  type UnpackedToken,
} from './layout.ts';
export { didYouMean, tokenNeighbours } from './neighbours.ts';
export { parseTinyHash, tinyHashOf } from './tiny-hash.ts';
export {
  type AgentTuple,
  type AgentTupleInput,
  canonicalTuple,
  hashTuple,
  isCanonicalTuple,
  joinTuple,
  type TupleHashes,
} from './tuple.ts';
