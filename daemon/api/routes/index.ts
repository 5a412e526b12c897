/**
 * Every route of both sockets, defined once: server, client, OpenAPI
 * document, rights and tests are derived from this table. Adding a route is one entry here, one
 * method of `ApiServices` and one handler.
 *
 * @packageDocumentation
 */
import type { z } from 'zod';
import { agentRoutes } from './agents.ts';
import { callRoutes } from './calls.ts';
import type { Route } from './define.ts';
import { eventRoutes } from './events.ts';
import { logRoutes } from './log.ts';
import { memberRoutes } from './members.ts';
import { operatingRoutes } from './operating.ts';
import { recordRoutes } from './records.ts';
import { statusRoutes } from './status.ts';
import { submissionRoutes } from './submissions.ts';

export type { Rights, Route, RouteKind } from './define.ts';

/** The table: operation id → route. */
export const ROUTES = {
  ...statusRoutes,
  ...memberRoutes,
  ...agentRoutes,
  ...submissionRoutes,
  ...callRoutes,
  ...recordRoutes,
  ...logRoutes,
  ...eventRoutes,
  ...operatingRoutes,
} as const satisfies Record<string, Route>;

/** Operation ids. */
export type RouteName = keyof typeof ROUTES;

/** All operation ids, in the order of the table. */
export const ROUTE_NAMES = Object.keys(ROUTES) as RouteName[];

type Schemas<N extends RouteName> = (typeof ROUTES)[N];

/** Path parameters after validation. */
export type ParamsOf<N extends RouteName> = z.output<Schemas<N>['params']>;
/** Query after validation, defaults filled in. */
export type QueryOf<N extends RouteName> = z.output<Schemas<N>['query']>;
/** Body after validation, defaults filled in. */
export type BodyOf<N extends RouteName> = z.output<Schemas<N>['body']>;
/** The answer. */
export type ResponseOf<N extends RouteName> = z.output<Schemas<N>['response']>;

/** What a caller may write for the query: fields with a default may be left out. */
export type QueryInputOf<N extends RouteName> = z.input<Schemas<N>['query']>;
/** What a caller may write for the body. */
export type BodyInputOf<N extends RouteName> = z.input<Schemas<N>['body']>;

/** State of a node. */
export type StatusView = ResponseOf<'getStatus'>;
/** One member. */
export type MemberView = ResponseOf<'listMembers'>['members'][number];
/** What a member may do. */
export type MemberRole = MemberView['role'];
/** An invite as it is handed out. */
export type InviteView = ResponseOf<'createInvite'>;
/** An invite as it is listed, without its secret. */
export type InviteRow = ResponseOf<'listInvites'>['invites'][number];
/** One agent. */
export type AgentView = ResponseOf<'announceAgent'>;
/** Whether an agent can take work. */
export type AgentStatus = AgentView['status'];
/** One page of agents. */
export type AgentsView = ResponseOf<'listAgents'>;
/** How far a write has come. */
export type WriteView = ResponseOf<'retireAgent'>;
/** How far an enrolment has come. */
export type EnrolView = ResponseOf<'enrolAgents'>;
/** How far a submission has come. */
export type SubmittedView = ResponseOf<'submit'>;
/** One submission without its content. */
export type SubmissionRow = SubmissionsView['submissions'][number];
/** One page of submissions. */
export type SubmissionsView = ResponseOf<'listSubmissions'>;
/** One submission. */
export type SubmissionView = ResponseOf<'getSubmission'>;
/** The patch of a pull request. */
export type PatchView = ResponseOf<'getPatch'>;
/** How far a decision has come. */
export type DecidedView = ResponseOf<'decideSubmission'>;
/** A record as it stands at an address. */
export type RecordView = ResponseOf<'getRecord'>;
/** The versions of a record, or where a walk along its links came to. */
export type HistoryView = ResponseOf<'getHistory'>;
/** One version of a record. */
export type VersionView = HistoryView['versions'][number];
/** One call without its context. */
export type CallRow = CallsView['calls'][number];
/** One page of calls. */
export type CallsView = ResponseOf<'listCalls'>;
/** One call. */
export type CallView = ResponseOf<'getCall'>;
/** Models and GPUs of a host. */
export type HostView = ResponseOf<'getHost'>;
/** One page of the log. */
export type LogView = ResponseOf<'readLog'>;
/** One entry of the log. */
export type LogEntryView = LogView['entries'][number];
/** A proof of an entry. */
export type ProofView = ResponseOf<'getProof'>;
/** How far verifying the log has come. */
export type VerifyLogView = ResponseOf<'verifyLog'>;
/** The right to act as an agent, for a time. */
export type SessionView = ResponseOf<'revokeSession'>;
/** A session with its ticket. */
export type MadeSessionView = ResponseOf<'createSession'>;
/** The leader. */
export type LeaderView = ResponseOf<'getLeader'>;
/** What the checks found. */
export type DoctorView = ResponseOf<'getDoctor'>;
/** Why a thing is as it is. */
export type WhyView = ResponseOf<'getWhy'>;
/** One event. */
export type EventView = ResponseOf<'watchEvents'>;
