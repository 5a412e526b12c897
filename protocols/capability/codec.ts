import { z } from 'zod';
import { CooeeError, type Hash, isKeptByUtf8, isWithinUtf8, LIMITS } from '../interface/index.ts';
import { bytesOf, bytesUpTo, count, decodeAs, encodeCanonical, peerIdText } from '../wire/index.ts';

/** A part of an announcement; the gossip envelope comes on top. */
export const PART_BYTES_MAX = 60 * 1024;

/** Nodes that a table request may name as known. */
const KNOWN_MAX = 1_024;
/** Nodes that a table request may ask for by name. */
const ONLY_MAX = 16;
const REQUEST_BYTES_MAX = 128 * 1024;
const TASKS_MAX = 1_000_000;

/** What an agent may say of itself. */
export const ANNOUNCED_STATUS = ['idle', 'busy', 'draining', 'offline'] as const;

/** One capability: free text, bounded, without control characters. */
const capabilityText = z
  .string()
  .min(1)
  .max(LIMITS.capabilityBytesMax)
  .regex(/^[^\p{Cc}\p{Zl}\p{Zp}]+$/u)
  .refine((text) => isKeptByUtf8(text) && isWithinUtf8(text, LIMITS.capabilityBytesMax), {
    message: `expected well-formed text of at most ${LIMITS.capabilityBytesMax} bytes`,
  });

const announcedFields = {
  capabilities: z
    .array(capabilityText)
    .max(LIMITS.capabilitiesPerAgentMax)
    .describe('What the agent can do, in its own words'),
  status: z.enum(ANNOUNCED_STATUS),
  load: z.number().int().min(0).max(1000).describe('Per mille'),
  maxTasks: z.number().int().min(0).max(TASKS_MAX).describe('Tasks that it takes at once'),
  tasks: z.number().int().min(0).max(TASKS_MAX).describe('Tasks that it has now'),
};

/** What a node says of one of its agents, apart from who it is. */
const availabilitySchema = z.strictObject(announcedFields);

/** What a node says of one of its agents, apart from who it is. */
export type Availability = z.output<typeof availabilitySchema>;

/** The same as it is stored. */
export const availabilityWithVersion = z.strictObject({ v: z.literal(1), ...announcedFields });

/** A change to it: what is left out stays. */
const availabilityPatch = availabilitySchema.partial();

/** A change to what is announced of an agent. */
export type AvailabilityPatch = {
  readonly [K in keyof Availability]?: Availability[K] | undefined;
};

const announcedAgent = z.strictObject({
  token: z.string().regex(/^[0-9A-HJKMNP-TV-Z]{5}(?:[0-9A-HJKMNP-TV-Z]{3})?$/),
  model: z.string().min(1).max(LIMITS.tupleFieldBytesMax),
  ...announcedFields,
});

/** One agent in an announcement. */
export type AnnouncedAgent = z.output<typeof announcedAgent>;

const partSchema = z
  .strictObject({
    v: z.literal(1),
    kind: z.literal('announcement'),
    seq: count.min(1).describe('Rises with each announcement of a start of the node'),
    part: count.describe('This part, from 0; one signed message each'),
    parts: count.min(1).max(LIMITS.announcementPartsMax).describe('Parts of the announcement'),
    agents: z.array(announcedAgent).max(LIMITS.agentsPerHostMax),
  })
  .refine(({ part, parts }) => part < parts, { path: ['part'] });

const beatSchema = z.strictObject({
  v: z.literal(1),
  kind: z.literal('beat'),
  seq: count.min(1),
  /** {@link announcementHash} of the announcement in force. */
  hash: bytesOf(32),
});

/** The schema of an announcement part, for documents. */
export const announcementSchema = partSchema;

const messageSchema = z.discriminatedUnion('kind', [partSchema, beatSchema]);

/** A part of an announcement: the whole list of a node, cut where it does not fit one message. */
export type AnnouncementPart = z.output<typeof partSchema>;

/** The node lives, and that announcement is in force. */
export type Beat = z.output<typeof beatSchema>;

/** A message on the capability topic. */
export type CapabilityMessage = z.output<typeof messageSchema>;

/** @throws CooeeError ERR_WIRE_TOO_LARGE, ERR_WIRE_MALFORMED, ERR_WIRE_VERSION */
export function decodeMessage(bytes: Uint8Array): CapabilityMessage {
  return decodeAs(messageSchema, bytes, LIMITS.gossipMessageBytesMax);
}

/** Encodes a beat. */
export function encodeBeat(seq: number, hash: Uint8Array): Uint8Array {
  return encodeCanonical({ v: 1, kind: 'beat', seq, hash });
}

/**
 * Encodes a node's list: one message when it fits 60 KiB (254 agents with a few capabilities each
 * do), otherwise several. What does not fit 32 messages is left out: 256 agents with all that they
 * may say do fit.
 */
export function encodeAnnouncement(seq: number, agents: readonly AnnouncedAgent[]): Uint8Array[] {
  const lists: AnnouncedAgent[][] = [[]];
  // Room for the fields around the agents.
  const roomBytes = PART_BYTES_MAX - 128;
  let usedBytes = 0;
  for (const agent of agents) {
    const bytes = encodeCanonical(agent).length;
    const isFull = lists.at(-1)?.length === LIMITS.agentsPerHostMax;
    if (isFull || usedBytes + bytes > roomBytes) {
      if (lists.length === LIMITS.announcementPartsMax) break;
      lists.push([]);
      usedBytes = 0;
    }
    lists.at(-1)?.push(agent);
    usedBytes += bytes;
  }
  const parts = lists.length;
  return lists.map((list, part) =>
    encodeCanonical({ v: 1, kind: 'announcement', seq, part, parts, agents: list }),
  );
}

/** What a beat names: SHA-256 over the SHA-256 of each part's body, in order. */
export function announcementHash(sha256: Hash, bodies: readonly Uint8Array[]): Uint8Array {
  const hashes = new Uint8Array(bodies.length * 32);
  for (const [position, body] of bodies.entries()) hashes.set(sha256(body), position * 32);
  return sha256(hashes);
}

/**
 * Brings a patch from a caller into shape.
 *
 * @throws CooeeError ERR_CAPABILITY_ANNOUNCEMENT with details.path
 */
export function parsePatch(patch: unknown): AvailabilityPatch {
  const parsed = availabilityPatch.safeParse(patch);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new CooeeError('ERR_CAPABILITY_ANNOUNCEMENT', issue?.message, {
    details: { path: issue?.path.join('.') ?? '' },
  });
}

const tableRequestSchema = z.strictObject({
  v: z.literal(1),
  /** Announcements that the asker has: only newer ones are sent, of the rest the beat alone. */
  known: z.array(z.strictObject({ peer: peerIdText, boot: count, seq: count })).max(KNOWN_MAX),
  /** Only those nodes; all when empty. */
  only: z.array(peerIdText).max(ONLY_MAX),
  /** Where the last answer ended; null at first. */
  after: z.string().max(80).nullable(),
});

/** Asks a member for the signed originals that it holds. */
export type TableRequest = Omit<z.output<typeof tableRequestSchema>, 'v'>;

const tableAnswerSchema = z.strictObject({
  v: z.literal(1),
  /** Signed gossip messages: announcements and beats. */
  originals: z.array(bytesUpTo(LIMITS.gossipMessageBytesMax)).max(4_096),
  next: z.string().max(80).nullable(),
});

/** One page of a table. */
export type TableAnswer = Omit<z.output<typeof tableAnswerSchema>, 'v'>;

/** Encodes a table request. */
export function encodeTableRequest(request: TableRequest): Uint8Array {
  const known = request.known.slice(0, KNOWN_MAX);
  return encodeCanonical({ v: 1, ...request, known, only: request.only.slice(0, ONLY_MAX) });
}

/** @throws CooeeError ERR_WIRE_TOO_LARGE, ERR_WIRE_MALFORMED, ERR_WIRE_VERSION */
export function decodeTableRequest(bytes: Uint8Array): TableRequest {
  return decodeAs(tableRequestSchema, bytes, REQUEST_BYTES_MAX);
}

/** Encodes a page. */
export function encodeTableAnswer(answer: TableAnswer): Uint8Array {
  return encodeCanonical({ v: 1, ...answer });
}

/** @throws CooeeError ERR_WIRE_TOO_LARGE, ERR_WIRE_MALFORMED, ERR_WIRE_VERSION */
export function decodeTableAnswer(bytes: Uint8Array): TableAnswer {
  return decodeAs(tableAnswerSchema, bytes, LIMITS.streamMessageBytesMax);
}

/** The protocol id of table requests. */
export function tableProtocol(mesh: string): string {
  return `/cooee/${mesh}/capability/1`;
}
