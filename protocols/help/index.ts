/**
 * Calls: an agent asks, a human answers, exactly one. Life, policies and an example: docs/calls.md.
 *
 * @packageDocumentation
 */
export { callJsonSchema } from './json-schema.ts';
export { reduceOpen, reduceWithdraw } from './reducer-asker.ts';
export type { CallValue } from './reducer-change.ts';
export { reduceEscalate, reduceExpire } from './reducer-due.ts';
export { reduceAnswer, reduceClaim, reduceRelease } from './reducer-human.ts';
export { activeOr, isActive } from './rules.ts';
export {
  answerBody,
  type CallInput,
  callBody,
  callInput,
  openBody,
  releaseBody,
} from './schema.ts';
export { CallTimers, type CallTimersComponents, type DueCommand } from './timers/call-timers.ts';
