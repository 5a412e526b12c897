import { createHash } from 'node:crypto';
import { type GossipsubOpts, type Message, StrictSign } from '@libp2p/gossipsub';
import type { TopicScoreParams } from '@libp2p/gossipsub/score';
import type { DataTransform, FastMsgIdFn } from '@libp2p/gossipsub/types';
import { CooeeError, LIMITS } from '../../protocols/interface/index.ts';

/** Options of {@link pubsubOptions}. */
export interface PubsubInit {
  /** The topics of the mesh; no other is remembered, relayed or delivered. */
  readonly topics: readonly string[];
  isMember(peer: string): boolean;
  /** Added to a member's score; below -80 nothing of it is read any more. Default 0. */
  readonly score?: (peer: string) => number;
}

/**
 * Far below the graylist threshold (-80): nothing of such a peer is read, nothing is sent to it.
 */
const NON_MEMBER_SCORE = -10_000;
/** A frame holds many messages when a peer asks for those that it missed. */
const RPC_BYTES_MAX = 16 * LIMITS.gossipMessageBytesMax;

/**
 * What a topic adds to a peer's score: only rejected messages count, three of them in a few seconds
 * cross the graylist. Delivery rates say nothing in a mesh that is quiet for minutes.
 */
const TOPIC_SCORE: TopicScoreParams = {
  topicWeight: 1,
  timeInMeshWeight: 0,
  timeInMeshQuantum: 1000,
  timeInMeshCap: 1,
  firstMessageDeliveriesWeight: 0,
  firstMessageDeliveriesDecay: 0.5,
  firstMessageDeliveriesCap: 1,
  meshMessageDeliveriesWeight: 0,
  meshMessageDeliveriesDecay: 0.5,
  meshMessageDeliveriesCap: 1,
  meshMessageDeliveriesThreshold: 1,
  meshMessageDeliveriesWindow: 10,
  meshMessageDeliveriesActivation: 1000,
  meshFailurePenaltyWeight: 0,
  meshFailurePenaltyDecay: 0.5,
  invalidMessageDeliveriesWeight: -10,
  invalidMessageDeliveriesDecay: 0.9,
};

/** gossipsub as COOEE runs it (docs/protocols/doors.md). */
export function pubsubOptions(init: PubsubInit): Partial<GossipsubOpts> {
  return {
    globalSignaturePolicy: StrictSign,
    allowedTopics: [...init.topics],
    allowPublishToZeroTopicPeers: true,
    emitSelf: false,
    fallbackToFloodsub: false,
    // A publisher sends to all members it knows: the first hop does not wait for the mesh to be
    // grafted.
    floodPublish: true,
    doPX: false,
    tagMeshPeers: false,
    msgIdFn: messageId,
    fastMsgIdFn: copyId,
    dataTransform: boundedData,
    maxInboundDataLength: RPC_BYTES_MAX,
    maxOutboundBufferSize: 4 * RPC_BYTES_MAX,
    maxInboundStreams: 4,
    maxOutboundStreams: 4,
    maxTopicBytesPerPeer: 64 * 1024,
    decodeRpcLimits: {
      maxSubscriptions: 32,
      maxMessages: 256,
      maxIhaveMessageIDs: 1000,
      maxIwantMessageIDs: 1000,
      maxIdontwantMessageIDs: 512,
      maxControlMessages: 64,
      maxPeerInfos: 0,
    },
    scoreParams: {
      // Many members behind one address are the normal case; the default weight silently kills such
      // meshes.
      IPColocationFactorWeight: 0,
      appSpecificWeight: 1,
      appSpecificScore: (peer) =>
        init.isMember(peer) ? (init.score?.(peer) ?? 0) : NON_MEMBER_SCORE,
      // A slow host breaks a few promises without ill will; six in a second it does not.
      behaviourPenaltyThreshold: 6,
      topics: Object.fromEntries(init.topics.map((topic) => [topic, TOPIC_SCORE])),
    },
  };
}

/**
 * An id that binds origin, sequence number, topic and content: nobody can use up the id of
 * another's message.
 */
function messageId(message: Message): Uint8Array {
  if (message.type !== 'signed') throw new CooeeError('ERR_SLURP_SIGNATURE');
  const hash = createHash('sha256').update(message.from.toMultihash().bytes);
  hash.update(`${message.sequenceNumber}|${message.topic}|`).update(message.data);
  return hash.digest().subarray(0, 20);
}

/**
 * Tells copies of a message that was verified before, so that only the first costs a verification:
 * in a small mesh each comes from nearly every neighbour. It covers every byte, for what differs in
 * anything must be judged on its own.
 */
function copyId({ from, seqno, topic, data, signature, key }: Parameters<FastMsgIdFn>[0]): string {
  const hash = createHash('sha256');
  for (const field of [from, seqno, Buffer.from(topic), data, signature, key]) {
    hash.update(`${field?.length ?? -1}|`).update(field ?? '');
  }
  return hash.digest('base64');
}

const assertSize = (_topic: string, data: Uint8Array): Uint8Array => {
  const bytesMax = LIMITS.gossipMessageBytesMax;
  if (data.byteLength <= bytesMax) return data;
  throw new CooeeError('ERR_WIRE_TOO_LARGE', undefined, {
    details: { bytes: data.byteLength, bytesMax },
  });
};

/**
 * Changes nothing; a message over the limit is rejected (and scored) inbound, an error outbound.
 */
const boundedData: DataTransform = { inboundTransform: assertSize, outboundTransform: assertSize };
