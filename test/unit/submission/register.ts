import {
  type Actor,
  type AgentRecord,
  type MemberRecord,
  type MemberRole,
  type Outcome,
  versionKey,
} from '../../../protocols/interface/index.ts';
import { MeshState, StateOverlay } from '../../../protocols/slurp/index.ts';
import {
  type CommitOrder,
  commitBody,
  decideBody,
  idOfOrder,
  packSubmission,
  reduceCommit,
  reduceDecide,
  submissionInput,
} from '../../../protocols/submission/index.ts';
import { crypto, founder, MESH, second } from '../slurp/mesh-world.ts';

export const ADDRESS = 'ucxl://any:architect@shop:checkout/#/decisions/1';

export const member = (peer: string, more: Partial<MemberRecord> = {}): MemberRecord => ({
  peer,
  name: 'host',
  role: 'member',
  addresses: [],
  addedIndex: 1,
  invite: null,
  removedIndex: null,
  boot: 1,
  bootNonce: '',
  isCloned: false,
  levels: [1, 1],
  ...more,
});

export const agent = (token: string, peer: string, retiredIndex: number | null = null) =>
  ({ token, peer, retiredIndex }) as AgentRecord;

/** A register of submissions in a mesh of two members, with the reducers on it. */
export class Register {
  readonly state = new MeshState();
  index = 10;
  timeMs = 1_000_000;

  constructor() {
    for (const { peer } of [founder, second]) this.put(member(peer));
  }

  put(value: MemberRecord): void {
    this.state.merge([{ table: 'member', key: value.peer, value }]);
  }

  role(peer: string, role: MemberRole): void {
    this.put(member(peer, { role }));
  }

  /** Commits a record; what is left out of it is made up. */
  commit(input: Record<string, unknown>, actor: Actor = { peer: founder.peer }): Outcome {
    return this.commitBody(packSubmission(crypto.sha256, recordOf(input)).body, actor);
  }

  commitBody(body: unknown, actor: Actor = { peer: founder.peer }): Outcome {
    return this.#apply((overlay, context) =>
      reduceCommit(overlay, commitBody.parse(body), { ...context, actor, origin: actor.peer }),
    );
  }

  decide(body: Record<string, unknown>, actor: Actor = { peer: founder.peer }): Outcome {
    return this.#apply((overlay, context) =>
      reduceDecide(overlay, decideBody.parse(body), { ...context, actor, origin: actor.peer }),
    );
  }

  /** The id that a record has, or would have. */
  idOf(input: Record<string, unknown>, author: { peer: string; agent?: string } = founder): string {
    const { peer, agent: token } = author;
    const by = token === undefined ? { peer } : { peer, agent: token };
    return idOfOrder(crypto.sha256, by, this.orderOf(input));
  }

  orderOf(input: Record<string, unknown>): CommitOrder {
    return packSubmission(crypto.sha256, recordOf(input)).order;
  }

  decision(id: string, version: number) {
    return this.state.get('decision', versionKey(id, version));
  }

  #apply(
    reduce: (
      overlay: StateOverlay,
      context: Omit<Parameters<typeof reduceCommit>[2], 'actor' | 'origin'>,
    ) => Outcome,
  ): Outcome {
    const overlay = new StateOverlay(this.state);
    this.index++;
    this.timeMs++;
    const outcome = reduce(overlay, {
      index: this.index,
      term: 1,
      timeMs: this.timeMs,
      commandMs: 7,
      meshId: MESH,
      crypto,
    });
    if (outcome.ok) this.state.merge(overlay.changes());
    return outcome;
  }
}

function recordOf(input: Record<string, unknown>) {
  const ofPr = { repository: 'r', base: 'main', head: 'h' };
  return submissionInput.parse({
    ...{ kind: 'dr', address: ADDRESS, title: 'T' },
    ...(input['kind'] === 'pr' ? ofPr : {}),
    ...input,
  });
}
