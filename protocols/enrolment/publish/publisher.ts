import {
  CooeeError,
  type ErrorCode,
  type KeyValueStore,
  LIMITS,
  type Logger,
  type Startable,
} from '../../interface/index.ts';
import { toHex } from '../../wire/index.ts';
import type { AppliedCommands } from '../applied.ts';
import type { EnrolAnswer } from '../codec.ts';
import {
  type AgentToEnrol,
  computeRequests,
  hashOf,
  type PreparedAgent,
  prepareAgents,
} from './compute-requests.ts';
import { isWanted } from './compute-standing.ts';
import { EnrolmentGroups, type EnrolmentView } from './groups.ts';
import { type PendingRequest, PendingStore } from './pending.ts';
import { type Refusal, RequestSender, type SenderComponents, type SenderInit } from './sender.ts';

/** What the publisher is built from. */
export interface PublisherComponents extends Omit<SenderComponents, 'onSettled' | 'onDelayed'> {
  readonly store: KeyValueStore;
  /** The number of this start, and the next number of a claim in it: from 1, never twice. */
  readonly bootSeq: { readonly boot: number; next(): number };
}

/** How it stands with an agent that this node asked for and does not have. */
export interface EnrolmentStanding {
  readonly model: string;
  readonly gpuId: string;
  /** Hex. */
  readonly hash: string;
  /** When its request was signed last; undefined once that was refused. */
  readonly sinceMs: number | undefined;
  /** Why the leader did not take it yet, when it said so. */
  readonly waitsFor: string | undefined;
  /** Why it was refused, since this node runs. */
  readonly refusal: ErrorCode | undefined;
}

/** Options of {@link EnrolmentPublisher.enrol}. */
export interface EnrolOptions {
  /**
   * Whether retired agents are enrolled again: yes when a person asks, no when a start finds them.
   * @default true
   */
  readonly revive?: boolean;
}

/**
 * A node's side of enrolment: keeps each request on the disk and sends it, sealed to the present
 * leader, until the log has decided it.
 */
export class EnrolmentPublisher implements Startable {
  readonly #components: PublisherComponents;
  readonly #logger: Logger;
  readonly #pending: PendingStore;
  readonly #groups: EnrolmentGroups;
  readonly #sender: RequestSender;
  #isStarted = false;
  #accepting: Promise<unknown> = Promise.resolve();

  constructor(components: PublisherComponents, init: SenderInit = {}) {
    const logger = components.logger.child('cooee:enrolment:publisher');
    this.#components = components;
    this.#logger = logger;
    this.#pending = new PendingStore(components.store, logger);
    this.#groups = new EnrolmentGroups(components.state, components.clock);
    const sender: SenderComponents = {
      ...components,
      logger,
      onSettled: (request, refusal, index) => this.#onSettled(request, refusal, index),
      onDelayed: ({ group }, code) => this.#groups.delayed(group, code),
    };
    this.#sender = new RequestSender(sender, init);
  }

  /** Requests that are not decided. */
  get pendingCount(): number {
    return this.#sender.queue.length;
  }

  /** The agents that were asked for and are not granted: those that wait, then those refused. */
  standings(): readonly EnrolmentStanding[] {
    const waiting = this.#sender.queue.flatMap(({ group, value }) =>
      value.agents.map((agent) => ({
        ...{ model: agent.model, gpuId: agent.gpu_id, hash: hashOf(agent) },
        ...{ sinceMs: value.timeMs, waitsFor: this.#groups.waitsFor(group), refusal: undefined },
      })),
    );
    const refused = this.#groups.refusals().flatMap(({ agents, refusal }) =>
      agents.map((agent) => ({
        ...{ model: agent.model, gpuId: agent.gpu_id, hash: hashOf(agent) },
        ...{ sinceMs: undefined, waitsFor: undefined, refusal: refusal.code },
      })),
    );
    return [...waiting, ...refused];
  }

  /** Takes up what an earlier start left. */
  async start(): Promise<void> {
    const requests = await this.#pending.load();
    for (const [group, parts] of Map.groupBy(requests, (request) => request.group)) {
      const agents = parts.flatMap(({ value }) => value.agents);
      this.#groups.add(group, agents, parts.length);
    }
    this.#isStarted = true;
    this.#sender.add(requests);
    this.#sender.start();
  }

  async stop(): Promise<void> {
    this.#isStarted = false;
    this.#sender.stop();
    this.#groups.wakeAll();
    await this.#accepting;
  }

  /**
   * Enrols agents of this host. What resolves as `accepted` is on the disk and will be decided,
   * also after a crash; agents that are granted already are `committed` at once, without a request.
   *
   * @throws CooeeError ERR_AGENT_ID_TUPLE, ERR_ENROLMENT_TOO_LARGE, ERR_ENROLMENT_MALFORMED,
   * ERR_ENROLMENT_MIXED_HOSTS,
   *   ERR_SLURP_OUTBOX_FULL, ERR_API_STARTING, ERR_STORAGE_*
   */
  async enrol(agents: readonly AgentToEnrol[], options: EnrolOptions = {}): Promise<EnrolmentView> {
    if (!this.#isStarted) throw new CooeeError('ERR_API_STARTING');
    const prepared = prepareAgents(this.#components.crypto.sha256, agents);
    // One list after the other, so that requests come into the queue in the order of their numbers.
    const accepted = this.#accepting.then(() => this.#accept(prepared, options.revive ?? true));
    this.#accepting = accepted.catch(() => undefined);
    return await accepted;
  }

  /**
   * Waits until an enrolment is decided, at most so long.
   *
   * @throws CooeeError the refusal; ERR_API_NOT_FOUND for an unknown id
   */
  async wait(id: string, timeoutMs: number): Promise<EnrolmentView> {
    await this.#groups.decided(id, timeoutMs);
    return this.#view(id);
  }

  /** To be called after each entry was applied. */
  onEntryApplied(applied: AppliedCommands): void {
    if (this.#isStarted) this.#sender.onEntryApplied(applied);
  }

  /** To be called when a peer connects: somebody may hear now. */
  onPeer(): void {
    this.#sender.poke();
  }

  /** The leader's refusal of a request that never reaches the log. */
  onAnswer(origin: string, answer: EnrolAnswer): void {
    if (this.#isStarted) this.#sender.onAnswer(origin, answer);
  }

  async #accept(prepared: readonly PreparedAgent[], revive: boolean): Promise<EnrolmentView> {
    const { crypto, signer, state } = this.#components;
    const by = { peer: signer.peer, revive };
    const claimed = prepared.map((agent) => agent.claimed);
    const wanted = prepared.filter(({ hash }) => isWanted(state, hash, by));
    const running = this.#runningGroup(wanted);
    if (running !== undefined) return this.#view(running);
    if (wanted.length === 0) {
      const id = toHex(crypto.sha256(new TextEncoder().encode(claimed.map(hashOf).join())));
      this.#groups.add(id, claimed, 0);
      return this.#view(id);
    }
    const requests = this.#sign(wanted);
    await this.#pending.put(requests);
    const id = requests[0]?.group ?? '';
    this.#groups.add(id, claimed, requests.length);
    this.#sender.add(requests);
    return this.#view(id);
  }

  #sign(wanted: readonly PreparedAgent[]): PendingRequest[] {
    const { bootSeq, clock, crypto, meshId, signer } = this.#components;
    const requests = computeRequests({ signer, sha256: crypto.sha256 }, wanted, {
      mesh: meshId,
      boot: bootSeq.boot,
      timeMs: clock.nowMs(),
      next: () => bootSeq.next(),
    });
    if (this.pendingCount + requests.length > LIMITS.enrolmentsPendingMax) {
      throw new CooeeError('ERR_SLURP_OUTBOX_FULL', 'too many enrolments wait for the leader');
    }
    return requests;
  }

  #view(id: string): EnrolmentView {
    const view = this.#groups.view(id);
    if (view === undefined) throw new CooeeError('ERR_API_NOT_FOUND', 'no such enrolment');
    return view;
  }

  /** The enrolment that waits already for all of these agents. */
  #runningGroup(wanted: readonly PreparedAgent[]): string | undefined {
    const running = new Map<string, string>();
    for (const { group, value } of this.#sender.queue) {
      for (const agent of value.agents) running.set(hashOf(agent), group);
    }
    const groups = new Set(wanted.map(({ hash }) => running.get(hash)));
    return groups.size === 1 ? [...groups][0] : undefined;
  }

  #onSettled(request: PendingRequest, refusal: Refusal | null, index?: number): void {
    if (refusal === null) this.#groups.granted(request.group, index);
    else {
      const { code, details } = refusal;
      this.#logger.warn({ code, id: request.id }, 'an enrolment of this node was refused');
      this.#groups.refused(request.group, new CooeeError(code, undefined, { details }));
    }
    void this.#pending.delete(request.id);
  }
}
