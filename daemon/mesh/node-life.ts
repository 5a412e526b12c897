import type { Connection } from '@libp2p/interface';
import { HintDials } from '../../bootstrap/hint-dials.ts';
import {
  CooeeError,
  delay,
  type GossipMessage,
  type GossipVerdict,
  isCooeeError,
  toError,
} from '../../protocols/interface/index.ts';
import { isSeatNeeded, JOIN_PROTOCOL, memberOf } from '../../protocols/membership/index.ts';
import {
  type AppliedEntry,
  registerStart,
  serveReplica,
  vacateSeat,
} from '../../protocols/slurp/index.ts';
import type { RequestServer } from '../../protocols/wire/stream.ts';
import { serveGuests } from '../libp2p/guest-streams.ts';
import type { NodeComponents, NodeInit, NodeParts } from '../node.ts';
import { callsOf } from '../parts/webhooks.ts';
import { LEVELS } from '../system/version.ts';
import { bestFirst } from './mesh-view.ts';

const FOLLOW_RETRY_MS = 200;
/** A start goes on without its registration after this time: the leader may be away. */
const REGISTER_WAIT_MS = 500;

/** The life of a node: joins its parts by their events, starts and stops them in order. */
export class NodeLife {
  readonly init: NodeInit;
  readonly parts: NodeParts;
  readonly #components: NodeComponents;
  readonly #stopped = new AbortController();
  #guests: RequestServer | undefined;
  #isRegistered = false;
  #starting: Promise<void> = Promise.resolve();
  readonly #hints: HintDials;
  #admittedIndex: number;

  constructor(components: NodeComponents, init: NodeInit, parts: NodeParts) {
    this.#components = components;
    this.init = init;
    this.parts = parts;
    const { clock, logger } = components;
    const dial = parts.network.dial.bind(parts.network);
    this.#hints = new HintDials({ clock, logger, dial }, this.#stopped.signal);
    this.#admittedIndex = init.admittedIndex ?? 0;
  }

  /** This node's peer id. */
  get self(): string {
    return this.#components.signer.peer;
  }

  /** The addresses by which others may reach this node, best first, without its peer id. */
  addresses(): readonly string[] {
    return bestFirst(this.parts.network.node.getMultiaddrs().map(String));
  }

  /**
   * Starts the network and everything on it. A member registers its start; a joiner does that in
   * {@link admitted}.
   *
   * @throws CooeeError ERR_BOOTSTRAP_LISTEN, ERR_STORAGE_*; ERR_API_STARTING when it is stopped
   * meanwhile
   */
  async start(): Promise<void> {
    const starting = this.#start();
    this.#starting = starting.catch(() => undefined);
    await starting;
  }

  async #start(): Promise<void> {
    const { parts } = this;
    const steps: readonly (() => Promise<void> | void)[] = [
      () => this.#join(),
      () => this.#serve(),
      () => parts.link.start(),
      () => parts.network.start(),
      () => parts.gossip.start(),
      () => parts.submit.start(),
      () => parts.holding.start(),
      () => parts.claims.start(),
      () => parts.leaderAsks.start(),
      () => parts.recoveries.start(),
      () => parts.consensus.start(),
      () => parts.courier.start(),
      () => parts.blockCourier.start(),
      () => parts.contents.start(),
      () => parts.enrolment.start(),
      () => parts.capability.start(),
      () => parts.liveness.start(),
      () => parts.redial.start(),
      () => parts.watchdog.start(),
      () => parts.heads.start(),
      () => parts.records.start(),
      () => parts.webhooks.start(() => parts.snapshots.isSound),
    ];
    for (const step of steps) {
      this.#stopped.signal.throwIfAborted();
      await step();
    }
    if (memberOf(parts.state, this.self) !== undefined) await this.#register();
    else if (this.#wasRemoved()) parts.guard.removed();
    const { appliedIndex: applied } = parts.meshLog;
    this.#components.logger.info({ applied }, 'the node is up');
  }

  /**
   * Follows the log up to this node's own admission, then takes part as a member.
   *
   * @throws CooeeError ERR_SLURP_ANCHOR when the log is not the one that the invite named
   */
  async admitted(index: number): Promise<void> {
    const { consensus, meshLog, state, guard } = this.parts;
    this.#admittedIndex = index;
    while (meshLog.appliedIndex < index) {
      try {
        await consensus.follow(index);
      } catch (error) {
        if (isCooeeError(error, 'ERR_SLURP_ANCHOR')) throw error;
        this.#components.logger.debug({ err: toError(error) }, 'the log cannot be followed yet');
        await delay(this.#components.clock, FOLLOW_RETRY_MS, this.#stopped.signal);
      }
    }
    this.parts.webhooks.admitted(index);
    if (memberOf(state, this.self) === undefined) guard.removed();
    else await this.#register();
  }

  /** Has the last voter's seat given to another before it is removed. Throws as vacateSeat. */
  async vacate(peer: string): Promise<void> {
    const { state, leaderAsks } = this.parts;
    const { clock } = this.#components;
    const isNeeded = (it: string): boolean => isSeatNeeded(state, it);
    await vacateSeat({ state, clock, isNeeded, vacate: (it) => leaderAsks.vacate(it) }, peer);
  }

  /** Stops everything; never throws. The stores are left to their owner. */
  async stop(): Promise<void> {
    this.#stopped.abort(new CooeeError('ERR_API_STARTING', 'the node stops'));
    // What is started after it was stopped would go on for ever.
    await this.#starting;
    const { parts } = this;
    parts.watchdog.stop();
    parts.floods.stop();
    parts.introduction.stop();
    parts.calls.stop();
    const steps: readonly (() => Promise<void>)[] = [
      () => parts.webhooks.stop(),
      () => parts.records.stop(),
      () => parts.redial.stop(),
      () => parts.capability.stop(),
      () => parts.enrolment.stop(),
      () => parts.blockCourier.stop(),
      () => parts.courier.stop(),
      () => parts.outbox.stop(),
      () => parts.contents.stop(),
      () => parts.consensus.stop(),
      () => parts.heads.stop(),
      () => parts.snapshots.stop(),
      () => parts.link.stop(),
      () => parts.liveness.sayGoodbye(),
      () => parts.liveness.stop(),
      () => parts.gossip.stop(),
      () => parts.streams.stop(),
      async () => await this.#guests?.stop(),
      () => parts.network.stop(),
      () => parts.meshLog.close(),
    ];
    for (const step of steps) {
      await step().catch((error: unknown) => {
        this.#components.logger.warn({ err: toError(error) }, 'a part did not stop in order');
      });
    }
  }

  /** The parts hear of each other here and nowhere else. */
  #join(): void {
    const { meshLog, outbox, network, gossip, view } = this.parts;
    meshLog.addHook((entry) => outbox.writesFor(entry));
    meshLog.onApplied((entry) => this.#onApplied(entry));
    meshLog.onReplaced((index) => this.#onReplaced(index));
    network.node.addEventListener('connection:open', (event) => this.#onConnection(event.detail));
    network.node.addEventListener('connection:close', ({ detail }) =>
      this.parts.admission.closed(detail.id),
    );
    network.node.addEventListener('peer:disconnect', (event) =>
      this.#onDisconnect(event.detail.toString()),
    );
    network.node.addEventListener('peer:identify', ({ detail }) => {
      const { peerId, listenAddrs, connection } = detail;
      if (connection.status === 'open') view.heard(peerId.toString(), listenAddrs.map(String));
    });
    this.parts.consensus.onChange(() => this.#onLeadership());
    this.parts.trust.onRecovery(() => this.#onRecovery());
    this.parts.link.onPeer((peer, event) => {
      if (event === 'broken') this.parts.consensus.onStreamBroken(peer);
      else this.parts.consensus.onConnection(peer, event === 'connected');
    });
    gossip.handle('slurp', (message) => this.#onHead(message));
    network.onDiscovered((peer, addresses) => this.#onDiscovered(peer, addresses));
  }

  async #serve(): Promise<void> {
    const { meshLog, streams, guests, admission, trust, heads, headSigner, snapshots } = this.parts;
    this.#guests = await serveGuests(guests, JOIN_PROTOCOL, (peer, body, connection) =>
      admission.handle(peer, body, connection),
    );
    const refresh = (): Promise<void> => heads.refresh();
    await serveReplica({ meshLog, responder: streams, trust, refresh, snapshots });
    await snapshots.serve(streams);
    await headSigner.serve(streams);
  }

  #onConnection(connection: Connection): void {
    const peer = connection.remotePeer.toString();
    const { state, liveness, introduction, consensus, courier, enrolment, redial } = this.parts;
    if (memberOf(state, peer) === undefined && !this.parts.view.connected().includes(peer)) return;
    liveness.connected(peer);
    redial.onConnect(peer);
    introduction.present(connection);
    this.parts.recoveries.met(peer);
    consensus.nudge();
    courier.nudge();
    this.parts.blockCourier.nudge();
    this.parts.contents.nudge();
    enrolment.onPeer();
    this.parts.records.onPeer();
    this.#tell('peer:connect', { peer });
  }

  #onDisconnect(peer: string): void {
    const { state, liveness, redial, admission, view } = this.parts;
    if (memberOf(state, peer) === undefined) view.forget(peer);
    liveness.disconnected(peer);
    admission.disconnected(peer);
    redial.onDisconnect(peer);
    // Strangers come and go untold.
    if (state.get('member', peer) !== undefined) this.#tell('peer:disconnect', { peer });
  }

  #onApplied(entry: AppliedEntry): void {
    const { calls, outbox, enrolment, heads, guard } = this.parts;
    if (outbox.isForged(entry)) guard.cloned();
    outbox.onApplied(entry);
    for (const event of entry.events) this.#onEvent(event, entry.index > this.#admittedIndex);
    enrolment.onEntryApplied(entry);
    this.parts.records.onApplied(entry);
    calls.onApplied(entry);
    this.parts.webhooks.onApplied(callsOf(entry));
    heads.changed();
  }

  /** Entries were passed over: the parts look at the state instead. */
  #onReplaced(index: number): void {
    const { outbox, enrolment, state, standing, redial, view, liveness } = this.parts;
    void this.#note(outbox.onReplaced(state), 'what is decided stays in the outbox for now');
    for (const [peer, { removedIndex }] of state.entries('member')) {
      standing.changed(peer);
      if (removedIndex !== null) this.#forget(peer);
      else if (view.isConnected(peer)) liveness.connected(peer);
    }
    redial.poke();
    this.parts.capability.onReplaced();
    this.parts.calls.onReplaced();
    this.parts.webhooks.onReplaced();
    this.parts.records.onReplaced();
    enrolment.onEntryApplied({ index, decisions: [], events: [] });
    if (this.#wasRemoved() && memberOf(state, this.self) === undefined) this.parts.guard.removed();
  }

  /** @param isNews - not history from before this node's admission */
  #onEvent(event: AppliedEntry['events'][number], isNews: boolean): void {
    const { standing, guard, redial, capability, liveness, view, state } = this.parts;
    this.#components.onEvent(event);
    capability.onStateEvent(event);
    // A voter has heard it from Raft already.
    if (event.type === 'leader:change' && this.parts.consensus.raft === undefined) {
      this.parts.courier.leaderChanged();
      this.parts.blockCourier.leaderChanged();
    }
    const peer = event.data['peer'];
    if (!event.type.startsWith('member:') || typeof peer !== 'string') return;
    standing.changed(peer);
    if (event.type !== 'member:clone') guard.acquit(peer);
    if (event.type === 'member:join' || event.type === 'member:boot') {
      // It tells where it is to be found now.
      if (!view.isConnected(peer)) view.forget(peer);
      redial.onAddress(peer);
      redial.poke();
    }
    // It came as a guest, over a connection that is a member's from now on.
    if (event.type === 'member:join' && view.isConnected(peer)) {
      liveness.connected(peer);
      this.parts.recoveries.met(peer);
      this.parts.records.onPeer();
    }
    const isOut = event.type === 'member:remove' || event.type === 'member:leave';
    if (isOut) this.#forget(peer);
    const isSelf = peer === this.self;
    if (isSelf) guard.counted();
    if (!isNews) return;
    if (isOut && isSelf) guard.removed();
    if (event.type !== 'member:clone') return;
    if (isSelf) guard.cloned();
    else guard.accuse(peer, state.get('member', peer)?.boot ?? 0);
  }

  #wasRemoved(): boolean {
    const { meshLog, state } = this.parts;
    const record = state.get('member', this.self);
    return record !== undefined && meshLog.appliedIndex >= this.#admittedIndex;
  }

  #forget(peer: string): void {
    this.parts.streams.forget(peer);
  }

  /** Only a head that the voters signed is worth a pull here, and worth handing on. */
  #onHead(message: GossipMessage): GossipVerdict {
    const { consensus, meshLog, trust } = this.parts;
    try {
      const signed = trust.hear(message.body);
      if (signed.head.index > meshLog.appliedIndex) consensus.nudge();
      return 'accept';
    } catch (error) {
      if (isCooeeError(error, 'ERR_WIRE_VERSION') || isCooeeError(error, 'ERR_SLURP_ANCHOR')) {
        return 'ignore';
      }
      if (!isCooeeError(error, 'ERR_SLURP_HEAD')) return 'reject';
      // A node that has not heard who votes now takes a good head for a stranger's: it asks.
      if (error.details['reason'] === 'signature') return 'reject';
      consensus.nudge();
      return 'ignore';
    }
  }

  /**
   * mDNS hears of a member at an address: dialled at once, and whoever answers must prove to be
   * that member. Before there is a member list, those count whom the invite vouched for.
   */
  #onDiscovered(peer: string, addresses: readonly string[]): void {
    const { standing, network } = this.parts;
    if (standing.standing(peer) !== 'member' || network.isDirect(peer)) return;
    void this.#hints.follow(peer, addresses);
  }

  /** The operator recovered the mesh, here or elsewhere. */
  #onRecovery(): void {
    const { trust, consensus, recoveries } = this.parts;
    recoveries.tellAll();
    if (trust.epochs.isSuperseded) this.#components.onSuperseded?.();
    else consensus.onEpoch();
  }

  /** Who leads changed, or who votes: what waits for a leader is sent again. */
  #onLeadership(): void {
    const { consensus, courier, heads, link } = this.parts;
    link.keep(consensus.partners);
    this.parts.records.onLeadership();
    this.parts.calls.onLeadership();
    courier.leaderChanged();
    this.parts.blockCourier.leaderChanged();
    heads.changed();
  }

  /**
   * Registers this start in the log; a node is up when that is committed, or after half a second.
   */
  async #register(): Promise<void> {
    if (this.#isRegistered) return;
    this.#isRegistered = true;
    const { clock, logger } = this.#components;
    const { boot, name } = this.init;
    const registering = registerStart(
      { clock, logger, outbox: this.parts.outbox },
      { ...boot, name, addresses: [...this.addresses()], levels: [...LEVELS] },
      this.#stopped.signal,
    );
    const registered = this.#note(registering, 'this start is not registered');
    // A joiner that is told of its start before it greets its user has nothing left to wait for.
    await Promise.race([registered, this.#pause(REGISTER_WAIT_MS)]);
  }

  async #pause(timeoutMs: number): Promise<void> {
    await delay(this.#components.clock, timeoutMs, this.#stopped.signal).catch(() => undefined);
  }

  async #note(task: Promise<unknown>, message: string): Promise<void> {
    await task.catch((error: unknown) => {
      this.#components.logger.warn({ err: toError(error) }, message);
    });
  }

  #tell(type: string, data: Readonly<Record<string, unknown>>): void {
    this.#components.onEvent({ type, data });
  }
}
