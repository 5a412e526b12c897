import { nodeCrypto, peerOfKey, seedKey } from '../../../daemon/system/crypto.ts';
import { hashTuple } from '../../../protocols/agent-id/index.ts';
import {
  type ClaimedAgent,
  encodeClaim,
  reduceGrant,
  reduceRebind,
  reduceRetire,
} from '../../../protocols/enrolment/index.ts';
import type {
  AgentTuple,
  ApplyContext,
  LeaderRecord,
  MemberRecord,
  Metrics,
  Outcome,
  Sealer,
  Signer,
  StateWriter,
} from '../../../protocols/interface/index.ts';
import { CooeeError } from '../../../protocols/interface/index.ts';
import { MeshState, StateOverlay } from '../../../protocols/slurp/machine/state.ts';

export const crypto = nodeCrypto;
export const MESH = `bafyrei${'a'.repeat(52)}`;
export const OTHER_MESH = `bafyrei${'b'.repeat(52)}`;

/** A node with a key of its own. */
export function makeSigner(number: number): Signer {
  const key = seedKey(new Uint8Array(32).fill(number));
  return { peer: peerOfKey(key.publicKey), sign: key.sign };
}

export const alice = makeSigner(1);
export const bob = makeSigner(2);
export const admin = makeSigner(3);

export function tuple(model: string, gpuId = '0', host = 'alpha-node'): AgentTuple {
  return { model, hostname: host, mac: 'aabbccddee01', gpuId };
}

export function claimed({ model, hostname, mac, gpuId }: AgentTuple): ClaimedAgent {
  const { hash } = hashTuple({ model, hostname, mac, gpu_id: gpuId }, crypto.sha256);
  return { model, hostname, mac, gpu_id: gpuId, hash: new Uint8Array(Buffer.from(hash, 'hex')) };
}

export interface ClaimOptions {
  readonly mesh?: string;
  readonly boot?: number;
  readonly seq?: number;
  readonly timeMs?: number;
}

export function makeClaim(
  signer: Signer,
  agents: readonly ClaimedAgent[],
  options: ClaimOptions = {},
): Uint8Array {
  const head = { mesh: MESH, boot: 1, seq: 1, timeMs: 1_000, ...options };
  return encodeClaim(signer, { ...head, agents: [...agents] });
}

/** The replicated state with three members, and commands applied to it as the log applies them. */
export class World {
  readonly state = new MeshState();
  #index = 10;

  constructor(level = 1) {
    const members = [alice, bob, admin].map(({ peer }): MemberRecord => {
      const role = peer === admin.peer ? 'admin' : 'member';
      return {
        ...{ peer, role, name: role, addresses: [], addedIndex: 1, invite: null },
        ...{ removedIndex: null, boot: 1, bootNonce: '', isCloned: false, levels: [1, level] },
      };
    });
    const mesh = { id: MESH, name: 'm', recovery: new Uint8Array(32), level, voters: [] };
    this.write((state) => {
      state.put('mesh', 'mesh', { ...mesh, learners: [], votersTarget: 'auto', createdMs: 0 });
      for (const member of members) state.put('member', member.peer, member);
    });
  }

  write(change: (state: StateWriter) => void): void {
    const overlay = new StateOverlay(this.state);
    change(overlay);
    this.state.merge(overlay.changes());
  }

  lead(signer: Signer, term = 1): LeaderRecord {
    const leader = { peer: signer.peer, term, recipient: `age1${term}`, index: 2 };
    this.write((state) => state.put('mesh', 'leader', leader));
    return leader;
  }

  remove(peer: string): void {
    this.write((state) => {
      const member = state.get('member', peer);
      if (member !== undefined) state.put('member', peer, { ...member, removedIndex: 9 });
    });
  }

  grant(claim: Uint8Array, origin = admin.peer): Outcome {
    return this.#apply(origin, (state, context) => reduceGrant(state, { claim }, context));
  }

  retire(token: string, origin: string): Outcome {
    return this.#apply(origin, (state, context) => reduceRetire(state, { token }, context));
  }

  rebind(token: string, peer: string, origin: string): Outcome {
    return this.#apply(origin, (state, context) => reduceRebind(state, { token, peer }, context));
  }

  /** A refused command leaves what it says it keeps and nothing else, as protocols/slurp has it. */
  #apply(origin: string, reduce: (state: StateWriter, context: ApplyContext) => Outcome): Outcome {
    this.#index += 1;
    const overlay = new StateOverlay(this.state);
    const outcome = reduce(overlay, {
      index: this.#index,
      term: 1,
      timeMs: 0,
      actor: { peer: origin },
      origin,
      commandMs: 0,
      meshId: MESH,
      crypto,
    });
    if (outcome.ok) this.state.merge(overlay.changes());
    else if (outcome.keep !== undefined) this.write(outcome.keep);
    return outcome;
  }
}

/** Everything in a state, to see that nothing changed. */
export function dump(state: MeshState): unknown {
  const tables = [
    'agent',
    'number',
    'hash',
    'tiny',
    'host',
    'model',
    'enrolment',
    'cursor',
  ] as const;
  return tables.map((table) => [...state.entries(table)].sort());
}

export class CountingMetrics implements Metrics {
  readonly #values = new Map<string, number>();

  count(name: string, labels: object = {}, by = 1): void {
    this.#values.set(this.#key(name, labels), this.read(name, labels) + by);
  }

  gauge(name: string, value: number, labels: object = {}): void {
    this.#values.set(this.#key(name, labels), value);
  }

  read(name: string, labels: object = {}): number {
    return this.#values.get(this.#key(name, labels)) ?? 0;
  }

  #key(name: string, labels: object): string {
    return `${name}${JSON.stringify(labels)}`;
  }
}

/** Stands in for age: `recipient`, a zero, and the plaintext with each byte inverted. */
export class FakeSealer implements Sealer {
  /** What {@link open} takes; anything when undefined. */
  recipient: string | undefined;
  opened = 0;

  async seal(recipient: string, plaintext: Uint8Array): Promise<Uint8Array> {
    const inverted = plaintext.map((byte) => byte ^ 0xff);
    return new Uint8Array(Buffer.concat([Buffer.from(`${recipient}\0`), inverted]));
  }

  async open(ciphertext: Uint8Array): Promise<Uint8Array> {
    this.opened += 1;
    const end = ciphertext.indexOf(0);
    const recipient = Buffer.from(ciphertext.subarray(0, Math.max(0, end))).toString();
    if (end < 0 || (this.recipient !== undefined && recipient !== this.recipient)) {
      throw new CooeeError('ERR_ENROLMENT_CIPHERTEXT');
    }
    return ciphertext.slice(end + 1).map((byte) => byte ^ 0xff);
  }
}
