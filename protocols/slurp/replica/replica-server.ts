import { CooeeError, LIMITS, type Responder } from '../../interface/index.ts';
import type { TrustBook } from '../heads/trust-book.ts';
import type { MeshLog } from '../log/mesh-log.ts';
import {
  LINKS_MAX,
  PULL_BYTES_MAX,
  pullRequest,
  pullResponse,
  replicaProtocol,
} from '../protocol.ts';
import type { Snapshots } from '../snapshot/snapshots.ts';

/** What serving the log needs. */
export interface ReplicaServerComponents {
  readonly meshLog: MeshLog;
  readonly responder: Responder;
  /** Holds the highest head that this node can vouch for, and the links of the trust chain. */
  readonly trust: Pick<TrustBook, 'chainIndex' | 'highest' | 'links' | 'mark'>;
  /** On the leader: has a head signed for what has no head yet. */
  readonly refresh?: () => Promise<void>;
  /** Snapshots of the state; none are offered without. */
  readonly snapshots?: Pick<Snapshots, 'assertSound' | 'offerFor'> | undefined;
}

/** Serves entries to members: never more than the head that goes with them proves. */
export async function serveReplica(components: ReplicaServerComponents): Promise<void> {
  const { meshLog, responder, trust, snapshots } = components;
  await responder.handle(replicaProtocol(meshLog.meshId), async (_peer, body) => {
    const { from, chain, mark: known } = pullRequest.decode(body);
    snapshots?.assertSound();
    await components.refresh?.();
    const head = trust.highest();
    if (head === undefined) {
      throw new CooeeError('ERR_SLURP_NO_LEADER', 'this member has no head yet');
    }
    const links = chain < trust.chainIndex ? await trust.links(chain, LINKS_MAX) : [];
    const mark = trust.mark();
    const isMarkNew = mark !== undefined && mark.signed.head.index > known;
    const snapshot = snapshots?.offerFor(from);
    const heads = { links, mark: isMarkNew ? mark.bytes : undefined, snapshot };
    const wanted = Math.min(LIMITS.replicaEntriesMax, head.signed.head.index - from + 1);
    if (wanted <= 0 || snapshot !== undefined) return pullResponse.encode(head.bytes, [], heads);
    const taken = links.reduce((sum, link) => sum + link.length, mark?.bytes.length ?? 0);
    const records = await meshLog.read(from, wanted, PULL_BYTES_MAX - taken);
    return pullResponse.encode(
      head.bytes,
      records.map(({ bytes }) => bytes),
      heads,
    );
  });
}
