import { peerIdFromString } from '@libp2p/peer-id';
import type { MemberRecord } from '../../../../protocols/interface/index.ts';
import { meshOf } from '../../../../protocols/membership/index.ts';
import type { NodeLife } from '../../../mesh/node-life.ts';
import { livenessOf } from '../../liveness.ts';
import type { MemberFacts } from '../member.ts';
import { inTime } from './in-time.ts';
import { isThroughRelay } from './listen-facts.ts';

const DIAL_MS = 3_000;
const PING_MS = 2_000;

/** Whom to look at. */
interface MemberToMeet {
  readonly peer: string;
  readonly member: MemberRecord;
  /** Monotonic time. */
  readonly nowMs: number;
  /** Whether there is time left to dial it; without, what redialling came to is told. */
  readonly mayDial: boolean;
}

/** Dials a member that is not connected, pings it, and looks at what libp2p knows of it. */
export async function memberFacts(
  node: NodeLife,
  { peer, member, nowMs, mayDial }: MemberToMeet,
): Promise<MemberFacts> {
  const { network, state, redial } = node.parts;
  const wasConnected = network.isConnected(peer);
  const tried = redial.states().find((it) => it.peer === peer);
  const isDialled = mayDial && !wasConnected;
  const dialError = isDialled ? await dial(node, peer, member) : undefined;
  const isConnected = network.isConnected(peer);
  const liveness = livenessOf(node.parts, peer);
  const common = {
    ...{ peer, name: member.name, isConnected, isNew: isConnected && !wasConnected },
    ...{ state: liveness.state, address: member.addresses[0] },
    ...{ attempts: tried?.attempts ?? 0, dialError: dialError ?? tried?.lastError },
    nextInMs: nextInMs(tried?.nextAtMs, nowMs),
    ...{ levels: member.levels, meshLevel: meshOf(state)?.level ?? 0 },
  };
  const nothing = { topics: 0, topicsAll: 0, isRelayed: false };
  if (!isConnected) return { ...common, ...nothing };
  const pinged = await inTime(PING_MS, (signal) =>
    network.node.services.ping.ping(peerIdFromString(peer), { signal }),
  );
  return {
    ...common,
    ...gossipOf(node, peer),
    ...(pinged.problem === undefined ? { rttMs: pinged.value } : { pingError: pinged.problem }),
    missing: await missingAt(node, peer),
    isRelayed: network.node
      .getConnections(peerIdFromString(peer))
      .every(({ remoteAddr }) => isThroughRelay(remoteAddr.toString())),
  };
}

function nextInMs(atMs: number | undefined, nowMs: number): number | undefined {
  return atMs === undefined ? undefined : Math.max(0, atMs - nowMs);
}

/** Why it could not be dialled; undefined when it was. */
async function dial(
  { parts: { network } }: NodeLife,
  peer: string,
  { addresses }: MemberRecord,
): Promise<string | undefined> {
  if (addresses.length === 0) return 'no address of it is known';
  const dialled = await inTime(DIAL_MS, (signal) => network.dial(peer, addresses, signal));
  return dialled.problem;
}

function gossipOf({ parts }: NodeLife, peer: string): { topics: number; topicsAll: number } {
  const { pubsub } = parts.network.node.services;
  const topics = pubsub.getTopics();
  const shared = topics.filter((topic) =>
    pubsub.getSubscribers(topic).some((it) => it.toString() === peer),
  );
  return { topics: shared.length, topicsAll: topics.length };
}

/** Protocols of the mesh that this node speaks and the member did not name. */
async function missingAt({ parts: { network } }: NodeLife, peer: string): Promise<string[]> {
  const { node } = network;
  const found = await node.peerStore.get(peerIdFromString(peer)).catch(() => undefined);
  // Not identified yet, or known by one of its connections only.
  if (found === undefined || found.protocols.length === 0) return [];
  const theirs = new Set(found.protocols);
  return node.getProtocols().filter((it) => it.startsWith('/cooee/') && !theirs.has(it));
}
