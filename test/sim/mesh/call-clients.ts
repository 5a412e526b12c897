import { type CallRecord, CooeeError } from '../../../protocols/interface/index.ts';
import type { CommandBody } from '../../../protocols/slurp/index.ts';
import type { SimRandom } from '../world/random.ts';
import type { MeshNode } from './mesh-node.ts';

const HUMANS = ['ada', 'bob', 'cleo'];
/** Calls that humans still press at. */
const CALLS_MAX = 6;

/** Agents that call, and humans who claim, answer and give back, many at one call and at once. */
export class CallClients {
  readonly #random: SimRandom;
  readonly #nodeAt: (peer: string) => MeshNode | undefined;
  #calls: string[] = [];

  /** @param nodeAt - the node that runs at a host, by its peer id */
  constructor(random: SimRandom, nodeAt: (peer: string) => MeshNode | undefined) {
    this.#random = random;
    this.#nodeAt = nodeAt;
  }

  act(node: MeshNode | undefined): void {
    if (node === undefined) return;
    if (this.#calls.length === 0 || this.#random.chance(0.25)) this.#open(node);
    else this.#press(node, this.#random.pick(this.#calls));
  }

  #open(node: MeshNode): void {
    const onTimeout = this.#random.pick(['wait', 'default', 'deny', 'escalate'] as const);
    const id = node.submit('call.open', {
      ...{ question: '?', context: '', options: [], severity: 'info', onTimeout },
      ...(onTimeout === 'default' ? { default: 'no' } : {}),
      deadline: { afterMs: this.#random.integer(1_000, 20_000) },
    });
    if (id === undefined) return;
    this.#calls.push(id);
    if (this.#calls.length > CALLS_MAX) this.#calls.shift();
  }

  #press(node: MeshNode, id: string): void {
    const actor = { human: this.#random.pick(HUMANS) };
    const fence = Math.max(1, callOn(node, id)?.fence ?? 1);
    const acts = [
      () => node.submit('call.claim', { id }, { actor }),
      () => node.submit('call.claim', { id }, { actor }),
      () => this.#asHolder(node, id, 'call.answer', { id, fence, text: 'yes' }),
      () => this.#asHolder(node, id, 'call.release', { id, fence }),
      () => node.submit('call.withdraw', { id }),
      // A member whose clock is ahead, or who lies: the log judges.
      () => node.submit('call.expire', { id }),
      () => node.submit('call.escalate', { id }),
    ];
    this.#random.pick(acts)();
  }

  /** Mostly who holds the call, as far as this node knows, where that one claimed it. */
  #asHolder<K extends 'call.answer' | 'call.release'>(
    node: MeshNode,
    id: string,
    kind: K,
    body: CommandBody<K>,
  ): void {
    const by = callOn(node, id)?.claim?.by;
    const isRight = by?.human !== undefined && this.#random.chance(0.8);
    const human = isRight ? by.human : this.#random.pick(HUMANS);
    const at = isRight ? this.#nodeAt(by.peer) : undefined;
    (at ?? node).submit(kind, body, { actor: { human } });
  }
}

/** Undefined also while the disk of the node cannot be read. */
function callOn(node: MeshNode, id: string): CallRecord | undefined {
  try {
    return node.parts?.meshLog.state.get('call', id);
  } catch (error) {
    if (error instanceof CooeeError) return undefined;
    throw error;
  }
}
