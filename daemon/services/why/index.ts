/**
 * `cooee why`: one thing explained from what this node has seen. Each kind has a pure explainer
 * from facts to a verdict; `gather/` collects the facts.
 *
 * @packageDocumentation
 */
import type { Crypto } from '../../../protocols/interface/index.ts';
import type { WhyView } from '../../api/routes/index.ts';
import type { Caller } from '../../api/services.ts';
import type { Daemon } from '../../daemon.ts';
import type { NodeLife } from '../../mesh/node-life.ts';
import type { SubmissionServices } from '../submissions/submission-services.ts';
import { explainAgent } from './agent.ts';
import { type Explanation, fact } from './answer.ts';
import { explainCall } from './call.ts';
import { type Found, find } from './find.ts';
import { agentFacts } from './gather/agent-facts.ts';
import { callFacts } from './gather/call-facts.ts';
import { peerFacts } from './gather/peer-facts.ts';
import { submissionFacts } from './gather/submission-facts.ts';
import { explainPeer, factsForAgents } from './peer.ts';
import { explainSubmission } from './submission.ts';

/** Answers why a thing is as it is. */
export class Why {
  readonly #daemon: Daemon;
  readonly #crypto: Pick<Crypto, 'sha256'>;
  readonly #submissions: SubmissionServices;

  constructor(
    daemon: Daemon,
    { crypto, submissions }: { readonly crypto: Crypto; readonly submissions: SubmissionServices },
  ) {
    this.#daemon = daemon;
    this.#crypto = crypto;
    this.#submissions = submissions;
  }

  /**
   * @throws CooeeError ERR_API_NOT_FOUND, ERR_API_QUERY, ERR_API_STARTING, ERR_SLURP_DIVERGED,
   * ERR_STORAGE_*
   */
  async explain(thing: string, { rights }: Caller): Promise<WhyView> {
    const node = this.#daemon.soundNode;
    const submissions = this.#submissions;
    const found = find({ node, submissions, sha256: this.#crypto.sha256, rights }, thing);
    const [only] = found;
    const isOne = only !== undefined && found.length === 1;
    const explanation = isOne ? await this.#explain(node, only, rights) : several(found);
    const { verdict, text, because, next } = explanation;
    const shown = because.filter(({ isForOperator }) => rights === 'operator' || !isForOperator);
    return {
      ...{ thing, kind: isOne ? only.kind : 'several', id: isOne ? only.id : '', verdict, text },
      because: shown.map(({ isForOperator: _, ...it }) => it),
      next: [...next],
    };
  }

  async #explain(
    node: NodeLife,
    { kind, id }: Found,
    rights: Caller['rights'],
  ): Promise<Explanation> {
    const { clock } = this.#daemon.components;
    const nowMs = clock.nowMs();
    if (kind === 'peer') {
      const facts = await peerFacts(node, id, clock);
      return explainPeer(rights === 'operator' ? facts : factsForAgents(facts));
    }
    if (kind === 'agent') return explainAgent(await agentFacts(node, id, clock));
    if (kind === 'call') return explainCall(callFacts(node, id, nowMs));
    if (kind === 'submission') {
      return explainSubmission(await submissionFacts(node, this.#submissions, { id, nowMs }));
    }
    return {
      verdict: 'unknown',
      text: 'this node has heard of no call and no submission with that id',
      because: [fact('log', 'no entry here names it', { index: node.parts.meshLog.appliedIndex })],
      next: ['cooee calls', 'cooee submissions'],
    };
  }
}

function several(found: readonly Found[]): Explanation {
  return {
    verdict: 'ambiguous',
    text: `that fits ${found.length} things`,
    because: found.map(({ kind, id, label }) => fact('node', `${kind} ${id} (${label})`)),
    next: found.slice(0, 4).map(({ id }) => `cooee why ${id}`),
  };
}
