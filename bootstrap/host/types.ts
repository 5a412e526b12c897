import type { Logger } from '../../protocols/interface/index.ts';

/** Why a command gave nothing. */
export type RunFailure = 'missing' | 'failed' | 'slow' | 'too-long';

/** What a command printed on stdout, or why there is nothing. */
export type RunResult =
  | { readonly ok: true; readonly output: string }
  | { readonly ok: false; readonly failure: RunFailure };

/** Why a request gave nothing. */
export type HttpFailure = 'unreachable' | 'slow' | 'status' | 'too-long';

/** The body of a 200 answer, or why there is none. */
export type HttpResult =
  | { readonly ok: true; readonly body: string }
  | { readonly ok: false; readonly failure: HttpFailure };

/** A network interface as the system lists it. */
export interface HostInterface {
  readonly name: string;
  readonly mac: string;
}

/** What is used of a graphics controller of the `systeminformation` package. */
export interface GraphicsController {
  readonly vendor: string;
  readonly model: string;
  /** `03:00.0`, with or without a domain before it; empty when unknown. */
  readonly busAddress?: string;
  readonly vram: number | null;
  /** True when the GPU has no memory of its own and `vram` says nothing. */
  readonly vramDynamic: boolean;
}

/** What the host is asked through: all bounded in time and size, and none of them throws. */
export interface HostPorts {
  /** `linux` or `darwin`; others have a hostname, a MAC address and one CPU slot. */
  readonly platform: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Runs a program without a shell. */
  run(command: string, args: readonly string[]): Promise<RunResult>;
  /** Gets a URL; no redirects. */
  fetch(url: string): Promise<HttpResult>;
  /** A small file, or undefined when it is missing, may not be read or is too long. */
  readText(path: string): Promise<string | undefined>;
  /** Names in a folder, sorted; none when it is missing. */
  listFolder(path: string): Promise<readonly string[]>;
  /** The graphics controllers that `systeminformation` finds. */
  graphics(): Promise<readonly GraphicsController[]>;
  interfaces(): readonly HostInterface[];
  hostname(): string;
  /** The model of the CPU, or an empty text. */
  cpuModel(): string;
  readonly logger: Logger;
}

/** What the configuration says about detection. */
export interface HostConfig {
  /**
   * Address of Ollama; `false` = do not ask. Default: `OLLAMA_HOST`, else `http://127.0.0.1:11434`.
   */
  readonly ollama?: string | false;
  /** Models that are on this host besides those that are found. */
  readonly models?: readonly string[];
}

/** Who made a GPU; `cpu` is the one slot of a host without any. */
export type GpuVendor = 'nvidia' | 'amd' | 'intel' | 'apple' | 'cpu';

/** A GPU slot of this host. */
export interface Gpu {
  /** 0-15: the `gpu_id` of agents on it. */
  readonly index: number;
  readonly name: string;
  readonly vendor: GpuVendor;
  readonly uuid?: string;
  /** Its own memory in MiB; absent when it has none or does not tell. */
  readonly memoryMb?: number;
}

/** A model that is installed on this host. */
export interface HostModel {
  /** In the canonical form of an agent's tuple. */
  readonly name: string;
  readonly source: 'ollama' | 'config';
}

/** What the host says it is; a field that it cannot say is missing. */
export interface DetectedIdentity {
  /** In the canonical form of an agent's tuple. */
  readonly hostname?: string;
  /** 12 lower-case hex digits. */
  readonly mac?: string;
}

/** Everything that was found out about this host. */
export interface HostFacts extends DetectedIdentity {
  /** At least one, sorted by index. */
  readonly gpus: readonly Gpu[];
  /** Sorted by name. */
  readonly models: readonly HostModel[];
}
