export {
  type CheckOptions,
  type CheckResult,
  checkHistory,
  formatResult,
} from './history-check.ts';
export { type Budget, linearize, type Verdict, type Violation } from './linearize.ts';
export type { Model } from './model.ts';
export { type CallSeen, callModel, positionOf } from './models/call.ts';
export { entryModel } from './models/entry.ts';
export { registerModel } from './models/register.ts';
