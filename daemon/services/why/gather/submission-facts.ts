import type { SubmissionRow } from '../../../api/routes/index.ts';
import type { NodeLife } from '../../../mesh/node-life.ts';
import type { SubmissionServices } from '../../submissions/submission-services.ts';
import type { SubmissionFacts } from '../submission.ts';
import { nameIn, waitingFacts, wayFacts } from './way-facts.ts';

/** What this node knows of a submission. @throws CooeeError ERR_STORAGE_*, ERR_SLURP_DIVERGED */
export async function submissionFacts(
  node: NodeLife,
  submissions: SubmissionServices,
  { id, nowMs }: { readonly id: string; readonly nowMs: number },
): Promise<SubmissionFacts> {
  const row = submissions.row(id);
  const isDecided = row?.index !== undefined;
  const command = isDecided ? undefined : submissions.commandOf(id);
  return {
    id,
    row: row === undefined ? undefined : rowFacts(node, row),
    waiting: command === undefined ? undefined : waitingFacts(node, command),
    way: wayFacts(node, nowMs),
    blocksMissing: await missingOf(node, id),
    curators: [...node.parts.state.entries('member')]
      .filter(([, { role, removedIndex }]) => role !== 'member' && removedIndex === null)
      .map(([, { name }]) => name),
  };
}

function rowFacts(node: NodeLife, row: SubmissionRow): NonNullable<SubmissionFacts['row']> {
  const { decision, author, ...rest } = row;
  const { agent, peer } = author;
  const name = nameIn(node, peer);
  return {
    ...rest,
    author: agent === undefined ? name : `${agent} on ${name}`,
    ...(decision === undefined
      ? {}
      : { decision: { ...decision, by: deciderOf(node, decision.by) } }),
  };
}

function deciderOf(
  node: NodeLife,
  { human, peer }: { human?: string | undefined; peer: string },
): string {
  const name = nameIn(node, peer);
  return human === undefined ? name : `${human} on ${name}`;
}

async function missingOf({ parts }: NodeLife, id: string): Promise<number> {
  const record = parts.state.get('submission', id);
  let missing = 0;
  for (const block of [record?.block, record?.patch]) {
    if (block !== undefined && (await parts.contents.held(block)) === undefined) missing++;
  }
  return missing;
}
