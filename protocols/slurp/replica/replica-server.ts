import { CooeeError, LIMITS, type Responder } from '../../interface/index.ts';
import type { MeshLog } from '../log/mesh-log.ts';
import { PULL_BYTES_MAX, pullRequest, pullResponse, replicaProtocol } from '../protocol.ts';

/** What serving the log needs. */
export interface ReplicaServerComponents {
  readonly meshLog: MeshLog;
  readonly responder: Responder;
  /** The highest signed head that this node can vouch for, with its index. */
  readonly head: () => { readonly bytes: Uint8Array; readonly index: number } | undefined;
}

/** Serves entries to members: never more than the head that goes with them proves. */
export async function serveReplica(components: ReplicaServerComponents): Promise<void> {
  const { meshLog, responder } = components;
  await responder.handle(replicaProtocol(meshLog.meshId), async (_peer, body) => {
    const { from } = pullRequest.decode(body);
    const head = components.head();
    if (head === undefined) {
      throw new CooeeError('ERR_SLURP_NO_LEADER', 'this member has no head yet');
    }
    const wanted = Math.min(LIMITS.replicaEntriesMax, head.index - from + 1);
    if (wanted <= 0) return pullResponse.encode(head.bytes, []);
    const records = await meshLog.read(from, wanted, PULL_BYTES_MAX);
    return pullResponse.encode(
      head.bytes,
      records.map(({ bytes }) => bytes),
    );
  });
}
