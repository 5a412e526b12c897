const KIB = 1024;

/**
 * Every limit of COOEE in one place. docs/limits.md is generated from this table (`npm run docs`)
 * and a test keeps the two equal. Units stand last in the name. What exceeds a limit gets a typed
 * error and leaves nothing half-done.
 */
export const LIMITS = {
  /** Agents that one host may enrol: 16 models on 16 GPU slots. */
  agentsPerHostMax: 256,
  /** Numbers (a model on a host) of token version 1: ten bits. */
  agentNumbersV1Max: 1024,
  /** GPU slots of one number: four bits. */
  gpuSlotsMax: 16,
  /** A field of the agent tuple, in bytes of UTF-8. */
  tupleFieldBytesMax: 255,
  /** A gossip message, envelope included. Larger payloads travel by stream. */
  gossipMessageBytesMax: 64 * KIB,
  /** Messages a node may publish on one topic, per second, evenly spread: the burst is one. */
  gossipMessagesPerSecondMax: 5,
  /** A frame on any of our streams. */
  streamMessageBytesMax: 1024 * KIB,
  /** A content-addressed block. */
  blockBytesMax: 512 * KIB,
  /** Commands in one signed batch. */
  batchCommandsMax: 64,
  /** A signed batch. */
  batchBytesMax: 64 * KIB,
  /** An HTTP request body on either socket. */
  httpBodyBytesMax: 1024 * KIB,
  /** HTTP request headers. */
  httpHeaderBytesMax: 16 * KIB,
  /** A sealed enrolment's plaintext. */
  enrolmentBytesMax: 48 * KIB,
  /** The sealed enrolment as it travels (age header, stanza and payload tags come on top). */
  enrolmentSealedBytesMax: 56 * KIB,
  /** The free description of a GPU in an enrolment. */
  gpuInfoBytesMax: 255,
  /** Enrolment requests that one node keeps until they are decided. */
  enrolmentsPendingMax: 1_000,
  /** An invite line. */
  inviteBytesMax: 1 * KIB,
  /** Uses that one invite may have. */
  inviteUsesMax: 1000,
  /** A submission, its patch left out. */
  submissionBytesMax: 256 * KIB,
  /** A submission's content that travels and is kept in one piece with its command. */
  submissionInlineBytesMax: 32 * KIB,
  /** A submission's title, also that of an option in it. */
  submissionTitleBytesMax: 512,
  /** Items in one list of a submission. */
  submissionItemsMax: 256,
  /** A UCXL address. */
  addressBytesMax: 1 * KIB,
  /** A member's name. */
  memberNameBytesMax: 255,
  /** Addresses kept of one member. */
  memberAddressesMax: 16,
  /** Waiting items in a node's outbox. */
  outboxItemsMax: 10_000,
  /** Waiting items in the outbox of one agent. */
  outboxItemsPerAgentMax: 1_000,
  /** Time for the headers of an HTTP request to arrive. */
  httpHeadersMsMax: 10_000,
  /** Time for a whole HTTP request to arrive. */
  httpRequestMsMax: 30_000,
  /** Connections open at once on one socket; more are closed at once. */
  socketConnectionsMax: 1_024,
  /** Requests open at once on one socket. */
  socketRequestsMax: 200,
  /** Event streams open at once on one socket. */
  socketWatchersMax: 64,
  /** Items in one answer of a list. */
  listItemsMax: 1_000,
  /** Items in one answer of a list when the caller names no limit. */
  listItemsDefault: 100,
  /** Guests (peers before admission) at the door at once. */
  guestsMax: 8,
  /** Guests at once from one address (IPv4, or IPv6 /64). */
  guestsPerAddressMax: 4,
  /** How long a guest may stay. */
  guestStayMs: 10_000,
  /** A connection must be encrypted and multiplexed within this time. */
  upgradeTimeoutMs: 3_000,
  /** Signed parts of one announcement: 256 agents at their limits fit. */
  announcementPartsMax: 32,
  /** Capabilities of one agent. */
  capabilitiesPerAgentMax: 64,
  /** One capability, in bytes. */
  capabilityBytesMax: 64,
  /** Sequence numbers that the replay window remembers per origin. */
  replayWindowSize: 1_024,
  /** How far a beat's or an enrolment's time may be from ours. */
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
  /** How long a caller may wait for a commit. */
  waitMsMax: 60_000,
  /** How long a caller waits for a commit when it names no time. */
  waitMsDefault: 10_000,
  /** Longest Unix socket path that Linux takes, without the closing zero. */
  socketPathBytesMax: 103,
  /** Stored results of idempotency keys per socket, in bytes. */
  idempotencyBytesMax: 16 * 1024 * KIB,
  /** Stored results of idempotency keys per socket. */
  idempotencyKeysMax: 4_096,
} as const;
