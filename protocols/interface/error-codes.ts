/** One row of the error table: see docs/errors.md, which is checked against it. */
export interface ErrorRow {
  /** HTTP status on the sockets. */
  readonly http: number;
  /**
   * Exit code of the command line: 1 failed, 2 usage, 3 not there, 4 refused, 5 no daemon, 6
   * temporary.
   */
  readonly exit: 1 | 2 | 3 | 4 | 5 | 6;
  /** Whether the unchanged request may succeed later. */
  readonly retryable: boolean;
  /** What happened, one sentence; the default message. */
  readonly meaning: string;
  /** What to do next, one sentence. */
  readonly remedy: string;
}

const row = (
  http: number,
  exit: ErrorRow['exit'],
  meaning: string,
  remedy: string,
  retryable = false,
): ErrorRow => ({ http, exit, retryable, meaning, remedy });

/**
 * Every error code: `ERR_<FOLDER>_<CONDITION>`, grouped by folder and sorted. A code is never
 * reused for another meaning. docs/errors.md is generated from this table (`npm run docs`) and a
 * test keeps the two equal.
 */
export const ERROR_CODES = {
  // agent-id
  ERR_AGENT_ID_CHECKSUM: row(
    400,
    2,
    'The token has a wrong checksum.',
    'Check the token for a typing error; cooee agents lists the known ones.',
  ),
  ERR_AGENT_ID_LENGTH: row(
    400,
    2,
    'A token has 5 symbols (version 1) or 8 (version 2).',
    'Check that the whole token was copied; cooee agents lists the known ones.',
  ),
  ERR_AGENT_ID_RANGE: row(
    400,
    2,
    'A number is outside of its field.',
    'Use host 0-1023, gpu 0-15 and reserved 0-3; with --version 2 host 0-16777215 and reserved 0-1.',
  ),
  ERR_AGENT_ID_RESERVED: row(
    400,
    2,
    'The token has reserved bits set.',
    'Check the token for a typing error, or upgrade COOEE on this host.',
  ),
  ERR_AGENT_ID_SYMBOL: row(
    400,
    2,
    'The token has a symbol outside of Crockford Base32.',
    'Use 0-9 and A-Z without U; I and L count as 1, O as 0.',
  ),
  ERR_AGENT_ID_TUPLE: row(
    400,
    2,
    'The agent description is not in canonical form.',
    'Use 1-255 bytes a field, without | and control characters, and a MAC of 12 hex digits.',
  ),
  ERR_AGENT_ID_VERSION: row(
    400,
    2,
    'The token has a version that this program does not know.',
    'Check the token for a typing error, or upgrade COOEE on this host.',
  ),
  // api
  ERR_API_BODY: row(
    400,
    2,
    'The request body is not valid.',
    'details.path names the field; the schema of the route is at /openapi.json.',
  ),
  ERR_API_BODY_TOO_LARGE: row(413, 2, 'The request body is too large.', 'Keep it below 1 MiB.'),
  ERR_API_BUSY: row(
    503,
    6,
    'Too many requests are open on this socket.',
    'Try again in a moment, or open fewer at once.',
    true,
  ),
  ERR_API_DAEMON_NOT_RUNNING: row(
    503,
    5,
    'No daemon answers on the socket.',
    'Start one with: cooee up',
  ),
  ERR_API_FORBIDDEN: row(
    403,
    4,
    'This socket may not do that.',
    'The operator may: use the operator socket (cooee.sock in the home), as the user of the daemon.',
  ),
  ERR_API_HEADERS_TOO_LARGE: row(
    431,
    2,
    'The request headers are too large.',
    'Keep them below 16 KiB.',
  ),
  ERR_API_HTTP: row(
    400,
    2,
    'The request is not valid HTTP.',
    'Use an HTTP/1.1 client, such as curl --unix-socket.',
  ),
  ERR_API_IDEMPOTENCY_MISMATCH: row(
    409,
    4,
    'The idempotency key was used for another request.',
    'Use a new key for a new request.',
  ),
  ERR_API_INTERNAL: row(
    500,
    1,
    'The daemon met a fault of its own.',
    'The log of the daemon says what it was; please report it, with that part of the log.',
  ),
  ERR_API_METHOD: row(
    405,
    2,
    'The route does not take that method.',
    'See /openapi.json for the routes.',
  ),
  ERR_API_NOT_FOUND: row(
    404,
    3,
    'There is no such thing.',
    'Check the name; cooee why NAME tells what this node knows of a member, an agent, a call or a submission.',
  ),
  ERR_API_ORIGIN: row(
    403,
    4,
    'Requests from a browser or for another host are refused.',
    'Talk to the socket directly, with Host: localhost and no Origin or Referer.',
  ),
  ERR_API_QUERY: row(
    400,
    2,
    'A query parameter is not valid.',
    'details.path names the parameter; the schema of the route is at /openapi.json.',
  ),
  ERR_API_REQUEST_SLOW: row(
    408,
    6,
    'The request did not arrive in time.',
    'Send headers and body at once.',
    true,
  ),
  ERR_API_SOCKET_PATH: row(
    500,
    2,
    'The socket path is longer than 103 bytes.',
    'Give a shorter one with --socket, or use a shorter --home.',
  ),
  ERR_API_SOCKET_TAKEN: row(
    500,
    4,
    'Something else stands where the socket should be.',
    'Move it away, or give another path with --socket.',
  ),
  ERR_API_STARTING: row(
    503,
    6,
    'The daemon is starting or changing its mesh.',
    'Try again in a moment.',
    true,
  ),
  ERR_API_TIMEOUT: row(
    504,
    6,
    'The request took too long.',
    'Try again; cooee doctor tells what is missing.',
    true,
  ),
  ERR_API_USAGE: row(400, 2, 'The command was not understood.', 'See: cooee --help'),
  // backup
  ERR_BACKUP_DAMAGED: row(
    400,
    2,
    'The backup is damaged or cut.',
    'Fetch the file again from where it is kept, or use an older backup.',
  ),
  ERR_BACKUP_EXISTS: row(
    409,
    4,
    'There is a file of that name.',
    'Name another one, or replace it with --force.',
  ),
  ERR_BACKUP_FOREIGN: row(
    400,
    2,
    'That is no backup of COOEE.',
    'Give the file that cooee backup wrote.',
  ),
  ERR_BACKUP_HOME_NOT_EMPTY: row(
    409,
    4,
    'A backup is restored into an empty home only.',
    'Move what is there away, or give another home with --home.',
  ),
  ERR_BACKUP_NEWER: row(
    400,
    1,
    'The backup was made by a newer COOEE.',
    'Upgrade COOEE on this host.',
  ),
  ERR_BACKUP_NO_FOLDER: row(
    404,
    2,
    'There is no folder for the backup there.',
    'Make the folder first, or name a file in one that is there.',
  ),
  ERR_BACKUP_NO_HOME: row(
    404,
    3,
    'There is no home to back up.',
    'Give the home of a node with --home.',
  ),
  ERR_BACKUP_PASSPHRASE: row(
    403,
    4,
    'The passphrase is not the one of this backup.',
    'Check the passphrase, and that it is the right file.',
  ),
  // bootstrap
  ERR_BOOTSTRAP_HOST_FACTS: row(
    500,
    1,
    'The host has no usable hostname or MAC address.',
    'Give them with: cooee up --hostname H --mac M',
  ),
  ERR_BOOTSTRAP_INVITER_UNREACHABLE: row(
    504,
    6,
    'None of the addresses in the invite answers.',
    'Check that the inviting host is up and reachable; the daemon keeps trying until the invite expires.',
    true,
  ),
  ERR_BOOTSTRAP_LISTEN: row(
    500,
    1,
    'No listen address could be opened.',
    'Give an address of this host: cooee up --listen /ip4/0.0.0.0/tcp/26633',
  ),
  ERR_BOOTSTRAP_OTHER_MESH: row(
    409,
    4,
    'This home belongs to another mesh.',
    'Run cooee leave first, or use another home with --home.',
  ),
  ERR_BOOTSTRAP_SERVICE_DAEMON: row(
    409,
    4,
    'A daemon that is not the service runs on this home.',
    'Stop it with: cooee down',
  ),
  ERR_BOOTSTRAP_SERVICE_FAILED: row(
    500,
    1,
    'The service manager of the system refused.',
    'See what the daemon said with: cooee service logs',
  ),
  ERR_BOOTSTRAP_SERVICE_FOREIGN: row(
    409,
    4,
    'Somebody else has made a service of that name.',
    'Remove that one first, or use it instead.',
  ),
  ERR_BOOTSTRAP_SERVICE_MISSING: row(
    404,
    3,
    'The service is not installed.',
    'Install it with: cooee service install',
  ),
  ERR_BOOTSTRAP_SERVICE_PATH: row(
    400,
    2,
    'A service of the system cannot reach a path that it needs.',
    'Install Node.js and this program for all users (sudo npm install -g), or use --user.',
  ),
  ERR_BOOTSTRAP_SERVICE_ROOT: row(
    403,
    4,
    'A service of the system needs root.',
    'Use sudo, or --user for a service of your own.',
  ),
  ERR_BOOTSTRAP_SERVICE_UNSUPPORTED: row(
    501,
    1,
    'There is no service manager here that this program knows.',
    'Keep the daemon running with what is there; its command is: cooee up',
  ),
  // capability
  ERR_CAPABILITY_ANNOUNCEMENT: row(
    400,
    2,
    'The announcement is not valid.',
    'Use a load of 0-1000, whole numbers of tasks, and at most 64 capabilities of 1-64 bytes; see: cooee announce --help',
  ),
  ERR_CAPABILITY_NOT_OWNER: row(
    403,
    4,
    'Only the node that an agent lives on may announce it.',
    'Announce on the host that the agent runs on.',
  ),
  // config
  ERR_CONFIG_INVALID: row(
    500,
    2,
    'The configuration file is not valid.',
    'Correct the field that is named; docs/config.md lists all.',
  ),
  ERR_CONFIG_SECRET_SHOWN: row(
    500,
    2,
    'A file that holds a secret can be read by others.',
    'Make it the own of the daemon alone: chmod 600 FILE',
  ),
  // enrolment
  ERR_ENROLMENT_CIPHERTEXT: row(
    400,
    4,
    'The sealed enrolment cannot be opened.',
    'Nothing to do: the publisher seals it anew to the present leader.',
    true,
  ),
  ERR_ENROLMENT_FULL: row(
    507,
    4,
    'All agent numbers of the mesh are granted.',
    'Raise the level of the mesh to one with longer tokens, when all members support it: cooee mesh set --level LEVEL',
  ),
  ERR_ENROLMENT_HOST_BOUND: row(
    409,
    4,
    'That hostname and MAC belong to another node.',
    'If the host has a new identity, an admin runs: cooee agents rebind TOKEN PEER',
  ),
  ERR_ENROLMENT_MALFORMED: row(
    400,
    4,
    'The enrolment is not in canonical form.',
    'Use an unmodified daemon of a supported version.',
  ),
  ERR_ENROLMENT_MESH: row(
    403,
    4,
    'The enrolment is for another mesh.',
    'Enrol with the daemon that is a member of this mesh.',
  ),
  ERR_ENROLMENT_MIXED_HOSTS: row(
    400,
    4,
    'An enrolment names more than one hostname and MAC.',
    'Enrol the agents of each host on that host.',
  ),
  ERR_ENROLMENT_ORIGIN: row(
    403,
    4,
    'The enrolment was published by another node than it speaks for.',
    'Enrol on the host that the agents run on.',
  ),
  ERR_ENROLMENT_RECIPIENTS: row(
    400,
    4,
    'A sealed enrolment must have exactly one recipient.',
    'Use an unmodified daemon of a supported version.',
  ),
  ERR_ENROLMENT_REPLAY: row(
    409,
    4,
    'That enrolment was decided already.',
    'Enrol it again: cooee enrol --model MODEL',
  ),
  ERR_ENROLMENT_TIME: row(
    400,
    6,
    'The time of the enrolment is more than 5 minutes from the time of the leader.',
    'Set the clocks of both hosts; the enrolment is kept and sent again.',
    true,
  ),
  ERR_ENROLMENT_TOO_LARGE: row(
    413,
    4,
    'The enrolment is too large.',
    'Enrol at most 256 agents of a host.',
  ),
  // help
  ERR_HELP_ANSWERED: row(
    409,
    4,
    'The call is answered already.',
    'Read the answer: cooee calls ID',
  ),
  ERR_HELP_CLAIMED: row(
    409,
    4,
    'Another human works on the call.',
    'Leave it to them; their claim lapses after 15 minutes.',
  ),
  ERR_HELP_DEADLINE: row(
    409,
    3,
    'The deadline of the call has passed.',
    'Its policy decides now; read what became of it: cooee calls ID',
  ),
  ERR_HELP_DEADLINE_RANGE: row(
    400,
    2,
    'A call cannot have that deadline.',
    'Give it between a second and 30 days from now.',
  ),
  ERR_HELP_EXPIRED: row(
    410,
    3,
    'The call expired without an answer.',
    'Its asker may open a new one.',
  ),
  ERR_HELP_FENCE: row(
    409,
    4,
    'The claim does not count any more.',
    'See who holds the call, cooee calls ID, and claim it again when nobody does: cooee claim ID',
  ),
  ERR_HELP_HUMAN: row(
    403,
    4,
    'Only a human claims, releases and answers calls.',
    'Use the operator socket and say who you are: cooee claim ID --by NAME',
  ),
  ERR_HELP_NOT_ASKER: row(
    403,
    4,
    'Only its asker withdraws a call.',
    'Withdraw it on the node that asked; others may answer it.',
  ),
  ERR_HELP_NOT_DUE: row(
    409,
    4,
    'The time for that has not come.',
    'The leader proposes it by itself when it has.',
  ),
  ERR_HELP_TOO_MANY: row(
    429,
    6,
    'Too many calls of this asker are not settled.',
    'Withdraw some (cooee calls, cooee withdraw ID), or wait until they are answered.',
    true,
  ),
  ERR_HELP_UNCLAIMED: row(409, 4, 'Nobody works on the call.', 'Claim it first: cooee claim ID'),
  ERR_HELP_UNKNOWN: row(
    404,
    3,
    'There is no such call.',
    'cooee calls lists those that are open; cooee why ID tells what this node knows of one.',
  ),
  ERR_HELP_WITHDRAWN: row(410, 3, 'The call was withdrawn by its asker.', 'Nothing is left to do.'),
  // mcp
  ERR_MCP_SUBSCRIPTIONS: row(
    429,
    4,
    'This MCP server has too many subscriptions.',
    'Unsubscribe from resources that do not matter any more.',
  ),
  // membership
  ERR_MEMBERSHIP_CLONE: row(
    409,
    4,
    'Two daemons run with the same identity.',
    'Stop one of them and restart the other; give the copy a home of its own.',
  ),
  ERR_MEMBERSHIP_FORBIDDEN: row(
    403,
    4,
    'The role of this member does not allow that.',
    'Ask an admin; cooee members shows the roles.',
  ),
  ERR_MEMBERSHIP_INVITE_EXPIRED: row(
    410,
    4,
    'The invite has expired.',
    'Ask an admin of the mesh for a new one: cooee invite',
  ),
  ERR_MEMBERSHIP_INVITE_FOREIGN: row(
    409,
    4,
    'The invite is for another mesh.',
    'Ask for an invite of the mesh that answers at that address.',
  ),
  ERR_MEMBERSHIP_INVITE_MALFORMED: row(
    400,
    2,
    'The invite is mangled.',
    'Copy the whole line that cooee invite printed.',
  ),
  ERR_MEMBERSHIP_INVITE_UNKNOWN: row(
    404,
    4,
    'The mesh does not know this invite.',
    'Ask an admin of the mesh for a new one: cooee invite',
  ),
  ERR_MEMBERSHIP_INVITE_USED: row(
    410,
    4,
    'The invite has no uses left.',
    'Ask an admin of the mesh for a new one, for several with --uses COUNT: cooee invite',
  ),
  ERR_MEMBERSHIP_LAST_ADMIN: row(
    409,
    4,
    'The last admin of a mesh cannot be removed or lowered.',
    'Make another member admin first: cooee members role PEER admin',
  ),
  ERR_MEMBERSHIP_LAST_VOTER: row(
    409,
    4,
    'The seat of the last voter could not be given to another member.',
    'Start the voter and another member, and try again: the seat moves by itself.',
  ),
  ERR_MEMBERSHIP_NOT_MEMBER: row(
    403,
    4,
    'That peer is not a member of this mesh.',
    'cooee members lists the members; join with an invite.',
  ),
  ERR_MEMBERSHIP_PROOF: row(
    403,
    4,
    'The proof of the invite is not valid for this peer.',
    'Join with the invite itself, on the host that joins.',
  ),
  ERR_MEMBERSHIP_REMOVED: row(
    403,
    4,
    'This node was removed from the mesh.',
    'Ask an admin for a new invite, then: cooee leave, cooee join INVITE',
  ),
  ERR_MEMBERSHIP_UNKNOWN_PEER: row(
    404,
    3,
    'The mesh has no such member.',
    'cooee members lists them.',
  ),
  // raft
  ERR_RAFT_INPUT: row(
    500,
    1,
    'The Raft core was given what it cannot take.',
    'Report it as a bug, with the log of the daemon.',
  ),
  ERR_RAFT_INVARIANT: row(
    500,
    1,
    'The Raft core found its own state impossible.',
    'Restart the daemon and report it as a bug, with its log.',
  ),
  ERR_RAFT_STATE: row(
    500,
    1,
    'What is stored of Raft contradicts itself.',
    'Stop, move mesh out of the home and join again: cooee up --join INVITE; see docs/operations.md first.',
  ),
  // records
  ERR_RECORDS_VERSION: row(
    404,
    3,
    'The record has no such version.',
    'details.versions tells how many there are; cooee history ADDRESS lists them.',
  ),
  // sessions
  ERR_SESSIONS_AGENT_GONE: row(
    403,
    4,
    'The agent is retired, or lives on another node.',
    'cooee agents shows where it lives; its operator there gives it a ticket.',
  ),
  ERR_SESSIONS_EXPIRED: row(
    401,
    4,
    'The ticket has expired.',
    'Ask the operator of this host for a new one: cooee sessions create TOKEN',
  ),
  ERR_SESSIONS_NEEDED: row(
    401,
    4,
    'Acting as an agent on this socket needs the ticket of that agent.',
    'The operator of this host makes one: cooee sessions create TOKEN --out FILE; then use --ticket FILE.',
  ),
  ERR_SESSIONS_NOT_SELF: row(
    403,
    4,
    'An agent acts only as itself.',
    'Use the ticket of the agent that is to act.',
  ),
  ERR_SESSIONS_REVOKED: row(
    401,
    4,
    'The ticket was revoked, or is not known here.',
    'Ask the operator of this host for a new one: cooee sessions create TOKEN',
  ),
  ERR_SESSIONS_TICKET: row(
    401,
    4,
    'The ticket is not valid.',
    'Send it unchanged, on the host that it was made on; details.reason says what is wrong.',
  ),
  ERR_SESSIONS_TOO_MANY: row(
    409,
    4,
    'No more tickets can be good at once.',
    'Revoke one that is not needed: cooee sessions, cooee sessions revoke ID',
  ),
  // slurp
  ERR_SLURP_ANCHOR: row(
    403,
    4,
    'The mesh that answered is not the one that the anchor names.',
    'Ask for a new invite over a channel that you trust.',
  ),
  ERR_SLURP_COMMAND: row(
    400,
    4,
    'The command is not valid.',
    'Use an unmodified daemon of a supported version.',
  ),
  ERR_SLURP_DIVERGED: row(
    503,
    6,
    'The state of this node is not the one that the voters signed for.',
    'It is being rebuilt from other members: wait, or ask another member.',
    true,
  ),
  ERR_SLURP_HEAD: row(
    403,
    4,
    'A signed head of the log is not valid.',
    'Nothing of it was believed. When it comes again, the log of the daemon names the member: run the same version there.',
  ),
  ERR_SLURP_LEVEL: row(
    426,
    4,
    'The log has an entry that this program is too old for.',
    'Upgrade COOEE on this host; what it has stays.',
  ),
  ERR_SLURP_NO_LEADER: row(
    503,
    6,
    'The mesh has no leader right now.',
    'What was accepted is kept and handed on when there is one; cooee doctor tells which voters are away.',
    true,
  ),
  ERR_SLURP_OUTBOX_FULL: row(
    429,
    6,
    'Too many accepted items wait for the leader.',
    'Wait until the outbox drains, cooee status shows it; cooee doctor tells what it waits for.',
    true,
  ),
  ERR_SLURP_PROOF: row(
    403,
    4,
    'The proof is not valid.',
    'Ask a member for a new one: cooee log proof INDEX; do not trust what this one says.',
  ),
  ERR_SLURP_QUORUM: row(
    409,
    4,
    'A majority of the voters can be reached: there is nothing to recover.',
    'Wait for a leader: cooee status. A recovery is for voters that are lost for good.',
  ),
  ERR_SLURP_RECORD: row(
    403,
    4,
    'A record of the DHT is not valid.',
    'Nothing of it was believed; details.reason says why. Use an unmodified daemon.',
  ),
  ERR_SLURP_RECOVERY: row(
    409,
    4,
    'The mesh cannot be recovered like this.',
    'See "Losing the majority" and "Recovered twice" in docs/backup-and-recovery.md.',
  ),
  ERR_SLURP_SIGNATURE: row(
    403,
    4,
    'A signature is not valid.',
    'Use an unmodified daemon of a supported version.',
  ),
  ERR_SLURP_SKIPPED: row(
    410,
    1,
    'The log decided this while the node was away; how is not known here.',
    'Look whether it is there, with cooee why ID or cooee submissions, before you send it again.',
  ),
  ERR_SLURP_SNAPSHOT: row(
    503,
    6,
    'No connected member has all parts of the snapshot.',
    'It is tried again by itself; see that another member is connected: cooee status',
    true,
  ),
  ERR_SLURP_SUPERSEDED: row(
    503,
    6,
    'The operator recovered the mesh elsewhere: what this node has goes on there without it.',
    'It follows the recovered mesh by itself; what it had is kept in the home, in mesh/damaged.',
    true,
  ),
  // storage
  ERR_STORAGE_BUSY: row(
    503,
    6,
    'Too much waits to be written to the disk.',
    'Try again in a moment.',
    true,
  ),
  ERR_STORAGE_COMPACTED: row(
    410,
    3,
    'That part of the log is no longer kept.',
    'Begin with an entry that is kept: cooee log; what older ones brought is in the records: cooee history ADDRESS',
  ),
  ERR_STORAGE_DAMAGED: row(
    500,
    1,
    'A stored record is damaged.',
    'Restore the home from a backup, or move it away and join again; see docs/operations.md.',
  ),
  ERR_STORAGE_DISK_FULL: row(
    507,
    6,
    'The disk is full.',
    'Make room on the disk of the home; a daemon that runs goes on by itself. cooee doctor shows how much is free.',
    true,
  ),
  ERR_STORAGE_FORMAT_NEWER: row(
    500,
    1,
    'The home was written by a newer COOEE.',
    'Upgrade COOEE on this host, or use another home.',
  ),
  ERR_STORAGE_HOME_FOREIGN: row(
    500,
    4,
    'The home belongs to another user.',
    'Run as its owner, or use another home with --home.',
  ),
  ERR_STORAGE_HOME_LOCKED: row(
    409,
    4,
    'Another daemon holds this home.',
    'Use that one, stop it with cooee down, or use another home with --home.',
  ),
  ERR_STORAGE_HOME_MACHINE: row(
    409,
    4,
    'The home was made on another machine.',
    'If it was moved on purpose: cooee up --adopt',
  ),
  ERR_STORAGE_HOME_SYMLINK: row(
    500,
    4,
    'The home is a symbolic link.',
    'Give the real folder with --home.',
  ),
  ERR_STORAGE_IO: row(
    500,
    1,
    'The disk reported an error.',
    'See whether the disk answers: cooee doctor, the log of the system; details.file names the file.',
  ),
  ERR_STORAGE_KEY: row(
    400,
    2,
    'A key of the store is not well-formed text.',
    'Use text without lone surrogates, not empty.',
  ),
  ERR_STORAGE_NOT_OPEN: row(
    503,
    6,
    'The store is not open.',
    'Try again in a moment; see the log of the daemon.',
    true,
  ),
  ERR_STORAGE_SEQUENCE: row(
    500,
    1,
    'What is to be written does not follow the end of the log.',
    'This is a fault of the daemon: see its log; please report it.',
  ),
  ERR_STORAGE_TOO_LARGE: row(
    413,
    2,
    'One write is larger than the store takes.',
    'Write less at once.',
  ),
  // submission
  ERR_SUBMISSION_ADDRESS: row(
    400,
    2,
    'A submission cannot stand at this address.',
    'Write ucxl://agent:role@project:task/#/path; the project COOEE is the mesh itself.',
  ),
  ERR_SUBMISSION_BLOCK_MISSING: row(
    503,
    6,
    'A block of the submission is not here yet.',
    'Try again in a moment; it is fetched from whoever holds it.',
    true,
  ),
  ERR_SUBMISSION_BLOCKS_FULL: row(
    429,
    6,
    'Too many large submissions wait to be committed.',
    'Wait until they are: cooee submissions --state accepted',
    true,
  ),
  ERR_SUBMISSION_DECIDED: row(
    409,
    4,
    'The submission was decided otherwise before.',
    'Read that decision: cooee submissions ID; cooee decide --instead puts yours in its place.',
  ),
  ERR_SUBMISSION_MALFORMED: row(
    400,
    2,
    'The submission is not valid.',
    'Compare it with cooee submit --schema dr (or pr); numbers are whole, texts well-formed.',
  ),
  ERR_SUBMISSION_QUOTA: row(
    429,
    6,
    'This member has brought as many large contents as a day allows.',
    'Hand it in again later, or keep large texts elsewhere and link to them.',
    true,
  ),
  ERR_SUBMISSION_TOO_LARGE: row(
    413,
    2,
    'The submission is larger than this version takes.',
    'Keep it within 256 KiB and its patch within 512 KiB: put more elsewhere and link to it.',
  ),
  ERR_SUBMISSION_UNKNOWN: row(
    404,
    3,
    'The mesh has no such submission.',
    'cooee submissions lists them; only what is committed can be decided: cooee why ID tells how far it is.',
  ),
  // ucxl
  ERR_UCXL_SYNTAX: row(
    400,
    2,
    'The address is not a UCXL address.',
    'Write ucxl://agent:role@project:task/temporal/path or ucxl://agentid:TOKEN.',
  ),
  ERR_UCXL_TEMPORAL: row(
    400,
    2,
    'The temporal part of the address is not valid.',
    'Use # for now, ~~N for N versions back, ^^N for N forward.',
  ),
  // wire
  ERR_WIRE_MALFORMED: row(
    400,
    4,
    'The bytes are not a canonical message.',
    'Use an unmodified daemon of a supported version.',
  ),
  ERR_WIRE_RATE: row(
    429,
    6,
    'Too many messages in a short time.',
    'Send fewer; the allowance refills by itself.',
    true,
  ),
  ERR_WIRE_STREAM: row(
    503,
    6,
    'The stream to the other node broke.',
    'Try again; cooee doctor tells who is connected.',
    true,
  ),
  ERR_WIRE_TIMEOUT: row(
    504,
    6,
    'The other node did not answer in time.',
    'Try again; cooee doctor tells who answers.',
    true,
  ),
  ERR_WIRE_TOO_LARGE: row(
    413,
    4,
    'The message is too large.',
    'Keep it within the limits in docs/limits.md.',
  ),
  ERR_WIRE_VERSION: row(
    426,
    4,
    'The message has a version that this program does not know.',
    'Upgrade COOEE on this host.',
  ),
} as const satisfies Record<string, ErrorRow>;

/** A code out of the table. */
export type ErrorCode = keyof typeof ERROR_CODES;
