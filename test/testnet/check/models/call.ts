import type { Operation } from '../../history/index.ts';
import type { Model } from '../model.ts';
import { codeOf, numberIn, textIn } from './fields.ts';

/** A call as its readers see it. */
export interface CallSeen {
  readonly state: 'absent' | 'open' | 'claimed' | 'answered' | 'withdrawn' | 'expired';
  /** The number of its last claim; 0 before the first. */
  readonly fence: number;
  /** Who holds it, or who has answered it. */
  readonly by: string | null;
  /** The answer. */
  readonly text: string | null;
}

const ABSENT: CallSeen = { state: 'absent', fence: 0, by: null, text: null };

/** Codes that tell what the log has of a call: those of reducers, at an entry of their own. */
const TELLING = new Set([
  'ERR_HELP_ANSWERED',
  'ERR_HELP_CLAIMED',
  'ERR_HELP_FENCE',
  'ERR_HELP_UNCLAIMED',
  'ERR_HELP_WITHDRAWN',
]);

/**
 * Whether the outcome says something of the state that the mesh has: not a plain read, and no
 * refusal by what a node happens to know.
 */
export function isTelling(operation: Operation): boolean {
  if (operation.op === 'call.read.plain') return false;
  return operation.ok !== false || TELLING.has(codeOf(operation));
}

/** What a read answered. */
export function seenBy({ output }: Operation): CallSeen {
  return {
    state: (textIn(output, 'state') ?? 'absent') as CallSeen['state'],
    fence: numberIn(output, 'fence') ?? 0,
    by: textIn(output, 'by'),
    text: textIn(output, 'text'),
  };
}

/** How far the life of a call has come: it never goes back. */
export function positionOf({ state, fence }: CallSeen): number {
  if (state === 'absent') return -1;
  if (state === 'open') return 2 * fence;
  return state === 'claimed' ? 2 * fence - 1 : Number.POSITIVE_INFINITY;
}

/**
 * The life of a call under `call.open`, `claim`, `release`, `answer`, `withdraw` and `read`
 * (docs/calls.md), of which claims and answers are compare-and-set: by the state and by the fence.
 * What time does to a call is not in it: the workload's calls wait, and are settled before a claim
 * lapses.
 */
export const callModel: Model<CallSeen> = {
  initial: ABSENT,
  textOf: ({ state, fence, by, text }) =>
    [state, `fence ${fence}`, ...(by === null ? [] : [`by ${by}`])].join(', ') +
    (text === null ? '' : `: ${JSON.stringify(text)}`),
  isLook: ({ op, ok }) => op === 'call.read' || ok === false,
  step(call, operation) {
    if (operation.op === 'call.read') return read(call, operation);
    return operation.ok === false ? refused(call, operation) : done(call, operation);
  },
};

function read(call: CallSeen, operation: Operation): CallSeen | undefined {
  if (operation.ok !== true) return call;
  const seen = seenBy(operation);
  const same =
    seen.state === call.state &&
    seen.fence === call.fence &&
    seen.by === call.by &&
    seen.text === call.text;
  return same ? call : undefined;
}

/** Done, or unknown: then without a look at the answer. */
function done(call: CallSeen, { op, input, output, ok }: Operation): CallSeen | undefined {
  const by = textIn(input, 'by');
  const isActive = call.state === 'open' || call.state === 'claimed';
  const isHolder =
    call.state === 'claimed' && call.by === by && call.fence === numberIn(input, 'fence');
  switch (op) {
    case 'call.open':
      return call.state === 'absent' ? { ...ABSENT, state: 'open' } : undefined;
    case 'call.claim': {
      const fence = call.fence + 1;
      const fits = call.state === 'open' && (ok === null || numberIn(output, 'fence') === fence);
      return fits ? { state: 'claimed', fence, by, text: null } : undefined;
    }
    case 'call.release':
      return isHolder ? { ...call, state: 'open', by: null } : undefined;
    case 'call.answer':
      return isHolder ? { ...call, state: 'answered', text: textIn(input, 'text') } : undefined;
    case 'call.withdraw':
      return isActive ? { ...call, state: 'withdrawn', by: null } : undefined;
    default:
      return undefined;
  }
}

/** The state stays, and must be the one that the refusal tells of. */
function refused(call: CallSeen, operation: Operation): CallSeen | undefined {
  return isAsTold(call, operation) ? call : undefined;
}

function isAsTold(call: CallSeen, operation: Operation): boolean {
  const { input, output } = operation;
  const { state, fence } = call;
  const isNamed = textIn(output, 'by') === call.by;
  const held = state === 'claimed' && isNamed && numberIn(output, 'fence') === fence;
  const isSameFence = numberIn(input, 'fence') === fence;
  switch (codeOf(operation)) {
    case 'ERR_HELP_ANSWERED':
      return state === 'answered' && isNamed;
    case 'ERR_HELP_WITHDRAWN':
      return state === 'withdrawn';
    case 'ERR_HELP_UNCLAIMED':
      return state === 'open' && !wasHeld(call, operation);
    case 'ERR_HELP_CLAIMED': {
      const isOthers = call.by !== textIn(input, 'by') && isSameFence;
      return held && (operation.op === 'call.claim' || isOthers);
    }
    case 'ERR_HELP_FENCE':
      if (textIn(output, 'by') === null) return state === 'open' && wasHeld(call, operation);
      return held && !isSameFence;
    default:
      return true;
  }
}

/** Whether an answer to an open call names a claim that there was, and that does not count now. */
function wasHeld({ fence }: CallSeen, { op, input }: Operation): boolean {
  return op === 'call.answer' && (numberIn(input, 'fence') ?? 0) <= fence;
}
