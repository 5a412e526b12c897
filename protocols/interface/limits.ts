const KIB = 1024;

/**
 * Every limit of COOEE in one place. docs/limits.md is generated from this table (`npm run docs`)
 * and a test keeps the two equal. Units stand last in the name. What exceeds a limit gets a typed
 * error and leaves nothing half-done.
 */
export const LIMITS = {
  /** Agents that one host may enrol: 16 models on 16 GPU slots. Code: ERR_API_BODY. */
  agentsPerHostMax: 256,
  /** Numbers (a model on a host) of token version 1: ten bits. */
  agentNumbersV1Max: 1024,
  /** GPU slots of one number: four bits. */
  gpuSlotsMax: 16,
  /** A field of the agent tuple, in bytes of UTF-8. Code: ERR_AGENT_ID_TUPLE. */
  tupleFieldBytesMax: 255,
  /**
   * A gossip message, envelope included. Larger payloads travel by stream. Code:
   * ERR_WIRE_TOO_LARGE.
   */
  gossipMessageBytesMax: 64 * KIB,
  /** Messages a node may publish on one topic, per second, evenly spread: the burst is one. */
  gossipMessagesPerSecondMax: 5,
  /** A frame on any of our streams. Code: ERR_WIRE_TOO_LARGE. */
  streamMessageBytesMax: 1024 * KIB,
  /** Commands in one signed batch. */
  batchCommandsMax: 64,
  /** A signed batch. Code: ERR_WIRE_TOO_LARGE. */
  batchBytesMax: 64 * KIB,
  /** An HTTP request body on either socket. Code: ERR_API_BODY_TOO_LARGE. */
  httpBodyBytesMax: 1024 * KIB,
  /** HTTP request headers. Code: ERR_API_HEADERS_TOO_LARGE. */
  httpHeaderBytesMax: 16 * KIB,
  /** A sealed enrolment's plaintext. Code: ERR_ENROLMENT_TOO_LARGE. */
  enrolmentBytesMax: 48 * KIB,
  /**
   * The sealed enrolment as it travels (age header, stanza and payload tags come on top). Code:
   * ERR_ENROLMENT_TOO_LARGE.
   */
  enrolmentSealedBytesMax: 56 * KIB,
  /** The free description of a GPU in an enrolment. Code: ERR_API_BODY. */
  gpuInfoBytesMax: 255,
  /** Enrolment requests that one node keeps until they are decided. Code: ERR_SLURP_OUTBOX_FULL. */
  enrolmentsPendingMax: 1_000,
  /** An invite line. Code: ERR_MEMBERSHIP_INVITE_MALFORMED. */
  inviteBytesMax: 1 * KIB,
  /** Uses that one invite may have. Code: ERR_API_BODY. */
  inviteUsesMax: 1000,
  /** How long the mesh knows an invite that has ended: it goes with the next that is issued. */
  inviteEndedMs: 30 * 24 * 60 * 60 * 1000,
  /** A submission, its patch left out. Code: ERR_SUBMISSION_TOO_LARGE. */
  submissionBytesMax: 256 * KIB,
  /**
   * A submission's content that travels and is kept in one piece with its command; a larger one is
   * a block.
   */
  submissionInlineBytesMax: 32 * KIB,
  /** A submission's patch, in bytes of UTF-8. Code: ERR_SUBMISSION_TOO_LARGE. */
  submissionPatchBytesMax: 512 * KIB,
  /** A block of a submission: a patch with its length before it. */
  submissionBlockBytesMax: 512 * KIB + 8,
  /**
   * Blocks of one member that a node keeps while no submission refers to them. Code:
   * ERR_SUBMISSION_BLOCKS_FULL.
   */
  submissionLooseBytesMax: 64 * 1024 * KIB,
  /**
   * Blocks of all members that a node keeps while no submission refers to them. Code:
   * ERR_SUBMISSION_BLOCKS_FULL.
   */
  submissionLooseBytesOfAllMax: 256 * 1024 * KIB,
  /** How long a block is kept that no submission refers to. */
  submissionLooseMs: 24 * 60 * 60 * 1000,
  /**
   * How long voters may be unable to hold the blocks of an accepted submission before it is
   * refused: longer than they keep blocks that nothing refers to, which make room by then.
   */
  submissionHoldMs: 48 * 60 * 60 * 1000,
  /**
   * Blocks that the submissions of one member may bring in a day, by the clock of the log. Code:
   * ERR_SUBMISSION_QUOTA.
   */
  submissionBlockBytesPerDayMax: 1024 * 1024 * KIB,
  /** Why a submission was decided so, in bytes. Code: ERR_API_BODY. */
  submissionWhyBytesMax: 4 * KIB,
  /** What a submission was decided as: a word. Code: ERR_API_BODY. */
  submissionDecisionLengthMax: 32,
  /** Refused submissions that their node remembers. */
  submissionRefusalsMax: 1_000,
  /** A submission's title, also that of an option in it. Code: ERR_API_BODY. */
  submissionTitleBytesMax: 512,
  /** Items in one list of a submission. Code: ERR_API_BODY. */
  submissionItemsMax: 256,
  /** The question of a call for help. Code: ERR_API_BODY. */
  callQuestionBytesMax: 8 * KIB,
  /** What is told besides the question of a call. Code: ERR_API_BODY. */
  callContextBytesMax: 16 * KIB,
  /** Refused calls that their node remembers. */
  callRefusalsMax: 256,
  /** Answers that a call suggests. Code: ERR_API_BODY. */
  callOptionsMax: 16,
  /** One of those. Code: ERR_API_BODY. */
  callOptionBytesMax: 512,
  /** An answer to a call, also the one that it names by itself. Code: ERR_API_BODY. */
  callAnswerBytesMax: 8 * KIB,
  /** The name of a human who acts at a node. Code: ERR_API_BODY. */
  humanNameBytesMax: 64,
  /** The shortest time that a call has. Code: ERR_API_BODY. */
  callLengthMsMin: 1_000,
  /** The time that a call has when its asker names none. */
  callLengthMsDefault: 60 * 60 * 1000,
  /** The longest time that a call has. Code: ERR_HELP_DEADLINE_RANGE. */
  callLengthMsMax: 30 * 24 * 60 * 60 * 1000,
  /** How long a claim of a call counts. */
  callClaimMs: 15 * 60 * 1000,
  /** How often a call is escalated before it expires. */
  callEscalationsMax: 3,
  /** Calls of one agent that are not settled. Code: ERR_HELP_TOO_MANY. */
  callsOpenPerAgentMax: 64,
  /** Calls of one node and its agents that are not settled. Code: ERR_HELP_TOO_MANY. */
  callsOpenPerNodeMax: 512,
  /** A UCXL address. Code: ERR_UCXL_SYNTAX. */
  addressBytesMax: 1 * KIB,
  /** Steps from its start that a walk along links goes. */
  walkDepthMax: 32,
  /** Links that one walk looks at. */
  walkLinksMax: 2_000,
  /** A member's name. */
  memberNameBytesMax: 255,
  /** Addresses kept of one member. */
  memberAddressesMax: 16,
  /** Waiting items in a node's outbox. Code: ERR_SLURP_OUTBOX_FULL. */
  outboxItemsMax: 10_000,
  /** Waiting items in the outbox of one agent. Code: ERR_SLURP_OUTBOX_FULL. */
  outboxItemsPerAgentMax: 1_000,
  /** Time for the headers of an HTTP request to arrive. Code: ERR_API_REQUEST_SLOW. */
  httpHeadersMsMax: 10_000,
  /** Time for a whole HTTP request to arrive. Code: ERR_API_REQUEST_SLOW. */
  httpRequestMsMax: 30_000,
  /** How long an answer may lie unread until its connection is closed. */
  httpAnswerMsMax: 30_000,
  /** Connections open at once on one socket; more are closed at once. */
  socketConnectionsMax: 1_024,
  /** Requests open at once on one socket. Code: ERR_API_BUSY. */
  socketRequestsMax: 200,
  /** Event streams open at once on one socket. Code: ERR_API_BUSY. */
  socketWatchersMax: 64,
  /** Items in one answer of a list. Code: ERR_API_QUERY. */
  listItemsMax: 1_000,
  /** Items in one answer of a list when the caller names no limit. */
  listItemsDefault: 100,
  /** Guests (peers before admission) at the door at once. */
  guestsMax: 8,
  /** Guests at once from one address (IPv4, or IPv6 /64). */
  guestsPerAddressMax: 4,
  /** How long a guest may stay. */
  guestStayMs: 10_000,
  /** Members that may be reached through one relay: as many as a mesh has. */
  relayReservationsMax: 256,
  /** A place on a relay is asked for again five minutes before this time has passed. */
  relayReservationMs: 3_600_000,
  /** Relayed connections on one connection of a member to a relay, each way. */
  relayedPerMemberMax: 64,
  /** Relays that a node keeps a place on. */
  relaysUsedMax: 2,
  /** Addresses through one relay that a node tells others. */
  relayAddressesMax: 2,
  /** A connection must be encrypted and multiplexed within this time. */
  upgradeTimeoutMs: 3_000,
  /** Signed parts of one announcement: 256 agents at their limits fit. */
  announcementPartsMax: 32,
  /** Capabilities of one agent. Code: ERR_API_BODY. */
  capabilitiesPerAgentMax: 64,
  /** One capability, in bytes. Code: ERR_API_BODY. */
  capabilityBytesMax: 64,
  /** Sequence numbers that the replay window remembers per origin. */
  replayWindowSize: 1_024,
  /** How far a beat's or an enrolment's time may be from ours. Code: ERR_ENROLMENT_TIME. */
  timeWindowMs: 5 * 60 * 1000,
  /** A record of the DHT: a whole log entry, its audit path and a signed head fit. */
  dhtRecordBytesMax: 72 * KIB,
  /** What a node stores for the DHT, in bytes. */
  dhtStoreBytesMax: 64 * 1024 * KIB,
  /** Keys that a node stores for the DHT: records and providers. */
  dhtStoreKeysMax: 8_192,
  /** Entries in one answer of the replica protocol. */
  replicaEntriesMax: 512,
  /** Voters of a mesh, and as many learners. */
  votersMax: 9,
  /** Events that an event stream can be resumed over; older ones are an explicit gap. */
  eventsKeptMax: 4_096,
  /** How long a caller may wait for a commit. Code: ERR_API_QUERY. */
  waitMsMax: 60_000,
  /** How long a caller waits for a commit when it names no time. */
  waitMsDefault: 10_000,
  /**
   * Longest Unix socket path that Linux takes, without the closing zero. Code: ERR_API_SOCKET_PATH.
   */
  socketPathBytesMax: 103,
  /** A ticket of an agent. Code: ERR_SESSIONS_TICKET. */
  ticketBytesMax: 1 * KIB,
  /** How long a ticket is good. Code: ERR_SESSIONS_EXPIRED. */
  ticketLifeMs: 30 * 24 * 60 * 60 * 1000,
  /** Tickets of one agent that are good at once. Code: ERR_SESSIONS_TOO_MANY. */
  sessionsPerAgentMax: 16,
  /** Tickets of one node that are good at once. Code: ERR_SESSIONS_TOO_MANY. */
  sessionsMax: 1_024,
  /** A message that a client sends to `cooee mcp`; a longer one ends the connection. */
  mcpMessageBytesMax: 2 * 1024 * KIB,
  /** Requests under way at once on one MCP server. Code: ERR_API_BUSY. */
  mcpCallsMax: 32,
  /** Resources that one MCP client is subscribed to. Code: ERR_MCP_SUBSCRIPTIONS. */
  mcpSubscriptionsMax: 256,
  /** Items in one answer of a tool: models read them all. */
  mcpListItemsMax: 100,
  /** Items in one answer of a tool when the caller names no limit. */
  mcpListItemsDefault: 25,
  /** How long a tool may wait: MCP clients give up after 60 s by themselves. */
  mcpWaitMsMax: 45_000,
  /** Stored results of idempotency keys per socket, in bytes. */
  idempotencyBytesMax: 16 * 1024 * KIB,
  /** Stored results of idempotency keys per socket. */
  idempotencyKeysMax: 4_096,
  /** The passphrase of a backup. Code: ERR_API_USAGE. */
  backupPassphraseBytesMax: 1 * KIB,
  /** Files in a backup. Code: ERR_BACKUP_DAMAGED. */
  backupFilesMax: 100_000,
  /** The path of a file in a backup. Code: ERR_BACKUP_DAMAGED. */
  backupPathBytesMax: 1 * KIB,
  /**
   * All files of a backup together: what a home can have is far below. Code: ERR_BACKUP_DAMAGED.
   */
  backupBytesMax: 1024 ** 4,
  /** Webhooks in the configuration of a node. Code: ERR_CONFIG_INVALID. */
  webhooksMax: 16,
  /** Deliveries that wait for one webhook; beyond it the oldest are given up. */
  webhookWaitingMax: 1_000,
  /** Deliveries to one webhook at once. */
  webhookParallelMax: 4,
  /** Time for one attempt of a delivery, from the look-up of the name to the status. */
  webhookAttemptMsMax: 10_000,
  /** A delivery that did not succeed within this time is given up. */
  webhookDeliveryMsMax: 24 * 60 * 60 * 1000,
  /** What a webhook's request shows of a question or an answer, in bytes. */
  webhookTextBytesMax: 4 * KIB,
  /** What is read of the body that a webhook's receiver answers with, in bytes. */
  webhookResponseBytesMax: 4 * KIB,
} as const;
