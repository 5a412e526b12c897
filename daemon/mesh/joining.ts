import { JoinHints } from '../../bootstrap/join-hints.ts';
import {
  invitersOf,
  isRefusal,
  type RedeemNetwork,
  redeemInvite,
  vouchedBy,
} from '../../bootstrap/redeem.ts';
import {
  type Clock,
  delay,
  type Health,
  isCooeeError,
  type Logger,
} from '../../protocols/interface/index.ts';
import type { Invite } from '../../protocols/membership/index.ts';
import { toHex } from '../../protocols/wire/index.ts';
import { askAsGuest } from '../libp2p/guest-streams.ts';
import { seedKey } from '../system/crypto.ts';
import { LEVELS } from '../system/version.ts';
import type { MeshFile } from './mesh-folder.ts';
import type { NodeLife } from './node-life.ts';

/** How often a full disk is tried again. */
const ROOM_RETRY_MS = 1_000;

/** What {@link redeemAt} works with. */
export interface JoiningComponents {
  readonly clock: Clock;
  readonly health: Health;
  readonly logger: Logger;
}

/** What a home remembers of the mesh that an invite is for. */
export function fileOf(
  invite: Invite,
  how: Pick<MeshFile, 'state' | 'admittedIndex' | 'invite'>,
): MeshFile {
  const { index, root, voters } = invite.anchor;
  return {
    mesh: invite.mesh,
    anchor: { index, root: toHex(root), voters },
    vouched: [...invitersOf(invite)],
    ...how,
  };
}

/**
 * Redeems an invite over the network of a node, whichever mesh that one is in. Its members are
 * asked where the invite says, and where they are heard of on the local network.
 *
 * @returns the log index of the admission
 * @throws CooeeError see redeemInvite
 */
export async function redeemAt(
  { clock, health, logger }: JoiningComponents,
  node: NodeLife,
  init: {
    readonly invite: Invite;
    readonly signal: AbortSignal;
    readonly patienceMs?: number;
  },
): Promise<number> {
  const { guests, network } = node.parts;
  const asGuest: RedeemNetwork = {
    dial: (peer, addresses, signal) => network.dial(peer, addresses, signal),
    ask: (peer, protocol, body, options) =>
      askAsGuest(guests, peer, { protocol, body, ...options }),
  };
  const hints = new JoinHints(vouchedBy(init.invite));
  const endSearch = await network.search(init.invite.mesh, (peer, addresses) =>
    hints.add(peer, addresses),
  );
  try {
    return await redeemInvite(
      { clock, logger: logger.child('cooee:bootstrap:redeem'), network: asGuest },
      {
        ...init,
        hints,
        key: seedKey(init.invite.seed),
        peer: node.self,
        name: node.init.name,
        addresses: node.addresses(),
        levels: LEVELS,
        onUnreachable: () => raiseJoining(health),
      },
    );
  } finally {
    await endSearch();
  }
}

/**
 * Keeps on the disk that this node was let in, as soon as there is room: the invite is used, and a
 * home that knows nothing of it would begin a mesh of its own.
 *
 * @throws CooeeError ERR_STORAGE_* when it is not for want of room; the signal's reason
 */
export async function keepAdmission(
  { clock, health }: Pick<JoiningComponents, 'clock' | 'health'>,
  save: () => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    try {
      await save();
      health.clear('joining');
      return;
    } catch (error) {
      if (!isCooeeError(error, 'ERR_STORAGE_DISK_FULL')) throw error;
      const text = `This node was let in, which cannot be kept: ${error.message}`;
      health.raise({ code: 'joining', severity: 'error', text, remedy: error.remedy });
    }
    await delay(clock, ROOM_RETRY_MS, signal);
  }
}

/** Whether an attempt to join is over, and this node is no member: it begins anew next time. */
export function isNoEntry(error: unknown): boolean {
  if (!isCooeeError(error)) return false;
  // The log that it was let into is not the one of the invite.
  if (isCooeeError(error, 'ERR_SLURP_ANCHOR')) return true;
  return isRefusal(error) || isCooeeError(error, 'ERR_BOOTSTRAP_INVITER_UNREACHABLE');
}

function raiseJoining(health: Health): void {
  health.raise({
    code: 'joining',
    severity: 'warn',
    text: 'None of the addresses in the invite answers yet; trying again.',
    remedy: 'Check that the inviting host is up and can be reached from here.',
  });
}
