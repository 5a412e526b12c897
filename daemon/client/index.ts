/**
 * The typed client of a COOEE daemon, for programs, the command line and tests (package export
 * `cooee/client`).
 *
 * @packageDocumentation
 */
export { CooeeError, isCooeeError } from '../../protocols/interface/errors.ts';
export type {
  AgentStatus,
  AgentsView,
  AgentView,
  CallRow,
  CallsView,
  CallView,
  DoctorView,
  EnrolView,
  EventView,
  HistoryView,
  HostView,
  InviteView,
  LeaderView,
  MemberRole,
  MemberView,
  RecordView,
  RouteName,
  StatusView,
  SubmissionRow,
  SubmissionsView,
  SubmissionView,
  SubmittedView,
  WriteView,
} from '../api/routes/index.ts';
export type { GapReason } from '../api/services.ts';
export { CooeeClient, type CooeeClientInit } from './client.ts';
export type { CallArgs, CallInput, CallName, CallOptions, CallResult } from './request.ts';
export type { WaitForInit } from './wait-for.ts';
export type { WatchInit, WatchItem } from './watch.ts';
