import { describeGpu } from '../../bootstrap/host/index.ts';
import { canonicalTuple } from '../../protocols/agent-id/index.ts';
import { computeView } from '../../protocols/capability/index.ts';
import {
  CooeeError,
  type Crypto,
  isCooeeError,
  type StateReader,
} from '../../protocols/interface/index.ts';
import type {
  AgentView,
  BodyOf,
  EnrolView,
  HostView,
  ResponseOf,
  WriteView,
} from '../api/routes/index.ts';
import type { AgentsPage, AgentsQuery, Caller, EnrolItem, WriteWait } from '../api/services.ts';
import type { Daemon } from '../daemon.ts';
import type { NodeLife } from '../mesh/node-life.ts';
import { timeoutOf, writeView } from './mesh-services.ts';
import { canonicalToken, dhtNameOf, resolveAgent } from './resolve.ts';

const BYTES_PER_MIB = 1024 * 1024;

/** The services about agents and the host they run on. */
export class AgentServices {
  readonly #daemon: Daemon;
  readonly #crypto: Crypto;

  constructor(daemon: Daemon, crypto: Crypto) {
    this.#daemon = daemon;
    this.#crypto = crypto;
  }

  query(query: AgentsQuery): AgentsPage {
    return { json: this.#daemon.soundNode.parts.capability.pageJson(query) };
  }

  /** Out of the state of this node; while that lags behind the mesh's, also out of the DHT. */
  async resolve(ref: string): Promise<ResponseOf<'getAgent'>> {
    const { state, records } = this.#daemon.soundNode.parts;
    try {
      return this.#resolveHere(ref);
    } catch (error) {
      const isUnknown = isCooeeError(error, 'ERR_API_NOT_FOUND');
      const isBehind = isUnknown && records.resolver.isBehind;
      const found = isBehind ? await this.#resolveInDht(state, ref) : undefined;
      if (found === undefined) throw error;
      return found;
    }
  }

  async #resolveInDht(state: StateReader, ref: string): Promise<AgentView | undefined> {
    const name = dhtNameOf(state, this.#crypto.sha256, ref);
    if (name === undefined) return undefined;
    const { records } = this.#daemon.soundNode.parts;
    const record = await records.resolver.find(name);
    // Two tuples may share a tiny hash, and a whole hash names one of them.
    if (record === undefined || (name.hash !== undefined && name.hash !== record.hash)) {
      return undefined;
    }
    const view = computeView({ record, announced: undefined, isReachable: false });
    return { ...view, capabilities: [], lastSeen: null, source: 'dht' };
  }

  #resolveHere(ref: string): ResponseOf<'getAgent'> {
    const { state, capability } = this.#daemon.soundNode.parts;
    const resolved = resolveAgent(state, this.#crypto.sha256, ref);
    const viewOf = (token: string): AgentView => {
      const view = capability.get(token);
      if (view === undefined) throw new CooeeError('ERR_API_NOT_FOUND', 'no such agent');
      return { ...view, capabilities: [...view.capabilities] };
    };
    if (resolved.kind === 'agent') return viewOf(resolved.record.token);
    return { agents: resolved.records.map(({ token }) => viewOf(token)) };
  }

  /** Fixes who this host is, notes the agents as wanted, and hands the sealed request on. */
  async enrol(items: readonly EnrolItem[], wait: WriteWait): Promise<EnrolView> {
    const { host } = this.#daemon.components;
    const { publisher } = this.#heardParts().enrolment;
    const identity = await host.identity();
    const { gpus } = await host.facts();
    const agents = items.map(({ model, gpuId = 0, gpuInfo }) => {
      const gpu = gpus.find(({ index }) => index === gpuId);
      const described = gpuInfo ?? (gpu === undefined ? '' : describeGpu(gpu));
      const { hostname, mac } = identity;
      const tuple = canonicalTuple({ model, hostname, mac, gpu_id: gpuId });
      return { ...tuple, gpuId, gpuInfo: described };
    });
    await host.want(
      agents.map(({ model, gpuId, gpuInfo }) => ({ model, gpu_id: gpuId, gpu_info: gpuInfo })),
    );
    const enrolled = await publisher.enrol(
      agents.map(({ model, hostname, mac, gpu_id, gpuInfo }) => ({
        model,
        hostname,
        mac,
        gpu_id,
        gpuInfo,
      })),
    );
    const view =
      wait.committed && enrolled.state !== 'committed'
        ? await publisher.wait(enrolled.id, wait.timeoutMs)
        : enrolled;
    const token = view.agents[0]?.token;
    return {
      id: view.id,
      state: view.state,
      agents: view.agents.map((agent) => ({ ...agent })),
      ...(token === undefined ? {} : { token }),
      ...(view.index === undefined ? {} : { index: view.index }),
    };
  }

  async retire(tokenText: string, wait: WriteWait): Promise<WriteView> {
    const { writer, state } = this.#daemon.memberNode.parts;
    const token = canonicalToken(state, this.#crypto.sha256, tokenText);
    const record = state.get('agent', token);
    // First: when there is no room to note it, nothing is handed in, and it can be tried again.
    if (record?.peer === this.#daemon.components.signer.peer) {
      await this.#daemon.components.host.unwant(record.model, record.gpuSlot);
    }
    return writeView(await writer.write('agent.retire', { token }, { timeoutMs: timeoutOf(wait) }));
  }

  /**
   * By the operator for any agent of this host, by an agent for itself.
   *
   * @throws CooeeError ERR_MEMBERSHIP_REMOVED: nobody would hear it; and as the service does
   */
  async announce(
    tokenText: string,
    change: BodyOf<'announceAgent'>,
    { agent }: Caller,
  ): Promise<AgentView> {
    const { capability, state } = this.#heardParts();
    const token = canonicalToken(state, this.#crypto.sha256, tokenText);
    if (agent !== undefined && agent !== token) throw new CooeeError('ERR_SESSIONS_NOT_SELF');
    const view = await capability.announce(token, change);
    return { ...view, capabilities: [...view.capabilities] };
  }

  async rebind(tokenText: string, peer: string, wait: WriteWait): Promise<WriteView> {
    const { writer, state } = this.#daemon.memberNode.parts;
    const token = canonicalToken(state, this.#crypto.sha256, tokenText);
    return writeView(
      await writer.write('agent.rebind', { token, peer }, { timeoutMs: timeoutOf(wait) }),
    );
  }

  async host(): Promise<HostView> {
    const { host } = this.#daemon.components;
    const [facts, identity] = await Promise.all([host.facts(), host.identity()]);
    const enrolled = this.#enrolledModels();
    return {
      hostname: identity.hostname,
      mac: identity.mac,
      models: facts.models.map(({ name, source }) => ({
        model: name,
        source,
        sizeBytes: null,
        enrolled: enrolled.has(name),
      })),
      gpus: facts.gpus.map(({ index, name, vendor, uuid, memoryMb }) => ({
        gpuId: String(index),
        name,
        vendor,
        uuid: uuid ?? null,
        memoryBytes: memoryMb === undefined ? null : memoryMb * BYTES_PER_MIB,
      })),
    };
  }

  /** Of a node whose word somebody hears: what goes by gossip does not pass the outbox. */
  #heardParts(): NodeLife['parts'] {
    const { parts } = this.#daemon.memberNode;
    if (parts.guard.isOut) throw new CooeeError('ERR_MEMBERSHIP_REMOVED');
    return parts;
  }

  #enrolledModels(): ReadonlySet<string> {
    const { state } = this.#daemon.soundNode.parts;
    const self = this.#daemon.components.signer.peer;
    const models = new Set<string>();
    for (const [, agent] of state.entries('agent')) {
      if (agent.peer === self && agent.retiredIndex === null) models.add(agent.model);
    }
    return models;
  }
}
