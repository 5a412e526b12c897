import type {
  Actor,
  AgentRecord,
  CallRecord,
  MemberRecord,
  Outcome,
  StateWriter,
} from '../../../protocols/interface/index.ts';
import { MeshState, StateOverlay } from '../../../protocols/slurp/index.ts';
import { commandId } from '../../../protocols/slurp/machine/command-id.ts';
import { reduceCommand } from '../../../protocols/slurp/machine/kinds.ts';
import { crypto, founder, MESH, second, third } from '../slurp/mesh-world.ts';

export { founder, second, third };

export const MINUTE_MS = 60_000;
/** The claim of a call counts so long. */
export const CLAIM_MS = 15 * MINUTE_MS;
export const TOKEN = '458RV';
export const OTHER_TOKEN = '4001Y';

/** What is asked when a test does not say. */
export const ASKED = {
  question: 'May I?',
  context: '',
  options: ['yes', 'no'],
  severity: 'blocked',
  onTimeout: 'wait',
  deadline: { afterMs: 10 * MINUTE_MS },
};

export const memberRecord = (peer: string, change: Partial<MemberRecord> = {}): MemberRecord => ({
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
  ...change,
});

/** A state with three members and two agents of the first, and a log whose time a test moves. */
export class CallWorld {
  readonly state = new MeshState();
  timeMs = 1_700_000_000_000;
  index = 10;
  /** The id of the command that {@link apply} made last. */
  lastId = '';

  constructor() {
    for (const { peer } of [founder, second, third]) this.member(peer);
    for (const token of [TOKEN, OTHER_TOKEN]) {
      const value = { token, peer: founder.peer, retiredIndex: null } as AgentRecord;
      this.state.merge([{ table: 'agent', key: token, value }]);
    }
  }

  member(peer: string, change: Partial<MemberRecord> = {}): void {
    this.state.merge([{ table: 'member', key: peer, value: memberRecord(peer, change) }]);
  }

  /** Applies a command in an entry of its own, as the log does. */
  apply(kind: string, body: Record<string, unknown>, actor: Actor = { peer: founder.peer }) {
    this.index++;
    const made = { boot: 1, number: this.index };
    const id = commandId(crypto.sha256, actor.peer, made);
    this.lastId = id;
    const command = { id, made, kind, actor, timeMs: 7, body };
    const overlay = new StateOverlay(this.state);
    const outcome = reduceCommand(overlay as StateWriter, command, {
      ...{ index: this.index, term: 1, timeMs: this.timeMs },
      ...{ actor, origin: actor.peer, commandMs: 7, commandId: id },
      ...{ meshId: MESH, crypto },
    });
    if (outcome.ok) this.state.merge(overlay.changes());
    return outcome;
  }

  /** Opens a call and gives its id. */
  open(change: Record<string, unknown> = {}, actor?: Actor): string {
    const outcome = this.apply('call.open', { ...ASKED, ...change }, actor);
    if (!outcome.ok) throw new Error(`not opened: ${outcome.code}`);
    return this.lastId;
  }

  claim(id: string, human = 'ada', peer = second.peer): Outcome {
    return this.apply('call.claim', { id }, { peer, human });
  }

  call(id: string): CallRecord {
    const call = this.state.get('call', id);
    if (call === undefined) throw new Error('no such call');
    return call;
  }
}

/** The code of a refusal; `ok` when it was none. */
export const codeOf = (outcome: Outcome): string => (outcome.ok ? 'ok' : outcome.code);
