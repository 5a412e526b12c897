import type { z } from 'zod';
import { nodeCrypto, peerOfKey, seedKey } from '../../../daemon/system/crypto.ts';
import type {
  ApplyContext,
  InviteRecord,
  MemberRecord,
  MemberRole,
  MeshRecord,
  Outcome,
  SeedKey,
} from '../../../protocols/interface/index.ts';
import {
  type addBody,
  encodeProof,
  type InviteProof,
  reduceAdd,
  reduceIssue,
} from '../../../protocols/membership/index.ts';
import { MeshState, StateOverlay } from '../../../protocols/slurp/index.ts';
import { toHex } from '../../../protocols/wire/index.ts';

export const MESH = 'bafyreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy';
export const OTHER_MESH = 'bafyreigbtj4x7ip5legnfznufuopl4sg4knzc2cof6duas4b3q2fy6swua';

export const keyOf = (number: number): SeedKey => seedKey(new Uint8Array(32).fill(number));
export const peerOf = (number: number): string => peerOfKey(keyOf(number).publicKey);
export const nonceOf = (digit: string): string => digit.repeat(32);

/** The codes of refusals, `ok` for what is none. */
export const codeOf = (outcome: Outcome | undefined): string =>
  outcome === undefined || outcome.ok ? 'ok' : outcome.code;

/** The members that most tests need. */
export const ADMIN = peerOf(1);
export const CURATOR = peerOf(2);
export const MEMBER = peerOf(3);
export const STRANGER = peerOf(4);

/** A replicated state that commands can be applied to one by one. */
export class TestMesh {
  readonly state = new StateOverlay(new MeshState());
  index = 1;
  timeMs = 1_000_000;

  constructor() {
    this.state.put('mesh', 'mesh', {
      id: MESH,
      name: 'home',
      recovery: new Uint8Array(32),
      level: 1,
      voters: [ADMIN],
      learners: [],
      votersTarget: 'auto',
      createdMs: 0,
    });
    this.put(ADMIN, 'admin');
    this.put(CURATOR, 'curator');
    this.put(MEMBER, 'member');
  }

  put(peer: string, role: MemberRole, changes: Partial<MemberRecord> = {}): void {
    this.state.put('member', peer, {
      peer,
      name: 'host',
      role,
      addresses: [],
      addedIndex: 1,
      invite: null,
      removedIndex: null,
      boot: 0,
      bootNonce: '',
      isCloned: false,
      levels: [1, 1],
      ...changes,
    });
  }

  /** These vote from now on. */
  seat(...voters: readonly string[]): void {
    const mesh = this.state.get('mesh', 'mesh');
    if (mesh !== undefined) this.state.put('mesh', 'mesh', { ...mesh, voters } as MeshRecord);
  }

  /** The context of the next command, made by `origin`. */
  by(origin: string): ApplyContext {
    this.index++;
    return {
      index: this.index,
      term: 1,
      timeMs: this.timeMs,
      actor: { peer: origin },
      origin,
      commandMs: this.timeMs,
      meshId: MESH,
      crypto: nodeCrypto,
    };
  }

  /** Issues the invite of that key. */
  issue(key: number, changes: { uses?: number; role?: MemberRole; expiresMs?: number } = {}) {
    const { uses = 1, role = 'member', expiresMs = this.timeMs + 1000 } = changes;
    const body = { key: keyOf(key).publicKey, uses, role, expiresMs };
    return reduceIssue(this.state, body, this.by(ADMIN));
  }

  /** `peer` redeems the invite of that key; a member carries it in. */
  add(peer: string, key: number, changes: AddChanges = {}): Outcome {
    return reduceAdd(this.state, addBodyOf(peer, key, changes), this.by(changes.carrier ?? MEMBER));
  }

  member(peer: string): MemberRecord {
    return this.state.get('member', peer) as MemberRecord;
  }

  invite(key: number): InviteRecord {
    return this.state.get('invite', toHex(keyOf(key).publicKey)) as InviteRecord;
  }

  mesh(): MeshRecord {
    return this.state.get('mesh', 'mesh') as MeshRecord;
  }

  /** All that stands in the state, to see that a refusal changed nothing. */
  dump(): string {
    const tables = (['mesh', 'member', 'invite'] as const).map((table) => [
      ...this.state.entries(table),
    ]);
    return JSON.stringify(tables.map((table) => table.sort()));
  }
}

export interface AddChanges {
  readonly carrier?: string;
  readonly proof?: Partial<Omit<InviteProof, 'v' | 'invite'>>;
  readonly proofBytes?: Uint8Array;
  readonly levels?: [number, number];
  readonly signedWith?: number;
}

/** The body of `member.add`. */
export function addBodyOf(
  peer: string,
  key: number,
  changes: AddChanges = {},
): z.input<typeof addBody> {
  const proof = { mesh: MESH, peer, expiresMs: 253_402_300_799_999, ...changes.proof };
  return {
    peer,
    name: 'joiner',
    addresses: ['/ip4/10.0.0.9/tcp/26633'],
    levels: changes.levels ?? [1, 1],
    invite: keyOf(key).publicKey,
    proof: changes.proofBytes ?? encodeProof(keyOf(changes.signedWith ?? key), proof),
  };
}
