import { type PeerId, peerDiscoverySymbol } from '@libp2p/interface';
import type { KadDHT, KadDHTInit, Selectors, Validators } from '@libp2p/kad-dht';
import { peerIdFromString } from '@libp2p/peer-id';
import { CooeeError, LIMITS } from '../../protocols/interface/index.ts';

/**
 * Records by key namespace (the first part of the key). Without an entry a namespace is refused.
 */
export interface DhtRecords {
  readonly validators: Validators;
  readonly selectors: Selectors;
}

/** Options of {@link dhtOptions}. */
export interface DhtInit {
  /** Mesh id: part of the protocol id, so that two meshes never talk. */
  readonly mesh: string;
  isMember(peer: string): boolean;
  readonly records?: DhtRecords;
}

/** The protocol id of a mesh's DHT. */
export const kadProtocol = (mesh: string): string => `/cooee/${mesh}/kad/1.0.0`;

/**
 * kad-dht as COOEE runs it: every member is a server, nobody else is in a table.
 */
export function dhtOptions(init: DhtInit): KadDHTInit {
  return {
    protocol: kadProtocol(init.mesh),
    // Left out, nodes with private addresses would stay clients.
    clientMode: false,
    // The default removes private addresses, which are all that most meshes have.
    peerInfoMapper: (peer) =>
      init.isMember(peer.id.toString()) ? peer : { ...peer, multiaddrs: [] },
    // A lonely node's query ends at once instead of waiting for a peer.
    allowQueryWithZeroPeers: true,
    validators: { pk: refuseRecord, ...init.records?.validators },
    selectors: { pk: () => 0, ...init.records?.selectors },
    maxInboundStreams: 32,
    maxOutboundStreams: 32,
  };
}

/** Public key records, which kad-dht takes by default: all our keys are in the peer ids. */
async function refuseRecord(): Promise<void> {
  throw new CooeeError('ERR_WIRE_MALFORMED', 'This mesh stores no such records.');
}

/**
 * kad-dht would have libp2p remember every peer that is named in an answer, also those that do not
 * exist: the member list names whom to know.
 */
export function withoutDiscovery<T extends object>(service: T): T {
  return Object.defineProperty(service, peerDiscoverySymbol, { value: undefined });
}

/**
 * Takes a peer out of the routing table. kad-dht itself forgets a peer only when it does not answer
 * a ping.
 */
export function forgetPeer(dht: KadDHT, peer: string): void {
  const { routingTable } = dht as unknown as DhtWithTable;
  // It rejects when the table is not started, and then the table is empty.
  routingTable.remove(peerIdFromString(peer)).catch(() => undefined);
}

/**
 * What kad-dht 16's class has beyond its interface; test/unit/membership/door.test.ts notices when
 * it goes.
 */
interface DhtWithTable {
  readonly routingTable: { remove(peer: PeerId): Promise<void> };
}

interface KeyedStore {
  put(key: { toString(): string }, value: Uint8Array, options?: object): unknown;
  delete(key: { toString(): string }, options?: object): unknown;
}

/** Bounds of {@link boundedStore}. */
export interface StoreBounds {
  readonly keysMax?: number;
  readonly bytesMax?: number;
}

/**
 * A datastore that takes a bounded number of keys and bytes: a member could otherwise fill the
 * memory with provider records.
 */
export function boundedStore<T extends KeyedStore>(store: T, bounds: StoreBounds = {}): T {
  const { keysMax = LIMITS.dhtStoreKeysMax, bytesMax = LIMITS.dhtStoreBytesMax } = bounds;
  const sizes = new Map<string, number>();
  let bytes = 0;
  const bounded: KeyedStore = {
    put: async (key, value, options) => {
      const name = key.toString();
      const before = sizes.get(name);
      const after = bytes - (before ?? 0) + value.length;
      if ((before === undefined && sizes.size >= keysMax) || after > bytesMax) {
        throw new CooeeError('ERR_WIRE_RATE', 'The DHT store of this node is full.');
      }
      sizes.set(name, value.length);
      bytes = after;
      return await store.put(key, value, options);
    },
    delete: async (key, options) => {
      bytes -= sizes.get(key.toString()) ?? 0;
      sizes.delete(key.toString());
      await store.delete(key, options);
    },
  };
  return new Proxy(store, {
    get: (target, property) => {
      if (property === 'put' || property === 'delete') return bounded[property];
      const value: unknown = Reflect.get(target, property);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
