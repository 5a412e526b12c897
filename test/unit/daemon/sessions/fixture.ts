import { generateKeyPairFromSeed } from '@libp2p/crypto/keys';
import { Sessions } from '../../../../daemon/sessions/index.ts';
import { TICKET_TYPE, type TicketClaims } from '../../../../daemon/sessions/ticket-rules.ts';
import {
  createTicketSigner,
  type TicketSigner,
} from '../../../../daemon/sessions/ticket-signer.ts';
import { nodeCrypto, peerOfKey } from '../../../../daemon/system/crypto.ts';
import {
  type AgentRecord,
  type KeyValueStore,
  LIMITS,
  type Logger,
  type StateReader,
  silentLogger,
} from '../../../../protocols/interface/index.ts';
import { agentAddress } from '../../../../protocols/ucxl/index.ts';
import { MemoryStore } from '../../../../storage/memory-store.ts';
import { standingClock } from '../api/fixture.ts';

export const MESH = 'bafyreimesh';
export const key = await generateKeyPairFromSeed('Ed25519', new Uint8Array(32).fill(7));
export const PEER = peerOfKey(key.publicKey.raw);
export const OTHER_PEER = peerOfKey(new Uint8Array(32).fill(9));

/** Agents that tests may retire and move. */
export class Agents {
  readonly records = new Map<string, AgentRecord>();
  /** Versions of their records, by address. */
  readonly versions = new Map<string, number>();

  grant(token: string, change: Partial<AgentRecord> = {}): void {
    const count = this.records.size;
    const { number, gpuSlot } = this.records.get(token) ?? {
      number: Math.floor(count / 16),
      gpuSlot: count % 16,
    };
    const known = { token, number, gpuSlot, peer: PEER, grantedIndex: 3, retiredIndex: null };
    const record = { ...(known as unknown as AgentRecord), ...change };
    // What changes nothing is no version.
    if (JSON.stringify(record) === JSON.stringify(this.records.get(token))) return;
    this.records.set(token, record);
    const address = agentAddress(number, gpuSlot);
    this.versions.set(address, (this.versions.get(address) ?? 0) + 1);
  }

  /** Only agents and their versions are asked for. */
  get state(): StateReader {
    const get = (table: string, key: string) =>
      table === 'agent' ? this.records.get(key) : this.versions.get(key);
    return { get } as unknown as StateReader;
  }
}

export interface Parts {
  readonly sessions: Sessions;
  readonly agents: Agents;
  readonly clock: ReturnType<typeof standingClock>;
  readonly store: KeyValueStore;
  readonly signer: TicketSigner;
  /** How many signatures were checked. */
  readonly checked: () => number;
  /** All that was logged, as one text. */
  readonly logged: () => string;
  /** The same node after a restart. */
  restart(): Promise<Sessions>;
}

/** Sessions of a node with the agents 458RV and 45A01, in memory, on a clock that stands. */
export async function newSessions(): Promise<Parts> {
  const agents = new Agents();
  for (const token of ['458RV', '45A01']) agents.grant(token);
  const clock = standingClock();
  const store = new MemoryStore();
  await store.open();
  const real = createTicketSigner(key);
  let checked = 0;
  const signer: TicketSigner = {
    ...real,
    verify: (ticket) => {
      checked += 1;
      return real.verify(ticket);
    },
  };
  const lines: unknown[] = [];
  const note = (...args: readonly unknown[]): void => void lines.push(args);
  const logger: Logger = { ...silentLogger, error: note, warn: note, info: note, debug: note };
  let seed = 0;
  const bytes = (count: number): Uint8Array => {
    seed += 1;
    return nodeCrypto.sha256(Uint8Array.of(seed & 255, seed >> 8)).slice(0, count);
  };
  const random = { bytes, fraction: () => 0.5 };
  const { state } = agents;
  const make = async (): Promise<Sessions> => {
    const parts = { store, state, clock, random, crypto: nodeCrypto, signer, logger };
    const sessions = new Sessions(parts, { peer: PEER, meshId: MESH });
    await sessions.open();
    return sessions;
  };
  const logged = (): string => JSON.stringify(lines);
  const sessions = await make();
  return { sessions, agents, clock, store, signer, checked: () => checked, logged, restart: make };
}

/** What a good ticket says at this time. */
export function goodClaims(nowMs: number, change: Partial<TicketClaims> = {}): TicketClaims {
  const iat = Math.floor(nowMs / 1000);
  const exp = iat + LIMITS.ticketLifeMs / 1000;
  return { iss: PEER, aud: MESH, sub: '458RV', jti: 'ab'.repeat(16), iat, exp, ...change };
}

/** A ticket put together by hand, with whatever stands in its parts. */
export function forge(header: unknown, claims: unknown, signature = 'A'.repeat(86)): string {
  const part = (value: unknown): string =>
    Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
  return `${part(header)}.${part(claims)}.${signature}`;
}

export const HEADER = { alg: 'EdDSA', typ: TICKET_TYPE, kid: PEER };

/** The code and reason that something is refused with. */
export async function refusal(task: () => unknown): Promise<string> {
  try {
    await task();
    return 'good';
  } catch (error) {
    const { code, details } = error as { code: string; details?: { reason?: string } };
    return details?.reason === undefined ? code : `${code} ${details.reason}`;
  }
}
