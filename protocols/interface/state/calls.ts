import type { AuthorRecord } from './records.ts';

/** How much hangs on a call, from the least to the most. */
export const CALL_SEVERITIES = ['info', 'blocked', 'danger'] as const;

/** One of {@link CALL_SEVERITIES}. */
export type CallSeverity = (typeof CALL_SEVERITIES)[number];

/** What becomes of a call that nobody answered by its deadline. */
export const CALL_POLICIES = ['wait', 'default', 'deny', 'escalate'] as const;

/** One of {@link CALL_POLICIES}. */
export type CallPolicy = (typeof CALL_POLICIES)[number];

/** Where a call is in its life. The last three are final. */
export const CALL_STATES = ['open', 'claimed', 'answered', 'expired', 'withdrawn'] as const;

/** One of {@link CALL_STATES}. */
export type CallState = (typeof CALL_STATES)[number];

/** A human: the name that their node gives them, and that node. */
export interface HumanRecord {
  readonly human: string;
  readonly peer: string;
}

/** Who works on a call. */
export interface ClaimRecord {
  readonly by: HumanRecord;
  /** Which claim of the call it is, from 1. */
  readonly fence: number;
  /** Agreed time of the entry that brought it. */
  readonly sinceMs: number;
  /** It counts in entries before this time. */
  readonly untilMs: number;
}

/** How a call was answered. */
export interface CallAnswerRecord {
  readonly text: string;
  /** Null when its deadline passed and its policy answered. */
  readonly by: HumanRecord | null;
  readonly index: number;
  /** Agreed time of that entry. */
  readonly timeMs: number;
}

/** A call for human help; table `call`, key = id of the command that opened it. */
export interface CallRecord {
  readonly id: string;
  /** Which call of the mesh it is, from 1, in log order. */
  readonly number: number;
  readonly asker: AuthorRecord;
  readonly question: string;
  readonly context: string;
  /** Answers that the asker suggests. */
  readonly options: readonly string[];
  /** What answers it by the policy `default`; there exactly then. */
  readonly default?: string;
  readonly severity: CallSeverity;
  readonly onTimeout: CallPolicy;
  readonly state: CallState;
  /** Log index of the entry that opened it. */
  readonly index: number;
  /** Agreed time of that entry. */
  readonly timeMs: number;
  /** Agreed time from which on it is due. */
  readonly deadlineMs: number;
  /** How long an escalated call has until its next deadline. */
  readonly lengthMs: number;
  /** How often it was escalated. */
  readonly escalations: number;
  /** The fence of the last claim; 0 before the first. */
  readonly fence: number;
  /** There while it is claimed. */
  readonly claim?: ClaimRecord;
  /** There once it is answered. */
  readonly answer?: CallAnswerRecord;
}

/** What is not settled of a call; table `openCall`, key = its id. Gone once it is settled. */
export interface OpenCallRecord {
  readonly number: number;
  readonly state: 'open' | 'claimed';
  readonly severity: CallSeverity;
  readonly asker: AuthorRecord;
  /** When its policy is due; absent while it waits for as long as it takes. */
  readonly dueMs?: number;
  /** When its claim lapses; there while it is claimed. */
  readonly claimUntilMs?: number;
}
