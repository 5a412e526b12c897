import { BlockHolding, ContentBlocks } from '../../protocols/slurp/index.ts';
import type { NodeComponents, NodeParts } from '../node.ts';

/** The parts of a node that keep large contents, and see that voters do before they are named. */
type ContentParts = Pick<NodeParts, 'contents' | 'holding'>;

/** The parts that those work with. */
type Ground = Pick<NodeParts, 'meshLog' | 'state' | 'streams' | 'view'>;

/**
 * Large contents and patches of submissions, as blocks. @throws CooeeError ERR_STORAGE_*
 *
 * @param isWaiting whether what waits in the outbox refers to a block
 */
export async function buildContents(
  components: NodeComponents,
  { meshLog, state, streams, view }: Ground,
  isWaiting: (cid: string) => boolean,
): Promise<ContentParts> {
  const { meshId } = meshLog;
  const logger = components.logger.child('cooee:slurp:blocks');
  const common = { ...components, meshId, state, logger, requester: streams };
  const contents = new ContentBlocks({ ...common, sources: view.sources, isWaiting });
  await contents.open();
  const holding = new BlockHolding({
    ...common,
    contents,
    self: components.signer.peer,
    responder: streams,
    leader: view.leader,
    voters: () => view.voters(),
  });
  meshLog.addHook((entry) => contents.writesFor(entry));
  meshLog.onReplaced(() => contents.onReplaced());
  return { contents, holding };
}
