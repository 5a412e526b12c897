import {
  CooeeError,
  type InviteRecord,
  isCooeeError,
  type StateReader,
} from '../../protocols/interface/index.ts';
import { formatInvite, type TrustAnchor } from '../../protocols/membership/index.ts';
import { toHex } from '../../protocols/wire/index.ts';
import type { BodyOf, InviteRow, InviteView, WriteView } from '../api/routes/index.ts';
import type { WriteWait } from '../api/services.ts';
import { seedKey } from '../system/crypto.ts';
import { type MeshServicesInit, timeoutOf, writeView } from './mesh-services.ts';

/** An invite answers only after its commit; this is how long that may take. */
const INVITE_TIMEOUT_MS = 10_000;
/** Addresses of other members in an invite: enough to survive the inviter's absence. */
const OTHERS_INVITING_MAX = 2;
const OWN_ADDRESSES_MAX = 3;

/** The services about invites: they are named by the public half of their key. */
export class InviteServices {
  readonly #init: MeshServicesInit;

  constructor(init: MeshServicesInit) {
    this.#init = init;
  }

  /** Issues an invite: the mesh gets the public half of its key, the answer the seed. */
  async issue(input: BodyOf<'createInvite'>): Promise<InviteView> {
    const { daemon, random, crypto } = this.#init;
    const { parts, init } = daemon.memberNode;
    const seed = random.bytes(32);
    const { publicKey: key } = seedKey(seed);
    const nowMs = daemon.components.clock.nowMs();
    // The log judges it by its own time, which stays ahead of clocks that were set back.
    const expiresMs = Math.max(nowMs, parts.calls.logTimeMs) + input.ttlMs;
    const { id, state } = await parts.writer.write(
      'invite.issue',
      { key, role: input.role, uses: input.uses, expiresMs },
      { timeoutMs: INVITE_TIMEOUT_MS },
    );
    // Without the log's word it may be refused: nobody gets the seed of an invite that is none.
    if (state !== 'committed') throw noInvite(id);
    const invite = formatInvite(crypto.sha256, {
      mesh: init.meshId,
      addresses: this.#addresses(),
      anchor: this.#anchor(),
      seed,
      expiresMs,
    });
    const expiresAt = new Date(nowMs + input.ttlMs).toISOString();
    return { id: toHex(key), invite, expiresAt, uses: input.uses };
  }

  /** Invites that still let somebody in, the one that ends first before the others. */
  list(): readonly InviteRow[] {
    const { state, calls } = this.#init.daemon.soundNode.parts;
    const isGood = ({ isRevoked, usesLeft, expiresMs }: InviteRecord): boolean =>
      !isRevoked && usesLeft > 0 && expiresMs > calls.logTimeMs;
    const good = [...state.entries('invite')].filter(([, record]) => isGood(record));
    good.sort(([, a], [, b]) => a.expiresMs - b.expiresMs);
    const joined = joinedBy(state);
    return good.map(([id, { role, usesLeft, expiresMs, issuer }]) => ({
      id,
      role,
      usesLeft,
      expiresAt: new Date(expiresMs).toISOString(),
      issuer: { peer: issuer, name: state.get('member', issuer)?.name ?? '' },
      joined: joined.get(id) ?? [],
    }));
  }

  /** Takes an invite back: from its commit on nobody gets in with it. */
  async revoke(id: string, wait: WriteWait): Promise<WriteView> {
    const { writer } = this.#init.daemon.memberNode.parts;
    const key = Uint8Array.from(Buffer.from(id, 'hex'));
    try {
      return writeView(
        await writer.write('invite.revoke', { key }, { timeoutMs: timeoutOf(wait) }),
      );
    } catch (error) {
      if (!isCooeeError(error, 'ERR_MEMBERSHIP_INVITE_UNKNOWN')) throw error;
      const { details } = error;
      // What it says elsewhere is for who wants in.
      const remedy = 'cooee invites lists those that are good.';
      throw new CooeeError(error.code, error.message, { details, remedy, cause: error });
    }
  }

  /** Where a joiner may knock: here first, then at other members that are connected. */
  #addresses(): string[] {
    const node = this.#init.daemon.memberNode;
    const { view } = node.parts;
    // A joiner is nobody to a relay yet: it knocks where it gets without one.
    const own = node.addresses().filter(isDirectText);
    const loopback = own.filter((it) => it.startsWith('/ip4/127.'));
    const outside = own.filter((it) => !it.startsWith('/ip4/127.'));
    const mine = [...outside.slice(0, OWN_ADDRESSES_MAX - 1), ...loopback.slice(0, 1)];
    const others = view
      .connected()
      .slice(0, OTHERS_INVITING_MAX)
      .flatMap((peer) => {
        const address = view.addressesOf(peer).find(isDirectText);
        return address === undefined ? [] : [`${address}/p2p/${peer}`];
      });
    return [...mine.map((it) => `${it}/p2p/${node.self}`), ...others];
  }

  /** A point of the log that this node vouches for: its own applied log. */
  #anchor(): TrustAnchor {
    const { meshLog, view } = this.#init.daemon.memberNode.parts;
    const voters = [...view.voters()];
    if (voters.length === 0) throw new CooeeError('ERR_SLURP_NO_LEADER');
    return { index: meshLog.appliedIndex, root: meshLog.appliedRoot(), voters };
  }
}

/** Members by the invite that they came in with. */
function joinedBy(state: StateReader): ReadonlyMap<string, InviteRow['joined']> {
  const joined = new Map<string, InviteRow['joined']>();
  for (const [peer, { invite, name, removedIndex }] of state.entries('member')) {
    if (invite === null || removedIndex !== null) continue;
    joined.set(invite, [...(joined.get(invite) ?? []), { peer, name }]);
  }
  return joined;
}

function noInvite(id: string): CooeeError {
  return new CooeeError('ERR_SLURP_NO_LEADER', 'no invite was made: the log has not taken it', {
    details: { id },
    remedy:
      'Ask for another one when there is a leader: cooee status. This one may still come into ' +
      'the log, and nobody can use it: its secret is forgotten.',
  });
}

const isDirectText = (address: string): boolean => !address.includes('/p2p-circuit');
