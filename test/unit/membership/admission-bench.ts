import { expect } from 'vitest';
import { nodeCrypto } from '../../../daemon/system/crypto.ts';
import { type CooeeError, isCooeeError, silentLogger } from '../../../protocols/interface/index.ts';
import {
  Admission,
  type AdmissionComponents,
  decodeJoinResponse,
  encodeJoinRequest,
  isStartOf,
  reduceAdd,
  type SignedStart,
  type Start,
  signStart,
  startIn,
} from '../../../protocols/membership/index.ts';
import { CountingMetrics } from '../wire/gossip-fixture.ts';
import { ManualClock } from '../wire/manual-clock.ts';
import {
  type AddChanges,
  addBodyOf,
  keyOf,
  MEMBER,
  MESH,
  nonceOf,
  peerOf,
  TestMesh,
} from './mesh-fixture.ts';

const KEYS = new Map([1, 2, 3, 4].map((number) => [peerOf(number), keyOf(number)]));

export function signedStart(peer: string, start: Start, mesh = MESH): SignedStart {
  const key = KEYS.get(peer);
  if (key === undefined) throw new Error('no key for that peer');
  return signStart(key, mesh, start);
}

/** A member's door with a log that decides at once, and a record of what it was asked. */
export class Bench {
  readonly mesh = new TestMesh();
  readonly clock = new ManualClock();
  readonly metrics = new CountingMetrics();
  readonly admitted: string[] = [];
  readonly followed: number[] = [];
  readonly clones: string[] = [];
  /** Connections that were asked whether anybody is there, and those on which nobody is. */
  readonly asked: string[] = [];
  readonly dead = new Set<string>();
  refusal: CooeeError | undefined;
  readonly admission: Admission;

  constructor(changes: Partial<AdmissionComponents> = {}) {
    const { mesh } = this;
    mesh.timeMs = this.clock.nowMs();
    this.admission = new Admission({
      state: this.mesh.state,
      crypto: nodeCrypto,
      clock: this.clock,
      metrics: this.metrics,
      logger: silentLogger,
      meshId: MESH,
      meshLog: {
        get appliedTimeMs() {
          return mesh.timeMs;
        },
      },
      admit: async (body) => {
        this.admitted.push(body.peer);
        const context = this.mesh.by(MEMBER);
        const parsed = { ...body, addresses: [...body.addresses] };
        return { index: context.index, outcome: reduceAdd(this.mesh.state, parsed, context) };
      },
      follow: async (index) => {
        this.followed.push(index);
      },
      isAnswering: async (_peer, connections) => {
        this.asked.push(...connections);
        return connections.some((it) => !this.dead.has(it));
      },
      onClone: (peer, boot) => this.clones.push(`${peer} ${boot}`),
      ...changes,
    });
  }

  async redeem(peer: string, key: number, changes: AddChanges & { mesh?: string } = {}) {
    const { peer: _peer, ...body } = addBodyOf(peer, key, changes);
    const mesh = changes.mesh ?? MESH;
    const request = { v: 1, kind: 'redeem', mesh, logIndex: 30, ...body } as const;
    return await this.ask(peer, encodeJoinRequest(request));
  }

  /** Every start has a connection of its own, with its nonce for an id. */
  async present(peer: string, boot: number, nonce: string, addedIndex = 1) {
    const request = { v: 1, kind: 'present', mesh: MESH, addedIndex } as const;
    const start = signedStart(peer, { boot, bootNonce: nonceOf(nonce) });
    return await this.ask(peer, encodeJoinRequest({ ...request, ...start }), nonce);
  }

  /** The other start that comes with the refusal of a start, by its number and nonce. */
  async proof(peer: string, boot: number, nonce: string): Promise<string> {
    this.refusal = undefined;
    expect(await this.present(peer, boot, nonce)).toBe('ERR_MEMBERSHIP_CLONE');
    const details = (this.refusal as CooeeError | undefined)?.details ?? {};
    const start = startIn(details);
    if (start === undefined) return 'only the log';
    expect(isStartOf(nodeCrypto.verify, { peer, mesh: MESH }, start)).toBe(true);
    return `${start.boot} ${start.bootNonce[0]}`;
  }

  /** The index of the answer, or the code of the refusal. */
  async ask(peer: string, bytes: Uint8Array, connection = 'any'): Promise<number | string> {
    try {
      return decodeJoinResponse(await this.admission.handle(peer, bytes, connection)).index;
    } catch (error) {
      if (!isCooeeError(error)) return String(error);
      this.refusal = error;
      return error.code;
    }
  }

  refused(code: string): number {
    return this.metrics.read('cooee_membership_joins_refused_total', { code });
  }
}
