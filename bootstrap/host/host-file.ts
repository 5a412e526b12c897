import { z } from 'zod';
import { CooeeError, LIMITS } from '../../protocols/interface/index.ts';
import { canonicalOrNone } from './canonical.ts';
import type { HostIdentity } from './identity.ts';
import { parseJson } from './parse-json.ts';

/** A file that is replaced as a whole and durably; its reads are bounded. */
export interface DurableTextPort {
  read(): Promise<string | undefined>;
  write(text: string): Promise<void>;
}

/** The name of the file in the home. */
export const HOST_FILE_NAME = 'host.json';

/** Bound for the reads of the port: 256 agents with fields of 255 bytes, in JSON. */
export const HOST_FILE_BYTES_MAX = 512 * 1024;

const canonical = (field: 'model' | 'hostname' | 'mac') =>
  z.string().refine((text) => canonicalOrNone(field, text) === text);

const gpuInfoSchema = z
  .string()
  .refine((text) => new TextEncoder().encode(text).length <= LIMITS.tupleFieldBytesMax)
  .refine((text) => !/\p{C}/u.test(text));

const agentSchema = z.strictObject({
  model: canonical('model'),
  gpu_id: z
    .int()
    .min(0)
    .max(LIMITS.gpuSlotsMax - 1),
  gpu_info: gpuInfoSchema,
});

const sourceSchema = z.enum(['flag', 'system']);
const identitySchema = z.strictObject({
  hostname: canonical('hostname'),
  mac: canonical('mac'),
  hostnameFrom: sourceSchema,
  macFrom: sourceSchema,
});

const agentsSchema = z
  .array(agentSchema)
  .max(LIMITS.agentsPerHostMax)
  .refine((agents) => new Set(agents.map(agentKey)).size === agents.length);

const recordSchema = z.strictObject({
  v: z.literal(1),
  identity: identitySchema.optional(),
  agents: agentsSchema,
});

/** An agent that is wanted on this host: a model on a GPU slot. */
export interface WantedAgent {
  /** In the canonical form of an agent's tuple. */
  readonly model: string;
  /** 0-15. */
  readonly gpu_id: number;
  /** At most 255 bytes; for the leader's eyes. */
  readonly gpu_info: string;
}

/** What a home remembers of its host. */
export interface HostRecord {
  /** Fixed at the first enrolment. */
  readonly identity?: HostIdentity;
  /** At most 256, no model twice on one slot. */
  readonly agents: readonly WantedAgent[];
}

/**
 * `host.json` of a home. Changes are carried out one after another, and count once they are on the
 * disk.
 */
export class HostFile {
  readonly #file: DurableTextPort;
  #record: HostRecord | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(file: DurableTextPort) {
    this.#file = file;
  }

  /**
   * What the file says; an empty record when there is none. @throws CooeeError ERR_STORAGE_DAMAGED,
   * _IO
   */
  async load(): Promise<HostRecord> {
    this.#record ??= parseRecord(await this.#file.read());
    return this.#record;
  }

  /**
   * Fixes who this host is. The first call decides; later ones change nothing.
   *
   * @throws CooeeError ERR_STORAGE_DISK_FULL, ERR_STORAGE_IO
   */
  async fixIdentity(identity: HostIdentity): Promise<HostRecord> {
    return await this.#change((record) =>
      record.identity === undefined ? { ...record, identity } : record,
    );
  }

  /**
   * Adds agents to those that are wanted on this host; one that is there gets the new `gpu_info`.
   *
   * @throws CooeeError ERR_ENROLMENT_TOO_LARGE when there would be more than 256
   * @throws CooeeError ERR_ENROLMENT_MALFORMED when one is not canonical
   */
  async addAgents(agents: readonly WantedAgent[]): Promise<HostRecord> {
    return await this.#change((record) => {
      const byKey = new Map(record.agents.map((agent) => [agentKey(agent), agent]));
      for (const agent of agents) byKey.set(agentKey(agent), checkAgent(agent));
      if (byKey.size > LIMITS.agentsPerHostMax) {
        throw new CooeeError('ERR_ENROLMENT_TOO_LARGE', 'A host has at most 256 agents.', {
          details: { agents: byKey.size, agentsMax: LIMITS.agentsPerHostMax },
        });
      }
      return { ...record, agents: [...byKey.values()] };
    });
  }

  /** Removes an agent from those that are wanted; harmless when it is not there. */
  async removeAgent(model: string, gpuId: number): Promise<HostRecord> {
    const key = agentKey({ model, gpu_id: gpuId });
    return await this.#change((record) => {
      const agents = record.agents.filter((agent) => agentKey(agent) !== key);
      return agents.length === record.agents.length ? record : { ...record, agents };
    });
  }

  #change(change: (record: HostRecord) => HostRecord): Promise<HostRecord> {
    const next = this.#last.then(async () => {
      const before = await this.load();
      const after = change(before);
      if (after === before) return before;
      await this.#file.write(`${JSON.stringify({ v: 1, ...after }, undefined, 2)}\n`);
      this.#record = after;
      return after;
    });
    this.#last = next.catch(() => undefined); // the caller of the failed change has been told
    return next;
  }
}

function agentKey(agent: Pick<WantedAgent, 'model' | 'gpu_id'>): string {
  return `${agent.model}|${agent.gpu_id}`;
}

function checkAgent(agent: WantedAgent): WantedAgent {
  const checked = agentSchema.safeParse(agent);
  if (checked.success) return checked.data;
  const field = String(checked.error.issues[0]?.path[0] ?? 'agent');
  throw new CooeeError('ERR_ENROLMENT_MALFORMED', `The ${field} of an agent is not canonical.`, {
    details: { field },
  });
}

function parseRecord(text: string | undefined): HostRecord {
  if (text === undefined) return { agents: [] };
  const parsed = recordSchema.safeParse(parseJson(text));
  if (!parsed.success) {
    throw new CooeeError('ERR_STORAGE_DAMAGED', `${HOST_FILE_NAME} is not a host record.`, {
      details: { file: HOST_FILE_NAME },
      cause: parsed.error,
    });
  }
  const { identity, agents } = parsed.data;
  return identity === undefined ? { agents } : { identity, agents };
}
