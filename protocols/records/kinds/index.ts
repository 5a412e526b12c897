/**
 * Every kind of record: how its addresses are told and its versions are read. A new kind is one
 * entry here.
 *
 * @packageDocumentation
 */
import type { RecordKind } from '../record.ts';
import { agentKind, enrolmentKind } from './agents.ts';
import { callKind } from './call.ts';
import { leaderKind, memberKind } from './mesh.ts';
import { submissionKind } from './submission.ts';

/** The kinds by name. No address is of two kinds. */
export const RECORD_KINDS = {
  agent: agentKind,
  call: callKind,
  enrolment: enrolmentKind,
  leader: leaderKind,
  member: memberKind,
  submission: submissionKind,
} as const satisfies Record<string, RecordKind>;

/** Name of a kind of record. */
export type RecordKindName = keyof typeof RECORD_KINDS;

export { recordOfToken } from './agents.ts';
