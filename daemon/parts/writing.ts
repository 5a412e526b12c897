import {
  BlockClaims,
  BlockCourier,
  blocksOfCommand,
  type Consensus,
  Courier,
  Outbox,
  Submit,
} from '../../protocols/slurp/index.ts';
import { Writer } from '../mesh/writer.ts';
import type { NodeComponents, NodeInit, NodeParts } from '../node.ts';
import { RefusalBook } from '../submissions/refusals.ts';
import { Relays } from '../submissions/relays.ts';

/** The parts of a node that bring what is handed in here to the leader. */
export type WritingParts = Pick<
  NodeParts,
  'outbox' | 'submit' | 'courier' | 'claims' | 'blockCourier' | 'writer' | 'refusals' | 'relays'
>;

/** The parts that those work with. */
type Ground = Pick<
  NodeParts,
  'meshLog' | 'state' | 'streams' | 'view' | 'contents' | 'holding' | 'seen'
> & {
  readonly consensus: Consensus;
};

/** Whether what waits in an outbox refers to a block. */
export function refersTo(outbox: Outbox | undefined, cid: string): boolean {
  for (const command of outbox?.undecided() ?? []) {
    if (blocksOfCommand(command).some((block) => block.cid === cid)) return true;
  }
  return false;
}

/** The way of every write: outbox, courier, leader. @throws CooeeError ERR_STORAGE_*, ERR_WIRE_* */
export async function buildWriting(
  components: NodeComponents,
  init: NodeInit,
  { meshLog, state, streams, view, contents, holding, seen, consensus }: Ground,
): Promise<WritingParts> {
  const { signer, crypto, clock, random, store } = components;
  const logger = components.logger.child('cooee:slurp');
  const refusals = new RefusalBook({ store, state, crypto, clock });
  await refusals.open();
  await seen.calls.open(store, state);
  const outbox = new Outbox(
    {
      ...{ store, signer, crypto, clock, logger },
      isLeader: () => consensus.isLeader,
      isCommitted: (batch) => meshLog.isCommitted(batch),
      onRefused: (command, refused) => [
        ...refusals.writesFor(command, refused),
        ...seen.calls.writesFor(command, refused),
      ],
    },
    { meshId: init.meshId, boot: init.boot.boot, lastSeq: init.lastSeq, gatherMs: 25 },
  );
  await outbox.open(state);
  const way = {
    ...{ meshId: init.meshId, self: signer.peer, requester: streams, responder: streams },
    leader: view.leader,
    connected: view.connected,
    voters: view.connectedVoters,
    isLeader: () => consensus.isLeader,
  };
  const submit = new Submit({
    ...way,
    propose: (batches, isOwn) => holding.propose(batches, () => consensus.propose(batches, isOwn)),
    onRelay: (batches, from) => holding.relay(batches, from),
  });
  const claims = new BlockClaims({ ...way, signer, crypto, state, holding });
  const blockCourier = new BlockCourier({
    ...{ self: signer.peer, outbox, contents, clock, random },
    logger: components.logger.child('cooee:slurp:blocks'),
    hold: (command) => claims.hold(command),
  });
  const deliver = (batches: readonly Uint8Array[]) => submit.deliver(batches);
  const relays = new Relays({ clock, outbox, deliver });
  const courier = new Courier({
    ...{ outbox, meshLog, clock, random, logger },
    deliver: (batches) => relays.deliver(batches),
    follow: (index) => consensus.follow(index),
  });
  const writer = new Writer(outbox, clock);
  return { outbox, submit, courier, claims, blockCourier, writer, refusals, relays };
}
