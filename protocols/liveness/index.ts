/**
 * Who is there: pings, asking others for a suspect, goodbyes, clocks; docs/protocols/liveness.md.
 *
 * @packageDocumentation
 */
export {
  byeStatement,
  type LivenessAnswer,
  type LivenessRequest,
  livenessAnswer,
  livenessProtocol,
  livenessRequest,
  proofStatement,
} from './codec.ts';
export type { LivenessExplanation } from './explain.ts';
export { LIVENESS_TIMES, type LivenessTimes } from './rules.ts';
export { type LivenessComponents, type LivenessInit, LivenessService } from './service.ts';
export type { Asked, LivenessState } from './state.ts';
