import type {
  AgentsView,
  AgentView,
  BodyOf,
  CallsView,
  CallView,
  DecidedView,
  DoctorView,
  EnrolView,
  HistoryView,
  HostView,
  InviteRow,
  InviteView,
  LeaderView,
  LogView,
  MadeSessionView,
  MemberRole,
  MemberView,
  PatchView,
  ProofView,
  QueryOf,
  RecordView,
  ResponseOf,
  Rights,
  SessionView,
  StatusView,
  SubmissionsView,
  SubmissionView,
  SubmittedView,
  VerifyLogView,
  WhyView,
  WriteView,
} from './routes/index.ts';

/** How long a write is waited for; out of `?wait=committed&timeoutMs=`. */
export interface WriteWait {
  /** True: answer when committed, or at the time-out with the state reached, never earlier. */
  readonly committed: boolean;
  readonly timeoutMs: number;
}

/** Who asks. */
export interface Caller {
  /** The socket that the request came in by. */
  readonly rights: Rights;
  /** Token of the agent that acts, by the ticket that came with the request. */
  readonly agent?: string | undefined;
}

/** What every read may ask for; the dispatcher sees to it. */
type Freshness = 'minIndex' | 'consistency';

/** Filters of {@link ApiServices.queryAgents}; `limit` has its default filled in. */
export type AgentsQuery = Omit<QueryOf<'listAgents'>, Freshness>;

/** Filters of {@link ApiServices.listSubmissions}; `limit` has its default filled in. */
export type SubmissionsQuery = Omit<QueryOf<'listSubmissions'>, Freshness>;

/** Filters of {@link ApiServices.listCalls}; `limit` has its default filled in. */
export type CallsQuery = Omit<QueryOf<'listCalls'>, Freshness>;

/** Which history, and how; `limit` has its default filled in. */
export type HistoryQuery = Omit<QueryOf<'getHistory'>, Freshness>;

/**
 * One page of agents. `json`, when given, is the whole answer `{"agents":[…],"cursor":…}` already
 * as text: it is sent as it is, which spares stringifying (STACK.md, trap 30).
 */
export type AgentsPage = AgentsView | { readonly json: string };

/** Filters and place of {@link ApiServices.readLog}. */
export type LogQuery = QueryOf<'readLog'>;

/** How far a verification has come, as the last answer said. */
export type VerifiedSoFar = VerifyLogView['verified'];

/**
 * What the handlers call. Every method may throw a CooeeError, which reaches the caller as it is.
 */
export interface ApiServices {
  /** The last log index applied here; sent with every answer as `X-Cooee-Index`. Cheap. */
  appliedIndex(): number;
  /**
   * Resolves once `index` is applied. However many wait, each costs one timer.
   *
   * @throws CooeeError ERR_API_TIMEOUT after `timeoutMs`; ERR_API_STARTING while there is no log,
   * and when its node stops
   */
  waitForIndex(index: number, timeoutMs: number): Promise<void>;
  /** The index that a linearizable read waits for. @throws CooeeError ERR_SLURP_NO_LEADER */
  readIndex(): Promise<number>;

  /** Peer id of this node; known also while it starts, and whatever is wrong with it. */
  self(): string;
  status(): StatusView | Promise<StatusView>;
  members(): readonly MemberView[] | Promise<readonly MemberView[]>;
  /** Resolves after commit. */
  issueInvite(input: BodyOf<'createInvite'>): Promise<InviteView>;
  /** Those that still let somebody in, without their secrets. */
  listInvites(): readonly InviteRow[];
  /** `id`: as listed. @throws CooeeError ERR_MEMBERSHIP_INVITE_UNKNOWN, ERR_MEMBERSHIP_FORBIDDEN */
  revokeInvite(id: string, wait: WriteWait): Promise<WriteView>;
  /**
   * Resolves when this node is a member. @throws CooeeError within 30 s, see docs/cli.md, join
   */
  join(invite: string): Promise<ResponseOf<'joinMesh'>>;
  leave(): Promise<ResponseOf<'leaveMesh'>>;
  /** See {@link ApiServices.join}. @throws CooeeError ERR_SLURP_QUORUM, ERR_SLURP_RECOVERY */
  recover(input: BodyOf<'recoverMesh'>): Promise<ResponseOf<'recoverMesh'>>;
  setRole(peer: string, role: MemberRole, wait: WriteWait): Promise<WriteView>;
  removeMember(peer: string, wait: WriteWait): Promise<WriteView>;
  /** What is not given stays. */
  setMesh(change: BodyOf<'setMesh'>, wait: WriteWait): Promise<WriteView>;

  /**
   * Synchronous, from memory. @throws CooeeError ERR_API_QUERY for a cursor that is not one of ours
   */
  queryAgents(query: AgentsQuery): AgentsPage;
  /**
   * `ref`: token, hash, tiny hash, `number:N`, `#N`, or a UCXL address, percent-decoded.
   *
   * @throws CooeeError ERR_API_NOT_FOUND; the codec's errors for what is no reference at all
   */
  resolveAgent(ref: string): ResponseOf<'getAgent'> | Promise<ResponseOf<'getAgent'>>;
  /** One request for all of `agents`; 1 to 256 of them. */
  enrol(agents: readonly EnrolItem[], wait: WriteWait): Promise<EnrolView>;
  retire(token: string, wait: WriteWait): Promise<WriteView>;
  /** Partial: what is not given stays. @throws CooeeError ERR_SESSIONS_NOT_SELF */
  announce(token: string, change: BodyOf<'announceAgent'>, caller: Caller): Promise<AgentView>;
  rebind(token: string, peer: string, wait: WriteWait): Promise<WriteView>;

  /**
   * The token of the agent that a ticket names; at once for a ticket that was seen before.
   *
   * @throws CooeeError ERR_SESSIONS_*; ERR_API_STARTING while there is no node
   */
  authenticate(ticket: string): string | Promise<string>;
  /** @throws CooeeError ERR_API_NOT_FOUND, ERR_SESSIONS_AGENT_GONE, ERR_SESSIONS_TOO_MANY */
  createSession(token: string): Promise<MadeSessionView>;
  listSessions(): readonly SessionView[];
  /** @throws CooeeError ERR_API_NOT_FOUND */
  revokeSession(id: string): Promise<SessionView>;

  /** The author is filled in: the node, and the agent that acts. */
  submit(submission: BodyOf<'submit'>, wait: WriteWait, caller: Caller): Promise<SubmittedView>;
  /** @throws CooeeError ERR_API_QUERY for a cursor that is not one of ours; ERR_UCXL_* */
  listSubmissions(query: SubmissionsQuery): SubmissionsView;
  /** @throws CooeeError ERR_API_NOT_FOUND, ERR_SUBMISSION_BLOCK_MISSING */
  getSubmission(id: string): Promise<SubmissionView>;
  /** @throws CooeeError ERR_API_NOT_FOUND, also without a patch; ERR_SUBMISSION_BLOCK_MISSING */
  getPatch(id: string): Promise<PatchView>;
  /** @throws CooeeError ERR_SUBMISSION_UNKNOWN, ERR_SUBMISSION_DECIDED, ERR_MEMBERSHIP_FORBIDDEN */
  decideSubmission(
    id: string,
    decision: BodyOf<'decideSubmission'>,
    wait: WriteWait,
  ): Promise<DecidedView>;

  /** The asker is filled in. @throws CooeeError ERR_HELP_* */
  openCall(
    call: BodyOf<'openCall'>,
    wait: WriteWait,
    caller: Caller,
  ): Promise<ResponseOf<'openCall'>>;
  /** @throws CooeeError ERR_API_QUERY for a cursor that is not one of ours */
  listCalls(query: CallsQuery): CallsView;
  /** @throws CooeeError ERR_HELP_UNKNOWN */
  getCall(id: string): CallView;
  /** @throws CooeeError ERR_HELP_CLAIMED with who has it, ERR_HELP_* */
  claimCall(
    id: string,
    body: BodyOf<'claimCall'>,
    wait: WriteWait,
  ): Promise<ResponseOf<'claimCall'>>;
  /** @throws CooeeError ERR_HELP_* */
  releaseCall(
    id: string,
    body: BodyOf<'releaseCall'>,
    wait: WriteWait,
  ): Promise<ResponseOf<'releaseCall'>>;
  /** @throws CooeeError ERR_HELP_FENCE with who holds it, ERR_HELP_DEADLINE, ERR_HELP_* */
  answerCall(
    id: string,
    body: BodyOf<'answerCall'>,
    wait: WriteWait,
  ): Promise<ResponseOf<'answerCall'>>;
  /** @throws CooeeError ERR_HELP_NOT_ASKER, ERR_HELP_* */
  withdrawCall(id: string, wait: WriteWait, caller: Caller): Promise<ResponseOf<'withdrawCall'>>;

  /**
   * What stands at an address of any kind.
   *
   * @throws CooeeError ERR_UCXL_*, ERR_API_NOT_FOUND, ERR_RECORDS_VERSION
   */
  getRecord(address: string): Promise<RecordView>;
  /** @throws CooeeError as getRecord; ERR_API_QUERY for a cursor or relation that is none */
  getHistory(query: HistoryQuery): Promise<HistoryView>;

  /** A page of the log. @throws CooeeError ERR_STORAGE_COMPACTED */
  readLog(query: LogQuery): Promise<LogView>;
  /** @throws CooeeError ERR_API_NOT_FOUND, ERR_STORAGE_COMPACTED */
  proof(index: number, anchor: number): Promise<ProofView>;
  /** Verifies the log on the disk a step further; from its beginning without `soFar`. */
  verifyLog(soFar: VerifiedSoFar | undefined): Promise<VerifyLogView>;

  host(): Promise<HostView>;
  leader(): LeaderView | Promise<LeaderView>;
  /**
   * Answers the new leader. @throws CooeeError ERR_API_NOT_FOUND when `to` is no voter,
   * ERR_SLURP_NO_LEADER, ERR_MEMBERSHIP_FORBIDDEN
   */
  transferLeader(to: string | undefined): Promise<LeaderView>;
  doctor(): Promise<DoctorView>;
  /**
   * Explains one thing from what this node has seen.
   *
   * @throws CooeeError ERR_API_NOT_FOUND when nothing of that name is known
   */
  why(thing: string, caller: Caller): Promise<WhyView>;
  /**
   * Copies the home for a backup.
   *
   * @param signal - ends it: nothing is left of the copy then
   * @throws CooeeError ERR_STORAGE_*; what the signal was aborted with
   */
  stageBackup(signal: AbortSignal): Promise<ResponseOf<'stageBackup'>>;
  /** Prometheus text format. */
  metricsText(): string;
  /** Begins to stop the daemon. Called once the answer has been sent; must not throw. */
  stop(): void;

  readonly events: EventSource;
}

/** One agent of an enrolment, the same for both forms of the body. */
export interface EnrolItem {
  readonly model: string;
  readonly gpuId?: number | undefined;
  readonly gpuInfo?: string | undefined;
}

/** What the node publishes; id and time are added by the log of events. */
export interface EventInput {
  /** `noun:verb`, e.g. `member:join`. */
  readonly type: string;
  /** Log index, when the event is a committed one. */
  readonly index?: number;
  /** UCXL address of what it is about. */
  readonly address?: string;
  /** Plain and small, and not changed any more; bytes in it are not told. */
  readonly data: unknown;
}

/** Why events may be missing. */
export type GapReason = 'expired' | 'restart' | 'slow';

/** What a subscriber is handed. */
export type EventItem =
  | { readonly kind: 'event'; readonly id: string; readonly json: string }
  | { readonly kind: 'gap'; readonly id: string; readonly reason: GapReason };

/** Where a subscription begins, and what it is about. */
export interface SubscribeInit {
  /** A `<boot>-<seq>` id: begin after it. Without it only what happens from now on. */
  readonly sinceId?: string | undefined;
  /** Log index of the last entry of which all events came; for a `sinceId` of another boot. */
  readonly sinceIndex?: number | undefined;
  /** Pattern as in `match=`. Everything without it. */
  readonly match?: string | undefined;
}

/** A reader of events: pulls, so that a slow one costs a bounded ring and nothing more. */
export interface EventSubscription {
  /** The id up to which this reader has looked, whether or not the events matched. */
  readonly position: string;
  /** The next item that is there already, or undefined when there is none. */
  take(): EventItem | undefined;
  /** Called (once) as soon as {@link take} has something again; replaces an earlier callback. */
  onReady(callback: () => void): void;
  close(): void;
}

/** Where `GET /v1/events` reads from. */
export interface EventSource {
  /** @throws CooeeError ERR_API_QUERY for a pattern that is not one, ERR_UCXL_SYNTAX */
  subscribe(init: SubscribeInit): EventSubscription;
}
