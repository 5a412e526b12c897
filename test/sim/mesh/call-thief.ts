import type { Signer } from '../../../protocols/interface/index.ts';
import { type Command, encodeBatch, type MeshLog } from '../../../protocols/slurp/index.ts';
import { simSigner } from '../world/crypto.ts';
import type { MeshCluster } from './mesh-cluster.ts';

/**
 * A member that sees calls on their way, and is at the leader first with their ids: the books must
 * never see one decided, for then the call itself is decided too. It draws no chance of its own,
 * so that it changes nothing of what else happens.
 */
export class CallThief {
  readonly #cluster: MeshCluster;
  readonly #signers: readonly Signer[];
  readonly #tried = new Set<string>();

  /** @param numbers of signers that may be members, and have no machine */
  constructor(cluster: MeshCluster, numbers: readonly number[]) {
    this.#cluster = cluster;
    this.#signers = numbers.map((number) => simSigner(number));
  }

  act(): void {
    const leader = this.#cluster.leader();
    const parts = leader && this.#cluster.nodeOf(leader)?.parts;
    if (parts === undefined || leader?.isFrozen === true) return;
    for (const command of this.#onTheirWay()) {
      const thief = this.#member(parts.meshLog);
      if (thief === undefined) return;
      this.#tried.add(command.id);
      parts.consensus.propose([this.#theft(thief, command)], false).catch(() => undefined);
    }
  }

  /** Calls in the outboxes of all nodes, each once. */
  *#onTheirWay(): Iterable<Command> {
    for (const machine of this.#cluster.machines) {
      for (const { commands } of this.#cluster.nodeOf(machine)?.parts?.outbox.waiting() ?? []) {
        for (const command of commands) {
          if (command.kind === 'call.open' && !this.#tried.has(command.id)) yield command;
        }
      }
    }
  }

  #member({ state }: MeshLog): Signer | undefined {
    return this.#signers.find(({ peer }) => state.get('member', peer)?.removedIndex === null);
  }

  /** As it was seen, without a word of how the id is made, or with a word of its own. */
  #theft(thief: Signer, { made, ...seen }: Command): Uint8Array {
    const seq = this.#tried.size;
    const said = [{ made }, {}, { made: { boot: 1, number: seq } }][seq % 3];
    const command = { ...seen, ...said, actor: { peer: thief.peer } };
    const mesh = this.#cluster.founding.meshId;
    return encodeBatch(thief, { mesh, boot: 1, seq, commands: [command] });
  }
}
