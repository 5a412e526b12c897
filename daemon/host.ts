import {
  describeGpu,
  detectHost,
  HOST_FILE_BYTES_MAX,
  HOST_FILE_NAME,
  type HostFacts,
  HostFile,
  type HostIdentity,
  type HostPorts,
  reconcileHost,
  systemPorts,
  type WantedAgent,
} from '../bootstrap/host/index.ts';
import type { AgentToEnrol } from '../protocols/enrolment/index.ts';
import type { Clock, Health, Logger } from '../protocols/interface/index.ts';
import { durableText } from '../storage/durable-file.ts';
import type { Home } from '../storage/home.ts';
import type { Config } from './config/config.ts';

/** Facts are asked for again after this time: a model may have been installed. */
const FACTS_KEPT_MS = 10_000;
const GRAPHICS_KEPT_MS = 600_000;

/** What {@link Host} works with. */
export interface HostComponents {
  readonly home: Home;
  readonly clock: Clock;
  readonly health: Health;
  readonly logger: Logger;
}

/** Settings of {@link Host}. */
export interface HostInit {
  readonly config: Pick<Config, 'enrol' | 'models' | 'ollama'>;
  readonly hostname?: string | undefined;
  readonly mac?: string | undefined;
}

/** This host: what is installed on it, who it is to the mesh, which agents are wanted on it. */
export class Host {
  readonly #components: HostComponents;
  readonly #init: HostInit;
  readonly #file: HostFile;
  readonly #ports: HostPorts;
  #graphics:
    | { readonly value: ReturnType<HostPorts['graphics']>; readonly atMs: number }
    | undefined;
  #facts: { readonly value: Promise<HostFacts>; readonly atMs: number } | undefined;

  constructor(components: HostComponents, init: HostInit) {
    this.#components = components;
    this.#init = init;
    const path = components.home.file(HOST_FILE_NAME);
    this.#file = new HostFile(durableText(path, HOST_FILE_BYTES_MAX));
    const ports = systemPorts(components.logger.child('cooee:bootstrap:host'));
    this.#ports = { ...ports, graphics: () => this.#askGraphics(ports) };
  }

  /** What is found on this host right now. */
  async facts(): Promise<HostFacts> {
    const nowMs = this.#components.clock.monotonicMs();
    if (this.#facts === undefined || nowMs - this.#facts.atMs > FACTS_KEPT_MS) {
      const { ollama, models } = this.#init.config;
      const value = detectHost(this.#ports, {
        models,
        ...(ollama === undefined ? {} : { ollama }),
      });
      this.#facts = { value, atMs: nowMs };
    }
    return await this.#facts.value;
  }

  /** Asking holds up the event loop for its tools, and the answer hardly ever changes. */
  #askGraphics(ports: HostPorts): ReturnType<HostPorts['graphics']> {
    const nowMs = this.#components.clock.monotonicMs();
    if (this.#graphics === undefined || nowMs - this.#graphics.atMs > GRAPHICS_KEPT_MS) {
      this.#graphics = { value: ports.graphics(), atMs: nowMs };
    }
    return this.#graphics.value;
  }

  /**
   * Who this host is to the mesh. The first enrolment fixes it.
   *
   * @throws CooeeError ERR_BOOTSTRAP_HOST_FACTS, ERR_AGENT_ID_TUPLE for a flag of the wrong form
   */
  async identity(): Promise<HostIdentity> {
    const { identity: stored } = await this.#file.load();
    const { hostname, mac } = this.#init;
    const isGiven = hostname !== undefined && mac !== undefined;
    const detected = stored === undefined && isGiven ? {} : await this.facts();
    const { identity, condition } = reconcileHost(stored, detected, { hostname, mac });
    if (condition === undefined) this.#components.health.clear('host-changed');
    else this.#components.health.raise(condition);
    return identity;
  }

  /** The hostname that was typed before the first enrolment; undefined when it is the system's. */
  async givenHostname(): Promise<string | undefined> {
    const { identity } = await this.#file.load();
    return identity?.hostnameFrom === 'flag' ? identity.hostname : undefined;
  }

  /** Fixes the identity and notes the agents as wanted here. */
  async want(agents: readonly WantedAgent[]): Promise<HostIdentity> {
    const identity = await this.identity();
    await this.#file.fixIdentity(identity);
    await this.#file.addAgents(agents);
    return identity;
  }

  /** An agent was retired: it is not enrolled again by itself. */
  async unwant(model: string, gpuId: number): Promise<void> {
    await this.#file.removeAgent(model, gpuId);
  }

  /**
   * The agents that are to be enrolled at a start. What is found is not noted as wanted: a model
   * that is uninstalled is not asked for again.
   */
  async toEnrol(): Promise<readonly AgentToEnrol[]> {
    const wanted = await this.#wanted();
    if (wanted.length === 0) return [];
    const { hostname, mac } = await this.want([]);
    return wanted.map(({ model, gpu_id, gpu_info: gpuInfo }) => {
      return { model, hostname, mac, gpu_id, gpuInfo };
    });
  }

  /** Those that were asked for, and those that are found. */
  async #wanted(): Promise<readonly WantedAgent[]> {
    const { agents } = await this.#file.load();
    if (this.#init.config.enrol === 'manual') return agents;
    const { models, gpus } = await this.facts();
    const known = new Set(agents.map(({ model, gpu_id: gpuId }) => `${model}|${gpuId}`));
    const found = models.flatMap(({ name }) =>
      gpus.map((gpu) => ({ model: name, gpu_id: gpu.index, gpu_info: describeGpu(gpu) })),
    );
    const fresh = found.filter(({ model, gpu_id: gpuId }) => !known.has(`${model}|${gpuId}`));
    return [...agents, ...fresh].slice(0, 256);
  }
}
