import type { Clock, CooeeError, StateReader } from '../../interface/index.ts';
import { toHex } from '../../wire/index.ts';
import type { ClaimedAgent } from '../codec.ts';

/** Finished enrolments that can still be asked about. */
const FINISHED_MAX = 1_000;

/** How far an enrolment has come. A refused one is thrown instead. */
export interface EnrolmentView {
  readonly id: string;
  readonly state: 'accepted' | 'committed';
  /** In the order of the list; a token once it is granted. */
  readonly agents: readonly {
    readonly model: string;
    readonly gpuId: string;
    readonly token?: string;
  }[];
  /** Log index, once committed by this start of the node. */
  readonly index?: number;
  /** Why the leader did not take it yet, when it said so. */
  readonly waitsFor?: string;
}

/** A list that was refused. */
export interface RefusedGroup {
  readonly agents: readonly ClaimedAgent[];
  readonly refusal: CooeeError;
}

interface Group {
  readonly id: string;
  readonly agents: readonly ClaimedAgent[];
  /** Requests that are not decided yet. */
  waiting: number;
  index?: number;
  waitsFor?: string;
  refusal?: CooeeError;
  readonly waiters: Set<() => void>;
}

/** Enrolments as their callers see them: one list, however many requests it went out in. */
export class EnrolmentGroups {
  readonly #state: StateReader;
  readonly #clock: Clock;
  readonly #groups = new Map<string, Group>();

  constructor(state: StateReader, clock: Clock) {
    this.#state = state;
    this.#clock = clock;
  }

  /** Adds a list that goes out in so many requests; 0 when there was nothing to ask for. */
  add(id: string, agents: readonly ClaimedAgent[], waiting: number): void {
    this.#groups.set(id, { id, agents, waiting, waiters: new Set() });
    this.#forgetOld();
  }

  view(id: string): EnrolmentView | undefined {
    const group = this.#groups.get(id);
    if (group === undefined) return undefined;
    if (group.refusal !== undefined) throw group.refusal;
    return {
      id,
      state: group.waiting === 0 ? 'committed' : 'accepted',
      agents: group.agents.map((agent) => this.#agentView(agent)),
      ...(group.index === undefined ? {} : { index: group.index }),
      ...(group.waitsFor === undefined || group.waiting === 0 ? {} : { waitsFor: group.waitsFor }),
    };
  }

  /** One of the list's requests was granted. */
  granted(id: string, index?: number): void {
    const group = this.#groups.get(id);
    if (group === undefined) return;
    group.waiting -= 1;
    if (index !== undefined) group.index = index;
    if (group.waiting === 0) wake(group);
  }

  /**
   * One of the list's requests was refused for good: so is the list, as far as its caller is
   * concerned.
   */
  refused(id: string, refusal: CooeeError): void {
    const group = this.#groups.get(id);
    if (group === undefined) return;
    group.waiting -= 1;
    group.refusal ??= refusal;
    wake(group);
  }

  delayed(id: string, code: string): void {
    const group = this.#groups.get(id);
    if (group !== undefined) group.waitsFor = code;
  }

  /** Why the leader did not take the list yet, when it said so. */
  waitsFor(id: string): string | undefined {
    return this.#groups.get(id)?.waitsFor;
  }

  /** Lists that were refused and are remembered, the last one first. */
  refusals(): readonly RefusedGroup[] {
    const groups = [...this.#groups.values()].reverse();
    return groups.flatMap(({ agents, refusal }) =>
      refusal === undefined ? [] : [{ agents, refusal }],
    );
  }

  /** Resolves when the list is decided, at the time-out, or when {@link wakeAll} is called. */
  async decided(id: string, timeoutMs: number): Promise<void> {
    const group = this.#groups.get(id);
    const isDecided = group === undefined || group.waiting === 0 || group.refusal !== undefined;
    if (isDecided || timeoutMs <= 0) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        timer.cancel();
        group.waiters.delete(done);
        resolve();
      };
      const timer = this.#clock.schedule(timeoutMs, done);
      group.waiters.add(done);
    });
  }

  wakeAll(): void {
    for (const group of this.#groups.values()) wake(group);
  }

  #agentView(agent: ClaimedAgent): EnrolmentView['agents'][number] {
    const named = { model: agent.model, gpuId: agent.gpu_id };
    const token = this.#state.get('hash', toHex(agent.hash));
    const record = token === undefined ? undefined : this.#state.get('agent', token);
    return record?.retiredIndex === null ? { ...named, token: record.token } : named;
  }

  #forgetOld(): void {
    let excess = this.#groups.size - FINISHED_MAX;
    for (const [id, group] of this.#groups) {
      if (excess <= 0) return;
      if (group.waiting > 0) continue;
      this.#groups.delete(id);
      excess -= 1;
    }
  }
}

function wake(group: Group): void {
  for (const waiter of [...group.waiters]) waiter();
}
